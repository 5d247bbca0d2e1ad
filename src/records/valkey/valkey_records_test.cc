// What the contract does not ask: others change the same records, the server dies, forgets, is
// full, or is not what it should be.
#include "headrace/records/valkey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "kit/valkey_server.h"
#include "records/valkey/names.h"

namespace headrace {
namespace {

using kit::eventually;
using kit::ValkeyServer;
using testing::HasSubstr;

using Change = Records::Change;
using Found = std::vector<RecordRef>;
using Changes = std::vector<Change>;

const RecordKey key(7, "space", "key");
const std::string name = valkey_records::Names("headrace-records").record(key);

Records::Editor putting(std::string value) {
  return [value = std::move(value)](const Found&) {
    return Changes{{.what = Change::What::put, .record = {.value = value}}};
  };
}
// As the editor of one who is slow, to whom `meanwhile` happens.
Records::Editor appending(std::string text, std::function<void()> meanwhile = {}) {
  return [text = std::move(text), meanwhile = std::move(meanwhile)](const Found& found) {
    if (meanwhile) meanwhile();
    Record record{.value = (found[0] ? found[0]->value : "") + text};
    return Changes{{.what = Change::What::put, .record = std::move(record)}};
  };
}

class ValkeyRecordsTest : public testing::Test {
 protected:
  void TearDown() override {
    if (records) records->close();
    runtime.stop();
  }
  void open(ValkeyRecordsOptions options) {
    auto opened = open_valkey_records(std::move(options), runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    records = std::move(*opened);
  }
  void open(const ValkeyServer& server) { open({.address = server.address()}); }
  Result<Found> edit(Records::Editor editor, RecordKey of = key) {
    return wait(records->edit({std::move(of)}, std::move(editor), {}));
  }
  Result<Found> put(std::string value) { return edit(putting(std::move(value))); }
  std::string value() {
    const auto found = wait(records->read({key}));
    if (!found) return found.error().what;
    return (*found)[0] ? (*found)[0]->value : "(none)";
  }

  Runtime runtime{{.threads = 2}};
  std::unique_ptr<Records> records;
};

TEST_F(ValkeyRecordsTest, AnEditorIsAskedAgainWhenAnotherCameInBetween) {
  KIT_START(server, ValkeyServer::start());
  open(*server);
  ASSERT_TRUE(put("a").has_value());
  int calls = 0;
  // The other one is another instance, for an editor must not wait for its own.
  Runtime others{{.threads = 1}};
  const auto other = open_valkey_records({.address = server->address()}, others).value();
  const auto left = edit(appending("c", [&] {
    if (++calls == 1) EXPECT_TRUE(wait(other->edit({key}, appending("b"), {})).has_value());
  }));
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ((*left)[0]->value, "abc");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(value(), "abc");
  other->close();
  others.stop();
}

TEST_F(ValkeyRecordsTest, WhoIsAlwaysTooSlowGivesUpAndHasDoneNothing) {
  KIT_START(server, ValkeyServer::start());
  open({.address = server->address(), .edit_tries_max = 3});
  Runtime others{{.threads = 1}};
  const auto other = open_valkey_records({.address = server->address()}, others).value();
  int calls = 0;
  const auto left = edit(appending("mine", [&] {
    ++calls;
    EXPECT_TRUE(wait(other->edit({key}, putting("theirs"), {})).has_value());
  }));
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::refused);
  EXPECT_THAT(left.error().what, HasSubstr("edit_tries_max"));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(value(), "theirs");
  other->close();
  others.stop();
}

// The connection ends when the edit has been made and the answer is on its way.
TEST_F(ValkeyRecordsTest, AnEditWhoseOutcomeIsNotKnownIsNotMadeAgain) {
  KIT_START(server, ValkeyServer::start());
  kit::TcpGate gate(server->port());
  open({.address = gate.address(), .connections = 1, .answer_within = std::chrono::seconds(20)});
  ASSERT_TRUE(put("a").has_value());
  std::promise<Result<Found>> outcome;
  start(records->edit({key}, appending("b", [&] { gate.stall(kit::Toward::client); }), {}),
        [&](Result<Found> left) { outcome.set_value(std::move(left)); });
  ASSERT_TRUE(eventually([&] { return server->command({"GET", name}).contains("ab"); }));
  gate.cut();
  const auto left = outcome.get_future().get();
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::store_unavailable);
  gate.restore();
  EXPECT_TRUE(eventually([&] { return value() == "ab"; })) << value();
}

TEST_F(ValkeyRecordsTest, AServerThatIsAwayIsNoAbsence) {
  KIT_START(server, ValkeyServer::start({.append_only = true}));
  open(*server);
  ASSERT_TRUE(put("a").has_value());
  server->kill();
  const auto read = wait(records->read({key}));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_EQ(put("b").error().code, Code::store_unavailable);
  EXPECT_NE(records->health().trouble, "");
  EXPECT_EQ(records->health().failed_total, 2U);
  ASSERT_TRUE(server->restart().has_value());
  EXPECT_TRUE(eventually([&] { return value() == "a"; })) << value();
  EXPECT_EQ(records->health().trouble, "");
  EXPECT_EQ(records->health().edits_total, 1U);
}

TEST_F(ValkeyRecordsTest, AScriptThatTheServerHasLostIsSentAgain) {
  KIT_START(server, ValkeyServer::start());
  open({.address = server->address(), .connections = 1});  // Another would load it.
  ASSERT_TRUE(put("a").has_value());
  ASSERT_EQ(server->command({"SCRIPT", "FLUSH"}), "OK");
  const auto left = put("b");
  EXPECT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(), "b");
}

