# A part is a folder of src/ with everything in it, compiled once. `libraries`: what its sources need, other parts by name.
set(KVCACHE_PARTS "" CACHE INTERNAL "")

function(kvcache_part name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(kv_${name} OBJECT ${sources})
  target_include_directories(kv_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(kv_${name} PRIVATE kvcache_flags ${ARGN})
  set(KVCACHE_PARTS ${KVCACHE_PARTS} kv_${name} CACHE INTERNAL "")
endfunction()

# libkvcache, static by default, from all parts. kvcache::kvcache for users.
function(kvcache_library)
  add_library(kvcache)
  add_library(kvcache::kvcache ALIAS kvcache)
  foreach(part ${KVCACHE_PARTS})
    target_sources(kvcache PRIVATE $<TARGET_OBJECTS:${part}>)
  endforeach()
  set_target_properties(kvcache PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(kvcache PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_compile_features(kvcache PUBLIC cxx_std_20)
  target_link_libraries(kvcache PRIVATE $<BUILD_INTERFACE:kvcache_fmt> $<BUILD_INTERFACE:kvcache_zlib>
                        $<BUILD_INTERFACE:kvcache_flags> Threads::Threads)
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
  add_library(kv_cli OBJECT ${sources} ${assets})
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
