// The store on memcached, put through what every store must do: on one real server and on three.
#include "contract/store_contract.h"

#include "stores/memcached/names.h"
#include "stores/memcached/store_fixture.h"

namespace headrace::contract {
namespace {

using memcached::MovedClock;
using memcached::Names;
using memcached::TimedServer;

// Real servers that live as long as the program, each emptied for each test.
Result<std::vector<TimedServer*>> running_servers(int count) {
  static std::vector<std::unique_ptr<TimedServer>> all;
  while (all.size() < static_cast<std::size_t>(count)) {
    auto started = TimedServer::start();
    if (!started) return std::unexpected(std::move(started.error()));
    all.push_back(std::move(*started));
  }
  std::vector<TimedServer*> some;
  for (int i = 0; i < count; ++i) some.push_back(all[static_cast<std::size_t>(i)].get());
  return some;
}

class MemcachedUnderTest final : public StoreUnderTest {
 public:
  explicit MemcachedUnderTest(std::vector<TimedServer*> servers) : servers_(std::move(servers)) {
    MemcachedStoreOptions options;
    options.answer_within = std::chrono::seconds(20);
    for (TimedServer* const one : servers_) {
      EXPECT_EQ(one->server().command("flush_all"), "OK");
      options.servers.push_back(one->server().address());
    }
    auto opened = memcached::open(options, runtime_, clock_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    store_ = std::move(*opened);
  }
  ~MemcachedUnderTest() override { store_->close(); }
  Store& store() override { return *store_; }
  Random& random() override { return runtime_; }
  // So long that the few seconds that the server's clock leaves open do not count.
  Duration tick() const override { return std::chrono::seconds(20); }
  void pass(Duration time) override {
    const Duration all = time + std::chrono::seconds(2);
    for (TimedServer* const one : servers_) one->advance(all);
    clock_.advance(all);
  }
  // Its clock is known to a few seconds, and two more pass.
  Duration kept_for_blur() const override { return std::chrono::seconds(8); }
  bool lists() const override { return false; }
  void damage(StoreKey key) override {
    const std::string name = Names("headrace").slot(key);
    for (TimedServer* const one : servers_) {
      const std::string held = one->server().command("mg " + name + " v t");
      if (!held.starts_with("VA ")) continue;
      const std::string value = held.substr(held.find('\n') + 1);
      const std::string left = held.substr(held.find(" t") + 2);
      const std::string spoilt = value.substr(0, value.size() - 1) + "!";
      EXPECT_EQ(one->server().command("ms " + name + " " + std::to_string(spoilt.size()) + " T" +
                                          left.substr(0, left.find('\n')),
                                      spoilt),
                "HD");
    }
  }

 private:
  Runtime runtime_{{.threads = 2}};
  MovedClock clock_{runtime_};
  std::vector<TimedServer*> servers_;
  std::unique_ptr<Store> store_;
};

StoreMaker maker(int count) {
  return {.name = "on" + std::to_string(count),
          .make = [count]() -> Result<std::unique_ptr<StoreUnderTest>> {
            auto servers = running_servers(count);
            if (!servers) return std::unexpected(std::move(servers.error()));
            return std::make_unique<MemcachedUnderTest>(std::move(*servers));
          }};
}

INSTANTIATE_TEST_SUITE_P(Memcached, StoreContract, testing::Values(maker(1), maker(3)),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headrace::contract
