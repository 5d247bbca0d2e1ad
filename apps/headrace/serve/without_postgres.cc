// Stands in for the bus on PostgreSQL in a program that was built without libpq: it says so.
#include <memory>

#include "headrace/bus/postgres.h"

namespace headrace {

Result<std::unique_ptr<Bus>> open_postgres_bus(PostgresBusOptions, Runtime&) {
  return failure(Code::invalid_argument,
                 "this program was built without the bus on PostgreSQL; build it where libpq is");
}

}  // namespace headrace
