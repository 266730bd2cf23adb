# Binary, library, public headers, pkg-config file, configs and man page.
set(MPIGAN_PC_REQUIRES "yaml-0.1 libxxhash libpng libjpeg zlib")
set(MPIGAN_PC_LIBS "")
foreach(library ${MPI_C_LIBRARIES} ${HDF5_C_LIBRARIES} ${OPENBLAS_LIBRARY})
  string(APPEND MPIGAN_PC_LIBS "${library} ")
endforeach()
if(MPIGAN_ONEDNN AND MPIGAN_ONEDNN_SERVES)
  string(APPEND MPIGAN_PC_LIBS "${ONEDNN_LIBRARY} ")
endif()
string(APPEND MPIGAN_PC_LIBS
  "-Wl,-rpath,${OPENBLAS_FOLDER} -lyaml -lxxhash -lpng -ljpeg -lz ${OpenMP_C_FLAGS} -lpthread -ldl -lm")
# The file says where it is by itself, so that an installed tree can be moved.
file(RELATIVE_PATH MPIGAN_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" MPIGAN_PC_PREFIX "${MPIGAN_PC_PREFIX}")
configure_file(${CMAKE_SOURCE_DIR}/cmake/mpigan.pc.in ${CMAKE_BINARY_DIR}/mpigan.pc @ONLY)

install(TARGETS mpigan mpigan_library)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/mpigan DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/mpigan.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/configs DESTINATION ${CMAKE_INSTALL_DATADIR}/mpigan)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/mpigan
  USE_SOURCE_PERMISSIONS)
install(FILES ${CMAKE_SOURCE_DIR}/doc/mpigan.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
