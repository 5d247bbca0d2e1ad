// The store on Valkey and Redis, put through what every store must do, with conditional commands
// and with scripts.
#include "contract/store_contract.h"

#include "headrace/runtime.h"
#include "headrace/stores/valkey.h"
#include "kit/valkey_server.h"
#include "stores/valkey/names.h"
#include "stores/valkey/record.h"

namespace headrace::contract {
namespace {

using kit::ValkeyProgram;
using kit::ValkeyServer;

class ValkeyUnderTest final : public StoreUnderTest {
 public:
  explicit ValkeyUnderTest(std::unique_ptr<ValkeyServer> server) : server_(std::move(server)) {
    auto opened = open_valkey_store({.address = server_->address(), .prefix = "test"}, runtime_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    store_ = std::move(*opened);
  }
  ~ValkeyUnderTest() override {
    store_->close();
    runtime_.stop();
  }
  Store& store() override { return *store_; }
  Random& random() override { return runtime_; }
  Duration tick() const override { return std::chrono::milliseconds(100); }
  // A tenth of a tick longer: the server counts whole milliseconds, and a key is still there in the
  // one in which it expires.
  void pass(Duration time) override {
    std::promise<void> over;
    runtime_.post_at(runtime_.now() + time + tick() / 10, [&over] { over.set_value(); });
    over.get_future().wait();
  }
  void damage(StoreKey key) override {
    const std::string name = valkey::Names("test").slot(key);
    const std::string at = std::to_string(valkey::head_bytes(0) + 3);
    ASSERT_NE(server_->command({"SETRANGE", name, at, "damaged"}).front(), '-');
  }

 private:
  std::unique_ptr<ValkeyServer> server_;
  Runtime runtime_{{.threads = 2}};
  std::unique_ptr<Store> store_;
};

StoreMaker maker(ValkeyProgram program) {
  return {.name = kit::name_of(program),
          .make = [program]() -> Result<std::unique_ptr<StoreUnderTest>> {
            auto server = ValkeyServer::start({.program = program});
            if (!server) return std::unexpected(server.error());
            return std::make_unique<ValkeyUnderTest>(std::move(*server));
          }};
}

INSTANTIATE_TEST_SUITE_P(Valkey, StoreContract,
                         testing::Values(maker(ValkeyProgram::valkey), maker(ValkeyProgram::redis),
                                         maker(ValkeyProgram::newest)),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headrace::contract
