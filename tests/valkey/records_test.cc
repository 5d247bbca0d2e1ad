// Records of tenants on different nodes of a cluster, and while a slot moves.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "headrace/records/valkey.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "records/valkey/names.h"
#include "valkey/shared_cluster.h"
#include "valkey/slots.h"

namespace headrace {
namespace {

using Change = Records::Change;
using Found = std::vector<RecordRef>;
using Changes = std::vector<Change>;

class ValkeyClusterRecords : public testing::Test {
 protected:
  void SetUp() override {
    // Its own: what other tests leave of the one that they share is not whole.
    auto made = kit::ValkeyCluster::start();
    if (!made) GTEST_SKIP() << skipped(made.error()).what;
    cluster = *std::move(made);
    auto opened = open_valkey_records({.cluster = cluster->addresses(), .prefix = prefix}, runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    records = std::move(*opened);
  }
  void TearDown() override {
    if (records) records->close();
    runtime.stop();
  }
  int slot_of(TenantId tenant) const {
    return valkey::slot_of(valkey_records::Names(prefix).sums(tenant));
  }
  // A tenant whose records are on that node.
  TenantId tenant_on(std::size_t node) const {
    TenantId tenant = 1;
    while (cluster->owner_of(slot_of(tenant)) != node) ++tenant;
    return tenant;
  }
  Result<Found> put(std::vector<RecordKey> keys, WallTime expires = Record::never) {
    const std::size_t count = keys.size();
    const Records::Editor editor = [=](const Found&) {
      const Change change{.what = Change::What::put, .record = {.value = "v", .expires = expires}};
      return Changes(count, change);
    };
    return wait(records->edit(std::move(keys), editor, {}));
  }
  std::string value(const RecordKey& key) {
    const auto found = wait(records->read({key}));
    if (!found) return found.error().what;
    return (*found)[0] ? (*found)[0]->value : "(none)";
  }

  const std::string prefix = new_prefix();
  Runtime runtime{{.threads = 2}};
  std::unique_ptr<kit::ValkeyCluster> cluster;
  std::unique_ptr<Records> records;
};

TEST_F(ValkeyClusterRecords, WhatHasExpiredIsFoundOnEveryNode) {
  const WallTime end{std::chrono::milliseconds(1000)};
  std::set<TenantId> wanted;
  for (std::size_t node = 0; node < cluster->size(); ++node) {
    const TenantId tenant = tenant_on(node);
    wanted.insert(tenant);
    ASSERT_TRUE(put({{tenant, "s", "a"}, {tenant, "s", "b"}}, end).has_value());
  }
  const auto found = wait(records->expired(end, 100));
  ASSERT_TRUE(found.has_value()) << found.error().what;
  EXPECT_EQ(found->size(), 6U);
  std::set<TenantId> tenants;
  for (const RecordKey& key : *found) tenants.insert(key.tenant());
  EXPECT_EQ(tenants, wanted);
}

TEST_F(ValkeyClusterRecords, ReadsGoOnWhileASlotMovesAndEditsGoOnAfterwards) {
  const TenantId tenant = tenant_on(0);
  const RecordKey a(tenant, "s", "a");
  const RecordKey b(tenant, "s", "b");
  ASSERT_TRUE(put({a, b}).has_value());
  const int slot = slot_of(tenant);
  ASSERT_TRUE(cluster->begin_move(slot, 1).has_value());
  EXPECT_EQ(value(a), "v");
  EXPECT_EQ(value({tenant, "s", "none"}), "(none)");
  const auto during = put({a, b, {tenant, "s", "c"}});
  if (!during) EXPECT_EQ(during.error().code, Code::store_unavailable) << during.error().what;
  ASSERT_TRUE(cluster->end_moves({slot}, 1).has_value());
  EXPECT_EQ(value(a), "v");
  const auto after = put({a, b, {tenant, "s", "d"}});
  EXPECT_TRUE(after.has_value()) << after.error().what;
  EXPECT_EQ(wait(records->usage(tenant)).value().records, during ? 4U : 3U);
}

}  // namespace
}  // namespace headrace
