# headrace::headrace: what a program links that takes Headrace in by add_subdirectory().
#
# Its include path holds the public headers and nothing else, and none of our warnings.
add_library(headrace_public INTERFACE)
add_library(headrace::headrace ALIAS headrace_public)
target_compile_features(headrace_public INTERFACE cxx_std_23)
target_include_directories(headrace_public INTERFACE ${PROJECT_SOURCE_DIR}/include)
foreach(library IN ITEMS allowance cache merge revision io records_embedded stores_embedded
                         stores_firestore stores_memcached
                         stores_valkey bus_loopback bus_postgres bus_valkey journals_file
                         sources_function sources_postgres sources_sqlite sources_http
                         sources_firestore feeds_firestore feeds_postgres feeds_sqlite)
  if(TARGET headrace_${library})
    target_link_libraries(headrace_public INTERFACE $<LINK_ONLY:headrace_${library}>)
  endif()
endforeach()

# A program that does so is built and run; once is enough, so not under a sanitizer.  It does
# without Firestore, whose generated sources would take most of the time.
if(HEADRACE_TESTS AND NOT HEADRACE_SANITIZE AND TARGET headrace_cache AND TARGET headrace_io
   AND TARGET headrace_sources_function)
  add_test(NAME package_add_subdirectory
    COMMAND ${CMAKE_CTEST_COMMAND}
      --build-and-test ${PROJECT_SOURCE_DIR}/tests/package ${PROJECT_BINARY_DIR}/package
      --build-generator ${CMAKE_GENERATOR} --build-target consumer --build-noclean
      --build-options
        -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
        -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
        -DHEADRACE_ROOT=${PROJECT_SOURCE_DIR}
        -DHEADRACE_FIRESTORE=OFF
      --test-command consumer)
  set_tests_properties(package_add_subdirectory PROPERTIES RUN_SERIAL TRUE TIMEOUT 1200)
endif()

# The packages of the program, made of the one that is built here; and what the image is made of.
if(HEADRACE_TESTS AND NOT HEADRACE_SANITIZE AND TARGET headrace)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  foreach(part IN ITEMS clean_root debian.Contents debian.Installed debian.Lintian debian.Unit image
                        manual)
    add_test(NAME package_${part}
             COMMAND Python3::Interpreter -m unittest -v test_${part}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/package)
    set_tests_properties(package_${part} PROPERTIES TIMEOUT 600
      ENVIRONMENT "HEADRACE_TEST_BINARY=$<TARGET_FILE:headrace>;PYTHONDONTWRITEBYTECODE=1"
      SKIP_REGULAR_EXPRESSION "skipped '(there is no|only root)")
  endforeach()
endif()
