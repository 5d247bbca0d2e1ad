// Allowances on the embedded store, Valkey, Redis, memcached, and a store that moves.
#include "allowance/spending_contract.h"

#include "headrace/stores/embedded.h"
#include "headrace/stores/memcached.h"
#include "headrace/stores/moving.h"
#include "headrace/stores/valkey.h"
#include "kit/folder.h"
#include "kit/memcached_server.h"
#include "kit/valkey_server.h"

namespace headrace::contract {
namespace {

using kit::MemcachedServer;
using kit::ValkeyProgram;
using kit::ValkeyServer;
using Made = Result<std::unique_ptr<StoresUnderTest>>;

// One file, which both engines of the process use.
class Embedded final : public StoresUnderTest {
 public:
  explicit Embedded(Runtime& runtime)
      : store_(open_embedded_store({.path = folder_.file("store.db")}, runtime, runtime, runtime)
                   .value()) {}
  Store& store(std::size_t) override { return *store_; }
  void close() override { store_->close(); }

 private:
  kit::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

// A client for each on one server.
template <class Server>
class Shared final : public StoresUnderTest {
 public:
  template <class Open>
  Shared(std::unique_ptr<Server> server, Open open)
      : server_(std::move(server)),
        stores_{open(server_->address()).value(), open(server_->address()).value()} {}
  Store& store(std::size_t instance) override { return *stores_.at(instance); }
  void close() override {
    for (const auto& store : stores_) store->close();
  }

 private:
  std::unique_ptr<Server> server_;
  std::array<std::unique_ptr<Store>, 2> stores_;
};

Made on_valkey(ValkeyProgram program, Runtime& runtime) {
  auto server = ValkeyServer::start({.program = program});
  if (!server) return std::unexpected(server.error());
  return std::make_unique<Shared<ValkeyServer>>(
      std::move(*server), [&runtime](const std::string& address) {
        return open_valkey_store({.address = address}, runtime);
      });
}

Made on_memcached(Runtime& runtime) {
  auto server = MemcachedServer::start();
  if (!server) return std::unexpected(server.error());
  return std::make_unique<Shared<MemcachedServer>>(
      std::move(*server), [&runtime](const std::string& address) {
        return open_memcached_store({.servers = {address}}, runtime);
      });
}

// Each over its own clients of an old and a new server, and all of them write to both.
class Moving final : public StoresUnderTest {
 public:
  Moving(std::unique_ptr<StoresUnderTest> from, std::unique_ptr<StoresUnderTest> to,
         Runtime& runtime)
      : from_(std::move(from)), to_(std::move(to)) {
    for (std::size_t n = 0; n < stores_.size(); ++n) {
      stores_[n] = make_moving_store(
          {.phase = MovingPhase::dual},
          {.from = from_->store(n), .to = to_->store(n), .clock = runtime, .random = runtime});
    }
  }
  Store& store(std::size_t instance) override { return *stores_.at(instance); }
  void close() override {
    for (const auto& store : stores_) store->close();
  }

 private:
  std::unique_ptr<StoresUnderTest> from_;
  std::unique_ptr<StoresUnderTest> to_;
  std::array<std::unique_ptr<MovingStore>, 2> stores_;
};

Made on_both(Runtime& runtime) {
  Made from = on_valkey(ValkeyProgram::valkey, runtime);
  if (!from) return from;
  Made to = on_memcached(runtime);
  if (!to) return to;
  return std::make_unique<Moving>(std::move(*from), std::move(*to), runtime);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, SpendingContract,
    testing::Values(
        StoresMaker{"embedded",
                    [](Runtime& runtime) -> Made { return std::make_unique<Embedded>(runtime); }},
        StoresMaker{"valkey",
                    [](Runtime& runtime) { return on_valkey(ValkeyProgram::valkey, runtime); }},
        StoresMaker{"redis",
                    [](Runtime& runtime) { return on_valkey(ValkeyProgram::redis, runtime); }},
        StoresMaker{"memcached", on_memcached}, StoresMaker{"moving", on_both}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headrace::contract
