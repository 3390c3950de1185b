# The version: from VERSION, with the commit where git knows it. A tarball without git has VERSION alone.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../VERSION KVCACHE_VERSION LIMIT_COUNT 1)
set(KVCACHE_VERSION_FULL ${KVCACHE_VERSION})
find_package(Git QUIET)
if(Git_FOUND AND EXISTS ${CMAKE_CURRENT_LIST_DIR}/../.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_CURRENT_LIST_DIR}/.. describe --tags --always --match "v[0-9]*"
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(described AND NOT described STREQUAL "v${KVCACHE_VERSION}")
    set(KVCACHE_VERSION_FULL "${KVCACHE_VERSION}+${described}")
  endif()
endif()
