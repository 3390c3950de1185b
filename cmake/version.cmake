# The version: from VERSION, and after it the commit unless that is the one tagged with it. Git knows the commit, or in a tarball that
# `git archive` made, commit.txt; otherwise VERSION stands alone.
#
#   KVCACHE_VERSION       0.1.0
#   KVCACHE_VERSION_FULL  0.1.0, 0.1.0+v0.1.0-5-g0123456789ab, 0.1.0+0123456789ab (no tag yet)
#   KVCACHE_COMMIT_TIME   seconds since 1970, or empty: what packages give as SOURCE_DATE_EPOCH
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../VERSION KVCACHE_VERSION LIMIT_COUNT 1)
set(KVCACHE_VERSION_FULL ${KVCACHE_VERSION})
set(KVCACHE_COMMIT_TIME "")
set(described "")
find_package(Git QUIET)
if(Git_FOUND AND EXISTS ${CMAKE_CURRENT_LIST_DIR}/../.git)
  set(git ${GIT_EXECUTABLE} -C ${CMAKE_CURRENT_LIST_DIR}/..)
  execute_process(COMMAND ${git} describe --tags --always --abbrev=12 --match "v[0-9]*"
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} show -s --format=%ct HEAD
                  OUTPUT_VARIABLE KVCACHE_COMMIT_TIME OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
else()
  file(READ ${CMAKE_CURRENT_LIST_DIR}/commit.txt commit)
  if(commit MATCHES "^(v[^|]*)?\\|([0-9a-f]+)\\|([0-9]+)\n$")
    set(described "${CMAKE_MATCH_1}")
    set(KVCACHE_COMMIT_TIME ${CMAKE_MATCH_3})
    if(NOT described)
      string(SUBSTRING ${CMAKE_MATCH_2} 0 12 described)
    endif()
  endif()
endif()
if(described AND NOT described STREQUAL "v${KVCACHE_VERSION}")
  set(KVCACHE_VERSION_FULL "${KVCACHE_VERSION}+${described}")
endif()
