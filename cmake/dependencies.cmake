# Everything comes from the system's packages; scripts/setup installs what is missing.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

# Highway: headers only. Debian builds its small run-time part as a shared library alone, which would bring libstdc++.so
# back into the tool; src/tensor/simd/targets.cpp stands in for it.
find_path(KVCACHE_HWY_INCLUDE hwy/highway.h REQUIRED)
add_library(kvcache_hwy INTERFACE)
target_include_directories(kvcache_hwy SYSTEM INTERFACE ${KVCACHE_HWY_INCLUDE})
# Left are SSE4, AVX2, AVX3 and NEON: those that targets.cpp detects and that are worth their compile time. SSE2 (which
# later versions of Highway know, as 1 << 14) has no conversions of float16 to rely on: before SSE4 the scalar code runs.
target_compile_definitions(kvcache_hwy INTERFACE
                           "HWY_DISABLED_TARGETS=((1LL << 14)|HWY_SSSE3|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")

# What users of the static library have to link for fmt.
set(KVCACHE_FMT_PACKAGE "")
if(KVCACHE_STATIC_RUNTIME)
  if(fmt_VERSION VERSION_GREATER_EQUAL 9 AND fmt_VERSION VERSION_LESS 10)
    # Debian 12 has no libfmt.a either, but ships the source of it as a header: compiled once here, as fmt's own format.cc does.
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/fmt_static.cpp CONTENT [[
#include <fmt/format-inl.h>
FMT_BEGIN_NAMESPACE
namespace detail {
template thousands_sep_result<char> thousands_sep_impl(locale_ref);
template char decimal_point_impl(locale_ref);
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);
}
FMT_END_NAMESPACE
]] @ONLY)
    get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
    add_library(kvcache_fmt STATIC ${CMAKE_BINARY_DIR}/fmt_static.cpp)
    set_target_properties(kvcache_fmt PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    target_include_directories(kvcache_fmt SYSTEM PUBLIC ${fmt_include})
  else()
    # Of another version's insides nothing is assumed. Four times the compile time of a file that formats.
    add_library(kvcache_fmt INTERFACE)
    target_link_libraries(kvcache_fmt INTERFACE fmt::fmt-header-only)
  endif()
  find_library(KVCACHE_ZLIB_ARCHIVE libz.a)
  add_library(kvcache_zlib INTERFACE)
  target_link_libraries(kvcache_zlib INTERFACE $<IF:$<BOOL:${KVCACHE_ZLIB_ARCHIVE}>,${KVCACHE_ZLIB_ARCHIVE},ZLIB::ZLIB>)
else()
  set(KVCACHE_FMT_PACKAGE fmt::fmt)
  add_library(kvcache_fmt INTERFACE)
  target_link_libraries(kvcache_fmt INTERFACE fmt::fmt)
  add_library(kvcache_zlib INTERFACE)
  target_link_libraries(kvcache_zlib INTERFACE ZLIB::ZLIB)
endif()
