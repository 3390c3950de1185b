# Flags for all of our own code.
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "kvcache is written in C++20 and needs g++ 12 or clang 14; this is ${CMAKE_CXX_COMPILER} "
                      "${CMAKE_CXX_COMPILER_VERSION}. Another compiler: cmake -DCMAKE_CXX_COMPILER=g++-12")
endif()

add_library(kvcache_flags INTERFACE)
target_compile_options(kvcache_flags INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${KVCACHE_WERROR}>:-Werror>)
# Same bytes whatever the folder the build runs in.
target_compile_options(kvcache_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)

if(NOT APPLE)
  # What the tool never calls is left out of it.
  target_compile_options(kvcache_flags INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(kvcache_flags INTERFACE -Wl,--gc-sections)
endif()

if(KVCACHE_HARDEN)
  target_compile_options(kvcache_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(kvcache_flags INTERFACE _GLIBCXX_ASSERTIONS)
  if(NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_RELEASE}" MATCHES "_FORTIFY_SOURCE")  # packagers have their own
    target_compile_definitions(kvcache_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  endif()
  if(NOT APPLE)
    target_link_options(kvcache_flags INTERFACE -Wl,-z,relro,-z,now)
  endif()
endif()

if(KVCACHE_SANITIZE)
  target_compile_options(kvcache_flags INTERFACE -fsanitize=${KVCACHE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(kvcache_flags INTERFACE -fsanitize=${KVCACHE_SANITIZE})
endif()

if(KVCACHE_FUZZ)
  # Coverage for libFuzzer in all of our code; its main is linked into the targets alone (tests/fuzz).
  target_compile_options(kvcache_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
