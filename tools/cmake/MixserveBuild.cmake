# Flags, ccache, sanitizers, and the helpers that every folder uses.

find_program(MIXSERVE_CCACHE ccache)
if(MIXSERVE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MIXSERVE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MIXSERVE_CCACHE})
endif()

if(CMAKE_UNITY_BUILD)
  # A batch names its sources by their whole paths. Without the checkout's, ccache knows it in another folder, too.
  add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -O2 without NDEBUG: an assert is our own bug and worth its time. -ffp-contract=off keeps a*b+c
# from being fused in one build and not in another: results are compared bitwise.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")
add_compile_options(-ffp-contract=off)

if(MIXSERVE_LINKER)
  add_link_options(-fuse-ld=lld)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # The packaged clang finds its own lld first.
    add_link_options(-Wno-unused-command-line-argument)
  endif()
endif()
# Environment of every test.
set(MIXSERVE_TEST_ENVIRONMENT
  "MIXSERVE_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "MIXSERVE_BUILD_DIR=${PROJECT_BINARY_DIR}")
if(MIXSERVE_SANITIZE MATCHES "address")
  # LLVM's allocators poison in our (instrumented) code what the packaged libMLIR does not unpoison.
  list(APPEND MIXSERVE_TEST_ENVIRONMENT "ASAN_OPTIONS=allow_user_poisoning=0")
endif()
if(MIXSERVE_SANITIZE)
  add_compile_options(-fsanitize=${MIXSERVE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${MIXSERVE_SANITIZE})
  if(MIXSERVE_SANITIZE MATCHES "undefined")
    # A finding must fail the test that meets it. vptr checks need RTTI of packaged libraries. null and object-size
    # take a fifth of the time to compile, and an access through such a pointer faults, or the address sanitizer sees
    # it, without them; what they alone see is one that is bound or called, and not accessed.
    add_compile_options(-fno-sanitize-recover=all -fno-sanitize=vptr,null,object-size)
    add_link_options(-fno-sanitize=vptr,null,object-size)
  endif()
endif()

# Warnings for our own code; call for every target that holds it.
function(mixserve_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${MIXSERVE_WERROR}>:-Werror>)
endfunction()

# mixserve_time_limit(TEST SECONDS): ends TEST when it takes longer. A sanitizer makes our code 3 to 20
# times slower; the limit is there for what hangs.
function(mixserve_time_limit test seconds)
  if(MIXSERVE_SANITIZE)
    math(EXPR seconds "${seconds} * 5")
  endif()
  set_tests_properties(${test} PROPERTIES TIMEOUT ${seconds})
endfunction()

# mixserve_gtest(NAME SOURCES ... LINK ... TIMEOUT 120): a GoogleTest program that ctest runs as
# `unit.NAME`.
function(mixserve_gtest name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;INCLUDE" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${ARG_INCLUDE})
  mixserve_warnings(${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME unit.${name} COMMAND ${name})
  mixserve_time_limit(unit.${name} ${ARG_TIMEOUT})
  set_tests_properties(unit.${name} PROPERTIES ENVIRONMENT "${MIXSERVE_TEST_ENVIRONMENT}")
endfunction()
