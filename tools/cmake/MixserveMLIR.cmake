# Finds the packaged MLIR/LLVM 22 and defines how our libraries are built on it.

find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "mixserve needs MLIR/LLVM 22, found ${LLVM_PACKAGE_VERSION}; "
                      "set -DMLIR_DIR=<prefix>/lib/cmake/mlir")
endif()
# Not exported by the package: without it the static archives are linked beside libMLIR.so.
set(MLIR_LINK_MLIR_DYLIB ON)
set(LLVM_LINK_LLVM_DYLIB ON)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(MIXSERVE_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

# What every MLIR-based target of ours compiles and links with.
add_library(MixserveMLIR INTERFACE)
target_include_directories(MixserveMLIR SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(MixserveMLIR INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/include)
target_compile_options(MixserveMLIR INTERFACE ${MIXSERVE_LLVM_DEFINITIONS} -Wno-unused-parameter)
target_compile_options(MixserveMLIR INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:SHELL:-include ${PROJECT_SOURCE_DIR}/tools/cmake/GccTypeNames.h>)
target_link_libraries(MixserveMLIR INTERFACE MLIR LLVM)

# mixserve_tablegen(NAME td OUTPUTS pairs...): mixserve_tablegen(FooIncGen Foo.td Foo.h.inc -gen-op-decls ...)
function(mixserve_tablegen name td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(pairs ${ARGN})
  while(pairs)
    list(POP_FRONT pairs output flags)
    separate_arguments(flags)
    mlir_tablegen(${output} ${flags} -I ${MLIR_INCLUDE_DIRS} -I ${PROJECT_SOURCE_DIR}
                  -I ${PROJECT_SOURCE_DIR}/include)
  endwhile()
  add_public_tablegen_target(${name})
endfunction()

# add_mixserve_library(NAME SOURCES ... TABLEGEN targets... LINK libraries...): one part of the compiler.
function(add_mixserve_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TABLEGEN;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC MixserveMLIR ${ARG_LINK})
  mixserve_warnings(${name})
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
endfunction()
