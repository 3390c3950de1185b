# Run by cpack between staging and packing: copyright, changelog and lintian's overrides into each package, man pages compressed.
# All of it is the same for the same commit: times come from SOURCE_DATE_EPOCH, gzip writes none, and the umask does not matter.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(entry ${CPACK_KVCACHE_PACKAGES})
  string(REGEX MATCH "^([^=]+)=(.+)$" entry ${entry})
  set(package ${CMAKE_MATCH_2})
  set(usr ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${CMAKE_MATCH_1}/usr)
  if(NOT IS_DIRECTORY ${usr})
    message(FATAL_ERROR "${usr} is not there")
  endif()
  set(doc ${usr}/share/doc/${package})
  file(COPY ${CPACK_KVCACHE_SOURCE}/packaging/debian/copyright DESTINATION ${doc})
  file(WRITE ${doc}/changelog "${package} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * What changed is in CHANGELOG.md of the source.

 -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}
")
  set(overrides ${CPACK_KVCACHE_SOURCE}/packaging/debian/${package}.lintian-overrides)
  if(EXISTS ${overrides})
    file(COPY ${overrides} DESTINATION ${usr}/share/lintian/overrides)
    file(RENAME ${usr}/share/lintian/overrides/${package}.lintian-overrides ${usr}/share/lintian/overrides/${package})
  endif()
  file(GLOB pages ${usr}/share/man/man*/*.[0-9])
  execute_process(COMMAND gzip -9n ${doc}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND chmod -R u=rwX,go=rX ${usr} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
