#include "server/resp/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace headrace::resp {
namespace {

std::string fault_of(const std::vector<std::string_view>& args) {
  const auto found = look_up(args);
  return found ? "" : found.error();
}

TEST(TableTest, EachCommandHasWhatIsSaidOfIt) {
  std::set<std::string_view> names;
  for (const Command* command : all_commands()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name << " is there twice";
    EXPECT_NE(command->arity, 0) << command->name;
    EXPECT_FALSE(command->group.empty() || command->since.empty()) << command->name;
    EXPECT_TRUE(command->summary.ends_with('.')) << command->name;
    const bool is_on_records = std::holds_alternative<OnRecords>(command->run);
    EXPECT_EQ(is_on_records || command->name == "watch", command->keys.first > 0) << command->name;
    EXPECT_EQ(is_on_records || command->name == "watch", command->is(reads) || command->is(writes))
        << command->name;
    const std::size_t bar = command->name.find('|');
    if (bar == std::string_view::npos) continue;
    const Command* whole = find_command(command->name.substr(0, bar));
    ASSERT_NE(whole, nullptr) << command->name;
    EXPECT_TRUE(whole->is_container()) << command->name;
  }
}

// Short names are found by their letters as numbers: no other word may have the same.
TEST(TableTest, NoWordIsTakenForAnother) {
  std::size_t taken = 0;
  for (const Command* command : all_commands()) {
    if (command->name.contains('|')) continue;
    const std::vector<std::string_view> rest(9, "1");
    for (std::size_t at = 0; at < command->name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string word(command->name);
        word[at] = static_cast<char>(byte);
        std::vector<std::string_view> args{word};
        args.insert(args.end(), rest.begin(), rest.end());
        const bool is_unknown = fault_of(args).starts_with("ERR unknown command");
        EXPECT_EQ(is_unknown, find_command(word) == nullptr || word.contains('|')) << word;
        taken += is_unknown ? 0 : 1;
      }
    }
  }
  EXPECT_GT(taken, 2 * all_commands().size());  // In either case.
}

TEST(TableTest, WhatIsNoneIsSaidAsRedisSaysIt) {
  EXPECT_EQ(fault_of({"GET", "k"}), "");
  EXPECT_EQ(fault_of({"foo", "a", "b"}),
            "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(fault_of({"foo"}), "ERR unknown command 'foo', with args beginning with: ");
  EXPECT_EQ(fault_of({"get"}), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(fault_of({"GET", "a", "b"}), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(fault_of({"client"}), "ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(fault_of({"client", "ID", "x"}),
            "ERR wrong number of arguments for 'client|id' command");
  EXPECT_EQ(fault_of({"config", "NoSuch"}), "ERR unknown subcommand 'NoSuch'. Try CONFIG HELP.");
  EXPECT_EQ(fault_of({"client|id"}), "ERR unknown command 'client|id', with args beginning with: ");
  EXPECT_EQ(fault_of({"Command"}), "");
  const std::string long_word(200, 'x');
  EXPECT_EQ(fault_of({long_word, long_word}), "ERR unknown command '" + long_word.substr(0, 128) +
                                                  "', with args beginning with: '" +
                                                  long_word.substr(0, 128) + "' ");
}

TEST(TableTest, KeysStandWhereTheTableSays) {
  const auto among = [](std::string_view name, std::size_t args) {
    const KeyPlaces places = find_command(name)->keys.among(args);
    std::vector<int> at;
    for (int i = places.first; i <= places.last; i += places.step) at.push_back(i);
    return at;
  };
  EXPECT_EQ(among("get", 2), std::vector<int>{1});
  EXPECT_EQ(among("mset", 5), (std::vector<int>{1, 3}));
  EXPECT_EQ(among("mset", 4), (std::vector<int>{1, 3}));
  EXPECT_EQ(among("del", 4), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(among("object|encoding", 3), std::vector<int>{2});
  EXPECT_EQ(among("ping", 2), std::vector<int>{});
}

TEST(TableTest, EachCommandNeedsWhatItDoes) {
  const auto needs = [](std::string_view name) { return scopes_of(*find_command(name)); };
  EXPECT_EQ(needs("get"), Scopes().with(Scope::kv_read));
  EXPECT_EQ(needs("set"), Scopes().with(Scope::kv_write));
  EXPECT_EQ(needs("del"), Scopes().with(Scope::kv_delete));
  EXPECT_EQ(needs("getdel"), Scopes().with(Scope::kv_read).with(Scope::kv_delete));
  EXPECT_EQ(needs("scan"), Scopes().with(Scope::kv_list));
  EXPECT_EQ(needs("flushall"), Scopes().with(Scope::kv_list).with(Scope::kv_delete));
  EXPECT_EQ(needs("hr.read"), Scopes().with(Scope::policy_read));
  EXPECT_EQ(needs("hr.invalidate"), Scopes().with(Scope::invalidate));
  EXPECT_EQ(needs("subscribe"), Scopes().with(Scope::watch));
  EXPECT_EQ(needs("ping"), Scopes());
}

}  // namespace
}  // namespace headrace::resp
