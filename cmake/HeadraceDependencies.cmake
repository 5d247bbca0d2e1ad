# What Debian 12 has: see `./dev setup` for the packages.  Nothing is downloaded.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(CLI11 REQUIRED)
# Without it there is no bus on PostgreSQL.
pkg_check_modules(LIBPQ IMPORTED_TARGET libpq)
if(HEADRACE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(HEADRACE_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Boost as system headers: its warnings are not ours.
add_library(headrace_boost INTERFACE)
target_include_directories(headrace_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(headrace_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_BEAST_USE_STD_STRING_VIEW)
target_link_libraries(headrace_boost INTERFACE Threads::Threads)
