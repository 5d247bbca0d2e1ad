// Records on Valkey and Redis, put through what all records must do; on a cluster: tests/valkey.
#include "contract/records_contract.h"

#include "kit/valkey_server.h"
#include "records/valkey/fixture.h"

namespace headrace::contract {
namespace {

using kit::ValkeyProgram;
using kit::ValkeyServer;

std::string new_prefix() {
  static int count = 0;
  return "test" + std::to_string(++count);
}

// One server of each program for all tests of this process.
template <ValkeyProgram program>
Result<std::unique_ptr<RecordsUnderTest>> on_server() {
  static const auto server = ValkeyServer::start({.program = program});
  if (!server) return std::unexpected(server.error());
  return std::make_unique<ValkeyRecordsUnderTest>(
      ValkeyRecordsOptions{.address = (*server)->address(), .prefix = new_prefix()});
}

const auto every =
    testing::Values(RecordsMaker{.name = "valkey", .make = on_server<ValkeyProgram::valkey>},
                    RecordsMaker{.name = "redis", .make = on_server<ValkeyProgram::redis>},
                    RecordsMaker{.name = "newest", .make = on_server<ValkeyProgram::newest>});
const auto name_of = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(Valkey, RecordsContract, every, name_of);
INSTANTIATE_TEST_SUITE_P(Valkey, RecordsRaces, every, name_of);
INSTANTIATE_TEST_SUITE_P(Valkey, RecordsRestarts, every, name_of);

}  // namespace
}  // namespace headrace::contract
