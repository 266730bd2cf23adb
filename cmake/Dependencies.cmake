# Everything that mpigan links, behind one target: mpigan_dependencies.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# HDF5's C library, serial. FindHDF5 falls back to a parallel build if that is all there is, which
# serves as well.
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)

# OpenBLAS: the OpenMP build, by path. Where several builds are installed, the plain library name
# resolves to another one (Debian: pthreads, which fights with OpenMP for the cores).
find_library(OPENBLAS_LIBRARY NAMES openblas
  HINTS ENV OPENBLAS_ROOT ENV OPENBLAS_DIR
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
        /usr/lib/x86_64-linux-gnu/openblas-openmp /usr/lib/aarch64-linux-gnu/openblas-openmp
  PATH_SUFFIXES lib lib64
  NO_DEFAULT_PATH)
find_library(OPENBLAS_LIBRARY NAMES openblaso openblas_openmp openblas REQUIRED)
get_filename_component(OPENBLAS_FOLDER ${OPENBLAS_LIBRARY} DIRECTORY)
find_path(OPENBLAS_INCLUDE_DIR NAMES cblas.h
  HINTS ENV OPENBLAS_ROOT ENV OPENBLAS_DIR
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
        /usr/include/x86_64-linux-gnu/openblas-openmp
        /usr/include/aarch64-linux-gnu/openblas-openmp ${OPENBLAS_FOLDER}/../include
  PATH_SUFFIXES include openblas
  NO_DEFAULT_PATH)
find_path(OPENBLAS_INCLUDE_DIR NAMES cblas.h PATH_SUFFIXES openblas REQUIRED)

# oneDNN, if it is there: faster products on most shapes, and bf16. Version 2.6 or 3, built for OpenMP
# (Debian: libdnnl-dev).
option(MPIGAN_ONEDNN "Use oneDNN where it is found" ON)
if(MPIGAN_ONEDNN)
  find_library(ONEDNN_LIBRARY NAMES dnnl
    HINTS ENV ONEDNN_ROOT ENV DNNLROOT PATH_SUFFIXES lib lib64)
  find_path(ONEDNN_INCLUDE_DIR NAMES dnnl.h
    HINTS ENV ONEDNN_ROOT ENV DNNLROOT PATH_SUFFIXES include)
  if(ONEDNN_LIBRARY AND ONEDNN_INCLUDE_DIR)
    include(CheckCSourceCompiles)
    set(CMAKE_REQUIRED_INCLUDES ${ONEDNN_INCLUDE_DIR})
    check_c_source_compiles("
      #include <dnnl.h>
      #if DNNL_VERSION_MAJOR < 2 || (DNNL_VERSION_MAJOR == 2 && DNNL_VERSION_MINOR < 6)
      #error version
      #endif
      #if DNNL_CPU_RUNTIME != DNNL_RUNTIME_OMP && DNNL_CPU_RUNTIME != DNNL_RUNTIME_SEQ
      #error threads of another kind
      #endif
      int main(void) { return 0; }" MPIGAN_ONEDNN_SERVES)
    unset(CMAKE_REQUIRED_INCLUDES)
  endif()
endif()

# Random123: header-only.
find_path(RANDOM123_INCLUDE_DIR NAMES Random123/philox.h
  HINTS ENV RANDOM123_ROOT PATH_SUFFIXES include REQUIRED)

add_library(mpigan_dependencies INTERFACE)
target_include_directories(mpigan_dependencies SYSTEM INTERFACE
  ${HDF5_C_INCLUDE_DIRS} ${OPENBLAS_INCLUDE_DIR} ${RANDOM123_INCLUDE_DIR})
target_link_libraries(mpigan_dependencies INTERFACE
  MPI::MPI_C ${HDF5_C_LIBRARIES} ${OPENBLAS_LIBRARY} PkgConfig::YAML PkgConfig::XXHASH PNG::PNG
  JPEG::JPEG ZLIB::ZLIB OpenMP::OpenMP_C Threads::Threads ${CMAKE_DL_LIBS} m)
if(MPIGAN_ONEDNN AND MPIGAN_ONEDNN_SERVES)
  message(STATUS "oneDNN: ${ONEDNN_LIBRARY}")
  target_include_directories(mpigan_dependencies SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
  target_link_libraries(mpigan_dependencies INTERFACE ${ONEDNN_LIBRARY})
  target_compile_definitions(mpigan_dependencies INTERFACE GAN_ONEDNN)
else()
  message(STATUS "oneDNN: not found or not wanted; OpenBLAS multiplies everything, in fp32")
endif()
