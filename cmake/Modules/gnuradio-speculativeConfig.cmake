find_package(PkgConfig)

PKG_CHECK_MODULES(PC_GR_SPECULATIVE gnuradio-speculative)

FIND_PATH(
    GR_SPECULATIVE_INCLUDE_DIRS
    NAMES gnuradio/speculative/api.h
    HINTS $ENV{SPECULATIVE_DIR}/include
        ${PC_SPECULATIVE_INCLUDEDIR}
    PATHS ${CMAKE_INSTALL_PREFIX}/include
          /usr/local/include
          /usr/include
)

FIND_LIBRARY(
    GR_SPECULATIVE_LIBRARIES
    NAMES gnuradio-speculative
    HINTS $ENV{SPECULATIVE_DIR}/lib
        ${PC_SPECULATIVE_LIBDIR}
    PATHS ${CMAKE_INSTALL_PREFIX}/lib
          ${CMAKE_INSTALL_PREFIX}/lib64
          /usr/local/lib
          /usr/local/lib64
          /usr/lib
          /usr/lib64
          )

include("${CMAKE_CURRENT_LIST_DIR}/gnuradio-speculativeTarget.cmake")

INCLUDE(FindPackageHandleStandardArgs)
FIND_PACKAGE_HANDLE_STANDARD_ARGS(GR_SPECULATIVE DEFAULT_MSG GR_SPECULATIVE_LIBRARIES GR_SPECULATIVE_INCLUDE_DIRS)
MARK_AS_ADVANCED(GR_SPECULATIVE_LIBRARIES GR_SPECULATIVE_INCLUDE_DIRS)
