# Sources that are made at build time: the version, and the built-in data set as arrays.
find_package(Git QUIET)
set(MPIGAN_GIT_HASH "no git")
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --exclude=*
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE git_output
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_result)
  if(git_result EQUAL 0)
    set(MPIGAN_GIT_HASH "git ${git_output}")
    # grows with every commit and checkout, and is to be looked at again then
    execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --path-format=absolute --git-path logs/HEAD
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE git_log
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(EXISTS "${git_log}")
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${git_log})
    endif()
  endif()
endif()
set(MPIGAN_BUILD_TYPE ${CMAKE_BUILD_TYPE})
if(MPIGAN_NATIVE)
  string(APPEND MPIGAN_BUILD_TYPE ", native")
endif()
if(MPIGAN_SANITIZE)
  string(APPEND MPIGAN_BUILD_TYPE ", sanitizers")
endif()
configure_file(${CMAKE_SOURCE_DIR}/src/base/version.c.in ${CMAKE_BINARY_DIR}/generated/version.c)

# A file as `const unsigned char NAME[]`.
function(mpigan_embed file name)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "((0x..,){20})" "\\1\n" bytes "${bytes}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${name}.c @ONLY
    CONTENT "extern const unsigned char ${name}[];\nconst unsigned char ${name}[] = {\n${bytes}};\n")
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

mpigan_embed(${CMAKE_SOURCE_DIR}/src/data/digits/train-images-idx3-ubyte gan_digits_images)
mpigan_embed(${CMAKE_SOURCE_DIR}/src/data/digits/train-labels-idx1-ubyte gan_digits_labels)

set(MPIGAN_GENERATED
  ${CMAKE_BINARY_DIR}/generated/version.c
  ${CMAKE_BINARY_DIR}/generated/gan_digits_images.c
  ${CMAKE_BINARY_DIR}/generated/gan_digits_labels.c)
