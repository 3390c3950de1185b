# `cpack` in the build folder (preset package) makes three .deb files from the components of install.cmake. scripts/release does it.
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL tool library development)
if(KVCACHE_CAPI)
  list(APPEND CPACK_COMPONENTS_ALL c_library)
endif()
set(CPACK_PACKAGE_NAME kvcache)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# Versions that grow: 0.1.0~TIME.COMMIT < 0.1.0 (tagged) < 0.1.0+TIME.COMMIT < 0.1.1.
set(CPACK_PACKAGE_VERSION ${KVCACHE_VERSION})
if(NOT KVCACHE_VERSION_FULL STREQUAL KVCACHE_VERSION)
  string(REGEX MATCH "[0-9a-f]+$" commit ${KVCACHE_VERSION_FULL})
  set(side "~")
  if(KVCACHE_VERSION_FULL MATCHES "\\+v")
    set(side "+")
  endif()
  set(CPACK_PACKAGE_VERSION "${KVCACHE_VERSION}${side}${KVCACHE_COMMIT_TIME}.${commit}")
endif()

set(KVCACHE_MAINTAINER "kvcache maintainers <maintainers@users.noreply.b-seed-0fabaca6.example>" CACHE STRING "Maintainer of the .deb files")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${KVCACHE_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

get_target_property(soversion kvcache_shared SOVERSION)
set(CPACK_DEBIAN_TOOL_PACKAGE_NAME kvcache)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOL_PACKAGE_SHLIBDEPS ON)
# Loaded when an address is used: no linker tells of them, and whoever has local files alone does without.
set(recommended)
if(KVCACHE_REMOTE)
  list(APPEND recommended "libcurl4 (>= 7.85)")
endif()
if(TARGET kvcache_fleet)
  list(APPEND recommended libpq5)
endif()
list(JOIN recommended ", " CPACK_DEBIAN_TOOL_PACKAGE_RECOMMENDS)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libkvcache${soversion})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
# CPack writes scripts that call ldconfig; Debian asks for this trigger, which runs it once for all packages.
file(WRITE ${PROJECT_BINARY_DIR}/package/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/triggers)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libkvcache-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libkvcache${soversion} (= ${CPACK_PACKAGE_VERSION}), zlib1g-dev")
# For those of its components that are used: store, remote, fleet.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libsqlite3-dev, libzstd-dev, libexpat1-dev")
if(KVCACHE_CAPI)
  set(CPACK_DEBIAN_C_LIBRARY_PACKAGE_NAME libkvcache-c${KVCACHE_ABI_MAJOR})
  set(CPACK_DEBIAN_C_LIBRARY_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_C_LIBRARY_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_C_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/package/triggers)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libkvcache-c${KVCACHE_ABI_MAJOR} (= ${CPACK_PACKAGE_VERSION})")
endif()
if(KVCACHE_FMT_PACKAGE)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libfmt-dev")
endif()
# The first line is the summary: not the project's, which CPack would put before it.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(what "A prompt cache holds the keys and values of a language model after a
prompt. kvcache shows what is in such a file of mlx-lm, mlx-swift-lm or
mlxrs, checks it, trims, quantizes, converts, batches and repairs it. It
needs no Python, no MLX, no GPU and no model.")
set(CPACK_DEBIAN_TOOL_DESCRIPTION "inspect, verify, convert and edit prompt-cache files
${what}")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "prompt-cache files of MLX runtimes, shared library
${what}
.
This is what programs need to run that use it.")
set(CPACK_DEBIAN_C_LIBRARY_DESCRIPTION "prompt-cache files of MLX runtimes, shared library for C
${what}
.
This is what programs need to run that use its interface for C.")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "prompt-cache files of MLX runtimes, development files
${what}
.
This is what is needed to write programs in C++20 or C with it: headers,
static library, packages for CMake and pkg-config.")

# What a Debian package holds and other systems do not want: see there.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/packaging/debian/documents.cmake)
set(CPACK_KVCACHE_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_KVCACHE_PACKAGES "tool=kvcache;library=libkvcache${soversion};development=libkvcache-dev")
if(KVCACHE_CAPI)
  list(APPEND CPACK_KVCACHE_PACKAGES "c_library=libkvcache-c${KVCACHE_ABI_MAJOR}")
endif()
include(CPack)
