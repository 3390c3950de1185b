# What `cmake --install` puts where. Components: tool, library (what programs need to run), development.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(KVCACHE_TOOL)
  install(TARGETS kvcache_cli RUNTIME COMPONENT tool)
endif()
install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tool FILES_MATCHING PATTERN "*.1")
install(DIRECTORY man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man7 COMPONENT tool FILES_MATCHING PATTERN "*.7")
install(FILES completions/kvcache.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME kvcache COMPONENT tool)
install(FILES completions/_kvcache DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT tool)
# One for each document that --json prints.
install(DIRECTORY schemas DESTINATION ${CMAKE_INSTALL_DATADIR}/kvcache COMPONENT tool FILES_MATCHING PATTERN "*.json")
install(FILES completions/kvcache.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT tool)

# find_package(kvcache): one file of targets for each library, so that only what the static one needs is looked for with it.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/kvcache)
set_target_properties(kvcache PROPERTIES EXPORT_NAME static)
set_target_properties(kvcache_shared PROPERTIES EXPORT_NAME shared)
install(TARGETS kvcache EXPORT static ARCHIVE COMPONENT development INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS kvcache_shared EXPORT shared
        LIBRARY COMPONENT library NAMELINK_COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(KVCACHE_CAPI)
  # Component c_library: its name and that of the library above change apart.
  set_target_properties(kvcache_c_shared PROPERTIES EXPORT_NAME c)
  install(TARGETS kvcache_c_shared EXPORT c
          LIBRARY COMPONENT c_library NAMELINK_COMPONENT development
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT c NAMESPACE kvcache:: FILE kvcache-c.cmake DESTINATION ${package} COMPONENT development)
endif()
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
# Libraries beside it, each in a file of its own; what they need is looked for where somebody asks for them.
foreach(part store remote fleet)
  if(TARGET kvcache_${part})
    set_target_properties(kvcache_${part} PROPERTIES EXPORT_NAME ${part})
    install(TARGETS kvcache_${part} EXPORT ${part} ARCHIVE COMPONENT development INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(EXPORT ${part} NAMESPACE kvcache:: FILE kvcache-${part}.cmake DESTINATION ${package} COMPONENT development)
  endif()
endforeach()
foreach(kind static shared)
  install(EXPORT ${kind} NAMESPACE kvcache:: FILE kvcache-${kind}.cmake DESTINATION ${package} COMPONENT development)
endforeach()
configure_package_config_file(cmake/package/kvcacheConfig.cmake.in ${PROJECT_BINARY_DIR}/package/kvcacheConfig.cmake
                              INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
set(compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/kvcacheConfigVersion.cmake COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/package/kvcacheConfig.cmake ${PROJECT_BINARY_DIR}/package/kvcacheConfigVersion.cmake
        DESTINATION ${package} COMPONENT development)

# pkg-config. Paths are relative to the file, so that an installed tree can be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE includedir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE prefix)
set(fmt_library "")
if(KVCACHE_FMT_PACKAGE)
  set(fmt_library " -lfmt")
endif()
configure_file(cmake/package/kvcache.pc.in ${PROJECT_BINARY_DIR}/package/kvcache.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/kvcache.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
if(KVCACHE_CAPI)
  configure_file(cmake/package/kvcache_c.pc.in ${PROJECT_BINARY_DIR}/package/kvcache_c.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/kvcache_c.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endif()
