# Everything comes from the system's packages, which scripts/setup installs, or from the project around this one, if it has them.
function(kvcache_need package target)
  if(NOT TARGET ${target})
    find_package(${package} REQUIRED)
    set(${package}_VERSION ${${package}_VERSION} PARENT_SCOPE)
  endif()
endfunction()

kvcache_need(Threads Threads::Threads)
kvcache_need(ZLIB ZLIB::ZLIB)
kvcache_need(fmt fmt::fmt)
kvcache_need(nlohmann_json nlohmann_json::nlohmann_json)
if(KVCACHE_TOOL)
  kvcache_need(CLI11 CLI11::CLI11)
endif()

# What parts beside the library need: left out where it is not there.
if(KVCACHE_REMOTE)
  find_package(CURL 7.85 QUIET)
  find_package(EXPAT QUIET)
  if(NOT CURL_FOUND OR NOT EXPAT_FOUND)
    message(STATUS "kvcache_remote is left out: it needs libcurl 7.85 and Expat (scripts/setup)")
    set(KVCACHE_REMOTE OFF)
  else()
    # As an archive where the tool is to be one file: a library more to load is a tenth of what /bin/true takes.
    add_library(kvcache_expat INTERFACE)
    if(KVCACHE_STATIC_RUNTIME)
      find_library(KVCACHE_EXPAT_ARCHIVE libexpat.a)
    endif()
    if(KVCACHE_STATIC_RUNTIME AND KVCACHE_EXPAT_ARCHIVE)
      target_include_directories(kvcache_expat SYSTEM INTERFACE $<TARGET_PROPERTY:EXPAT::EXPAT,INTERFACE_INCLUDE_DIRECTORIES>)
      target_link_libraries(kvcache_expat INTERFACE ${KVCACHE_EXPAT_ARCHIVE})
    else()
      target_link_libraries(kvcache_expat INTERFACE EXPAT::EXPAT)
    endif()
  endif()
endif()

# Highway: headers only. Debian builds its small run-time part as a shared library alone, which would bring libstdc++.so
# back into the tool; src/tensor/simd/targets.cpp stands in for it.
add_library(kvcache_hwy INTERFACE)
if(TARGET hwy)
  target_include_directories(kvcache_hwy SYSTEM INTERFACE $<TARGET_PROPERTY:hwy,INTERFACE_INCLUDE_DIRECTORIES>)
else()
  find_path(KVCACHE_HWY_INCLUDE hwy/highway.h REQUIRED)
  target_include_directories(kvcache_hwy SYSTEM INTERFACE ${KVCACHE_HWY_INCLUDE})
endif()
# Under a name of our own. A program that uses Highway too, of another version or with other targets, has functions of the same
# names, inline ones as well, and the linker would take one of each for both.
target_compile_definitions(kvcache_hwy INTERFACE hwy=kvcache_highway)
# Left are SSE4, AVX2, AVX3 and NEON: those that targets.cpp detects and that are worth their compile time. SSE2 (which
# later versions of Highway know, as 1 << 14) has no conversions of float16 to rely on: before SSE4 the scalar code runs.
target_compile_definitions(kvcache_hwy INTERFACE
                           "HWY_DISABLED_TARGETS=((1LL << 14)|HWY_SSSE3|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")

# What users of the static library have to link for fmt.
set(KVCACHE_FMT_PACKAGE "")
if(KVCACHE_STATIC_RUNTIME)
  if(fmt_VERSION VERSION_GREATER_EQUAL 9 AND fmt_VERSION VERSION_LESS 10)
    # Debian 12 has no libfmt.a either, but ships the source of it as a header: compiled once here, as fmt's own format.cc does.
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/fmt_static.cpp CONTENT [[
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
    add_library(kvcache_fmt STATIC ${PROJECT_BINARY_DIR}/fmt_static.cpp)
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

# utf8proc: how many columns of a terminal text takes. Of the tool alone; its packages for CMake differ, so it is looked for itself.
if(KVCACHE_TOOL)
  add_library(kvcache_utf8proc INTERFACE)
  if(TARGET utf8proc)
    target_link_libraries(kvcache_utf8proc INTERFACE utf8proc)
  else()
    find_path(KVCACHE_UTF8PROC_INCLUDE utf8proc.h REQUIRED)
    find_library(KVCACHE_UTF8PROC_LIBRARY utf8proc REQUIRED)
    find_library(KVCACHE_UTF8PROC_ARCHIVE libutf8proc.a)
    target_include_directories(kvcache_utf8proc SYSTEM INTERFACE ${KVCACHE_UTF8PROC_INCLUDE})
    if(KVCACHE_STATIC_RUNTIME AND KVCACHE_UTF8PROC_ARCHIVE)
      target_link_libraries(kvcache_utf8proc INTERFACE ${KVCACHE_UTF8PROC_ARCHIVE})
    else()
      target_link_libraries(kvcache_utf8proc INTERFACE ${KVCACHE_UTF8PROC_LIBRARY})
    endif()
  endif()
endif()
