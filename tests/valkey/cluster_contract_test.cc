// The store, the bus and records on a cluster of three nodes, put through what each of them must
// do.
#include "contract/bus_contract.h"
#include "contract/records_contract.h"
#include "contract/store_contract.h"
#include "headrace/bus/valkey.h"
#include "headrace/runtime.h"
#include "headrace/stores/valkey.h"
#include "records/valkey/fixture.h"
#include "stores/valkey/names.h"
#include "stores/valkey/record.h"
#include "valkey/shared_cluster.h"

namespace headrace::contract {
namespace {

class ClusterUnderTest final : public StoreUnderTest {
 public:
  explicit ClusterUnderTest(kit::ValkeyCluster& cluster) : cluster_(cluster) {
    auto opened = open_valkey_store({.cluster = cluster_.addresses(), .prefix = prefix_}, runtime_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    store_ = std::move(*opened);
  }
  ~ClusterUnderTest() override {
    store_->close();
    runtime_.stop();
  }
  Store& store() override { return *store_; }
  Random& random() override { return runtime_; }
  Duration tick() const override { return std::chrono::milliseconds(100); }
  void pass(Duration time) override {
    std::promise<void> over;
    runtime_.post_at(runtime_.now() + time + tick() / 10, [&over] { over.set_value(); });
    over.get_future().wait();
  }
  void damage(StoreKey key) override {
    const std::string name = valkey::Names(prefix_).slot(key);
    const std::string at = std::to_string(valkey::head_bytes(0) + 3);
    kit::ValkeyServer& node = cluster_.node(cluster_.owner_of(cluster_.slot_of(name)));
    ASSERT_NE(node.command({"SETRANGE", name, at, "damaged"}).front(), '-');
  }

 private:
  kit::ValkeyCluster& cluster_;
  const std::string prefix_ = new_prefix();
  Runtime runtime_{{.threads = 2}};
  std::unique_ptr<Store> store_;
};

class ClusterBusUnderTest final : public BusUnderTest {
 public:
  explicit ClusterBusUnderTest(kit::ValkeyCluster& cluster) : cluster_(cluster) {}
  ~ClusterBusUnderTest() override { runtime_.stop(); }
  std::unique_ptr<Bus> join() override {
    auto opened = open_valkey_bus({.cluster = cluster_.addresses(), .prefix = prefix_}, runtime_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }

 private:
  kit::ValkeyCluster& cluster_;
  const std::string prefix_ = new_prefix();
  Runtime runtime_{{.threads = 2}};
};

Result<std::unique_ptr<RecordsUnderTest>> records_on_cluster() {
  const Result<kit::ValkeyCluster*> cluster = shared_cluster();
  if (!cluster) return std::unexpected(cluster.error());
  return std::make_unique<ValkeyRecordsUnderTest>(
      ValkeyRecordsOptions{.cluster = (*cluster)->addresses(), .prefix = new_prefix()});
}

template <class UnderTest, class Port>
Result<std::unique_ptr<Port>> on_cluster() {
  const Result<kit::ValkeyCluster*> cluster = shared_cluster();
  if (!cluster) return std::unexpected(cluster.error());
  return std::make_unique<UnderTest>(**cluster);
}

INSTANTIATE_TEST_SUITE_P(ValkeyCluster, StoreContract,
                         testing::Values(StoreMaker{
                             .name = "valkey",
                             .make = on_cluster<ClusterUnderTest, StoreUnderTest>}),
                         [](const auto& tested) { return tested.param.name; });
INSTANTIATE_TEST_SUITE_P(ValkeyCluster, BusContract,
                         testing::Values(BusMaker{
                             .name = "valkey",
                             .make = on_cluster<ClusterBusUnderTest, BusUnderTest>}),
                         [](const auto& tested) { return tested.param.name; });

const auto on_valkey = testing::Values(RecordsMaker{.name = "valkey", .make = records_on_cluster});
const auto maker_name = [](const auto& tested) { return tested.param.name; };
INSTANTIATE_TEST_SUITE_P(ValkeyCluster, RecordsContract, on_valkey, maker_name);
INSTANTIATE_TEST_SUITE_P(ValkeyCluster, RecordsRaces, on_valkey, maker_name);
INSTANTIATE_TEST_SUITE_P(ValkeyCluster, RecordsRestarts, on_valkey, maker_name);

}  // namespace
}  // namespace headrace::contract