TEST_F(ValkeyRecordsTest, AFullServerMakesNothingHalfAndLetsRecordsGo) {
  KIT_START(server, ValkeyServer::start({.maxmemory = "20mb"}));
  open({.address = server->address(), .connections = 1});  // None is greeted when it is full.
  ASSERT_TRUE(put(std::string(2 << 20, 'x')).has_value());
  const RecordKey small(7, "space", "small");
  ASSERT_EQ(server->command({"CONFIG", "SET", "maxmemory", "1mb"}), "OK");
  const auto failed = edit(putting("v"), small);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::store_unavailable);
  EXPECT_THAT(failed.error().what, HasSubstr("OOM"));
  EXPECT_EQ(wait(records->usage(7)).value().records, 1U);
  EXPECT_EQ(wait(records->list({7, "space", ""}, "", 10)).value().keys.size(), 1U);
  const auto removed =
      edit([](const Found&) { return Changes{{.what = Change::What::remove, .record = {}}}; });
  EXPECT_TRUE(removed.has_value()) << removed.error().what;
  EXPECT_EQ(wait(records->usage(7)).value().records, 0U);
}

TEST_F(ValkeyRecordsTest, AServerThatEvictsIsToldOf) {
  KIT_START(server, ValkeyServer::start({.arguments = {"--maxmemory-policy", "allkeys-lru"}}));
  std::atomic<int> notices = 0;
  open({.address = server->address(), .notice = [&](const std::string& text) {
          EXPECT_THAT(text, HasSubstr("allkeys-lru"));
          ++notices;
        }});
  ASSERT_TRUE(put("a").has_value());
  ASSERT_TRUE(put("b").has_value());
  EXPECT_EQ(notices, 1);
  EXPECT_THAT(records->health().trouble, HasSubstr("noeviction"));
}

TEST_F(ValkeyRecordsTest, ADamagedRecordIsNoAbsence) {
  KIT_START(server, ValkeyServer::start());
  open(*server);
  for (const std::string damage : {"x", "0000000000000001garbage"}) {
    ASSERT_EQ(server->command({"SET", name, damage}), "OK");
    const auto read = wait(records->read({key}));
    ASSERT_FALSE(read.has_value()) << damage;
    EXPECT_EQ(read.error().code, Code::store_unavailable);
    EXPECT_EQ(put("over it").error().code, Code::store_unavailable);
  }
}

// It does not know any more which tenants have records that end.
TEST_F(ValkeyRecordsTest, AServerThatHasForgottenAllIsToldAnewWhoHasEnds) {
  KIT_START(server, ValkeyServer::start());
  open(*server);
  const WallTime end{std::chrono::milliseconds(1000)};
  const Records::Editor ending = [end](const Found&) {
    return Changes{{.what = Change::What::put, .record = {.value = "v", .expires = end}}};
  };
  ASSERT_TRUE(edit(ending).has_value());
  ASSERT_EQ(wait(records->expired(end, 10)).value().size(), 1U);
  ASSERT_TRUE(server->restart().has_value());
  ASSERT_TRUE(eventually([&] { return value() == "(none)"; }));
  ASSERT_TRUE(edit(ending).has_value());
  EXPECT_EQ(wait(records->expired(end, 10)).value().size(), 1U);
}

// As a replica may have, that takes over.
TEST_F(ValkeyRecordsTest, VersionsThatWereForgottenAreNotGivenAgain) {
  KIT_START(server, ValkeyServer::start());
  open(*server);
  std::uint64_t last = 0;
  for (int i = 0; i < 10; ++i) last = (*put("lost"))[0]->version;
  ASSERT_EQ(server->command({"FLUSHALL"}), "OK");
  EXPECT_GT((*put("other"))[0]->version, last);
}

TEST_F(ValkeyRecordsTest, OptionsThatCannotBeAreRefused) {
  for (const ValkeyRecordsOptions& options : {ValkeyRecordsOptions{},
                                              {.address = "127.0.0.1:1", .prefix = "a{b}"},
                                              {.address = "127.0.0.1:1", .prefix = ""},
                                              {.address = "127.0.0.1:1", .edit_tries_max = 0}}) {
    const auto opened = open_valkey_records(options, runtime);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::invalid_argument);
  }
}

}  // namespace
}  // namespace headrace
