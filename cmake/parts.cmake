# A part is a folder of src/ with everything in it, compiled once. `libraries`: what its sources need, other parts by name.
set(KVCACHE_PARTS "" CACHE INTERNAL "")

function(kvcache_part name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(kv_${name} OBJECT ${sources})
  # Of the shared library only what include/kvcache declares is seen.
  set_target_properties(kv_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(kv_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(kv_${name} PRIVATE kvcache_flags ${ARGN})
  set(KVCACHE_PARTS ${KVCACHE_PARTS} kv_${name} CACHE INTERNAL "")
endfunction()

# libkvcache from all parts: the static library, which the tool and other targets of this build use as kvcache::kvcache, and
# the shared one from the same objects.
function(kvcache_library)
  add_library(kvcache STATIC)
  add_library(kvcache_shared SHARED)
  add_library(kvcache::kvcache ALIAS kvcache)
  foreach(library kvcache kvcache_shared)
    foreach(part ${KVCACHE_PARTS})
      target_sources(${library} PRIVATE $<TARGET_OBJECTS:${part}>)
    endforeach()
    target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
    target_compile_features(${library} PUBLIC cxx_std_20)
    target_link_libraries(${library} PRIVATE Threads::Threads $<BUILD_INTERFACE:kvcache_flags>)
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME kvcache)
  endforeach()
  # Before 1.0 a minor version may change the binary interface.
  set(soversion ${PROJECT_VERSION_MAJOR})
  if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(soversion 0.${PROJECT_VERSION_MINOR})
  endif()
  set_target_properties(kvcache_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${soversion})
  target_link_libraries(kvcache PRIVATE $<BUILD_INTERFACE:kvcache_zlib> $<BUILD_INTERFACE:kvcache_fmt>
                        $<INSTALL_INTERFACE:ZLIB::ZLIB> $<INSTALL_INTERFACE:${KVCACHE_FMT_PACKAGE}>)
  # An archive of zlib need not be position-independent code.
  target_link_libraries(kvcache_shared PRIVATE ZLIB::ZLIB kvcache_fmt)
  get_target_property(fmt_type kvcache_fmt TYPE)
  if(fmt_type STREQUAL STATIC_LIBRARY)
    # Ours, so it goes along; users' own fmt does not mind: what both define is the same template.
    target_sources(kvcache PRIVATE $<TARGET_OBJECTS:kvcache_fmt>)
  endif()
  if(NOT APPLE)
    target_link_options(kvcache_shared PRIVATE -Wl,--exclude-libs,ALL)
    if(NOT KVCACHE_SANITIZE)
      target_link_options(kvcache_shared PRIVATE -Wl,-z,defs)
    endif()
  endif()
endfunction()

function(kvcache_tool)
  # Without its main it is also what the fuzzer of whole commands is linked with.
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cli/*.cpp)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/cli/main.cpp)
  # The page of `kvcache report` is written as HTML and CSS and embedded.
  set(page ${CMAKE_SOURCE_DIR}/src/cli/report_page)
  set(assets ${CMAKE_BINARY_DIR}/report_assets.cpp)
  add_custom_command(OUTPUT ${assets} DEPENDS ${page}/page.html ${page}/page.css ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake
                     COMMAND ${CMAKE_COMMAND} -D FOLDER=${page} -D OUT=${assets} -P ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake)
  # `kvcache completion` prints what is in completions/.
  foreach(script bash:kvcache.bash zsh:_kvcache fish:kvcache.fish)
    string(REPLACE : ";" script ${script})
    list(GET script 0 shell)
    list(GET script 1 name)
    file(READ ${CMAKE_SOURCE_DIR}/completions/${name} ${shell})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/completions/${name})
  endforeach()
  configure_file(${CMAKE_SOURCE_DIR}/src/cli/completion_scripts.cpp.in ${CMAKE_BINARY_DIR}/completion_scripts.cpp @ONLY)
  add_library(kv_cli OBJECT ${sources} ${assets} ${CMAKE_BINARY_DIR}/completion_scripts.cpp)
  target_include_directories(kv_cli PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(kv_cli PUBLIC kvcache_flags kvcache_fmt nlohmann_json::nlohmann_json CLI11::CLI11)
  add_executable(kvcache_cli ${CMAKE_SOURCE_DIR}/src/cli/main.cpp $<TARGET_OBJECTS:kv_cli>)
  set_target_properties(kvcache_cli PROPERTIES OUTPUT_NAME kvcache)
  target_include_directories(kvcache_cli PRIVATE ${CMAKE_SOURCE_DIR}/src)
  # One file knows the version: a commit must not recompile the others.
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/cli/version.cpp PROPERTIES COMPILE_DEFINITIONS KVCACHE_VERSION="${KVCACHE_VERSION_FULL}")
  target_link_libraries(kvcache_cli PRIVATE kvcache kvcache_flags kvcache_fmt nlohmann_json::nlohmann_json CLI11::CLI11)
  if(KVCACHE_STATIC_RUNTIME AND NOT APPLE)
    target_link_options(kvcache_cli PRIVATE -static-libstdc++ -static-libgcc)
  endif()
  if(KVCACHE_HARDEN AND NOT APPLE)
    target_link_options(kvcache_cli PRIVATE -pie)
  endif()
endfunction()

# The same objects without any shared library: runs on every Linux of the architecture, in an empty root folder, too.
function(kvcache_static_tool)
  if(APPLE OR NOT KVCACHE_STATIC_RUNTIME)
    message(FATAL_ERROR "KVCACHE_STATIC_TOOL is for Linux and needs KVCACHE_STATIC_RUNTIME=ON")
  endif()
  add_executable(kvcache_static_cli ${CMAKE_SOURCE_DIR}/src/cli/main.cpp $<TARGET_OBJECTS:kv_cli>)
  set_target_properties(kvcache_static_cli PROPERTIES OUTPUT_NAME kvcache-static)
  target_include_directories(kvcache_static_cli PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(kvcache_static_cli PRIVATE kvcache kvcache_flags kvcache_fmt nlohmann_json::nlohmann_json CLI11::CLI11)
  # A warning here is glibc's: what was called loads libraries all the same (names of users or hosts, iconv).
  target_link_options(kvcache_static_cli PRIVATE -static-pie -s -Wl,--fatal-warnings)
endfunction()
