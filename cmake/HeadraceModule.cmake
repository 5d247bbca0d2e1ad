# headrace_module(NAME SOURCES ... DEPS ... LIBRARIES ... TESTS ... TEST_DEPS ... [MIND])
#
# One static library per module.  Its include path holds include/ and the modules named in DEPS,
# each under its own folder name, and nothing else: what is not named cannot be included.
# MIND builds the module a second time, as NAME_mutants, with the switches that take a mechanism of
# the protocol out; only tests link it.

add_library(headrace_flags INTERFACE)
target_compile_features(headrace_flags INTERFACE cxx_std_23)
target_include_directories(headrace_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(headrace_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(headrace_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own library and inside coroutines, where they are not true.
  target_compile_options(headrace_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-restrict -Wno-free-nonheap-object -Wno-mismatched-new-delete -Wno-use-after-free)
endif()
if(HEADRACE_SANITIZE)
  target_compile_definitions(headrace_flags INTERFACE HEADRACE_SANITIZED=1)
  target_compile_options(headrace_flags INTERFACE
    -fsanitize=${HEADRACE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(headrace_flags INTERFACE -fsanitize=${HEADRACE_SANITIZE})
  if(HEADRACE_SANITIZE STREQUAL "undefined")
    # The vptr check opens a pipe to look at memory safely.  In a test that runs out of descriptors
    # on purpose it cannot, and takes every object for a wrong one.
    target_compile_options(headrace_flags INTERFACE -fno-sanitize=vptr)
  endif()
endif()

function(headrace_include_root module out)
  set(root ${CMAKE_BINARY_DIR}/roots/${module})
  get_filename_component(parent ${root}/${module} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${module} ${root}/${module} SYMBOLIC)
  set(${out} ${root} PARENT_SCOPE)
endfunction()

function(headrace_library target suffix)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "MODULE" "SOURCES;DEPS;LIBRARIES;DEFINES")
  add_library(${target} STATIC ${arg_SOURCES})
  headrace_include_root(${arg_MODULE} root)
  target_include_directories(${target} PUBLIC ${root})
  target_link_libraries(${target} PUBLIC headrace_flags ${arg_LIBRARIES})
  if(arg_DEFINES)
    target_compile_definitions(${target} PUBLIC ${arg_DEFINES})
  endif()
  foreach(dep IN LISTS arg_DEPS)
    string(REPLACE "/" "_" dep ${dep})
    # What has no mechanism that can be taken out is built once.
    set(variant headrace_${dep}${suffix})
    target_link_libraries(
      ${target} PUBLIC $<IF:$<TARGET_EXISTS:${variant}>,${variant},headrace_${dep}>)
  endforeach()
endfunction()

function(headrace_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MIND" ""
    "SOURCES;DEPS;LIBRARIES;TESTS;TEST_DEPS;TEST_LIBRARIES")
  string(REPLACE "/" "_" flat ${name})
  headrace_library(headrace_${flat} "" MODULE ${name} SOURCES ${arg_SOURCES} DEPS ${arg_DEPS}
                   LIBRARIES ${arg_LIBRARIES})
  if(arg_MIND AND HEADRACE_TESTS)
    headrace_library(headrace_${flat}_mutants "_mutants" MODULE ${name} SOURCES ${arg_SOURCES}
                     DEPS ${arg_DEPS} LIBRARIES ${arg_LIBRARIES} DEFINES HEADRACE_MUTANTS=1)
  endif()
  if(HEADRACE_TESTS AND arg_TESTS)
    headrace_test(${flat}_test SOURCES ${arg_TESTS} DEPS ${name} ${arg_TEST_DEPS}
                  LIBRARIES ${arg_TEST_LIBRARIES})
  endif()
endfunction()

# headrace_test(NAME SOURCES ... DEPS ... LIBRARIES ... [MUTANTS]): one GoogleTest program.
# MUTANTS links the builds of the mind from which mechanisms can be taken out.  TIMEOUT, in seconds,
# and PROCESSORS are of each of its tests: 300 and 1.
function(headrace_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "MUTANTS" "TIMEOUT;PROCESSORS"
                        "SOURCES;DEPS;LIBRARIES;DEFINES")
  add_executable(${name} ${arg_SOURCES})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -Wno-dangling-else)  # An EXPECT_EQ after an if.
  endif()
  if(NOT HEADRACE_SANITIZE)
    # A test's own code runs once and is optimised for longer than that: a third of the time.
    target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  endif()
  target_link_libraries(${name} PRIVATE headrace_flags ${arg_LIBRARIES} GTest::gmock
                        GTest::gtest_main)
  # Tests may use the kit in tests/kit: a simulated world, temporary folders, real servers.
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE HEADRACE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             ${arg_DEFINES})
  foreach(dep IN LISTS arg_DEPS)
    string(REPLACE "/" "_" dep ${dep})
    if(arg_MUTANTS AND TARGET headrace_${dep}_mutants)
      target_link_libraries(${name} PRIVATE headrace_${dep}_mutants)
    else()
      target_link_libraries(${name} PRIVATE headrace_${dep})
    endif()
  endforeach()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_PROCESSORS)
    set(arg_PROCESSORS 1)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${arg_TIMEOUT} PROCESSORS ${arg_PROCESSORS})
endfunction()
