// server/resp/command_fixture.h: for tests: commands on records that are a map, in virtual time.
//
// Threads: one.  Errors: fails the test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/keyspace.h"
#include "kit/plain_records.h"
#include "kit/world.h"
#include "server/resp/batch.h"
#include "server/resp/table.h"

namespace headrace::resp {

using namespace std::chrono_literals;

// The words of a line; '' is an empty one.
inline std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    words.emplace_back(word == "''" ? "" : word);
  }
  return words;
}

// A reply as one line: "*2 $1 a $1 b".
inline std::string shown(std::string reply) {
  for (std::size_t at = 0; (at = reply.find("\r\n", at)) != std::string::npos; ++at) {
    reply.replace(at, 2, " ");
  }
  if (reply.ends_with(' ')) reply.pop_back();
  return reply;
}

inline std::shared_ptr<Identity> identity_of(TenantId tenant) {
  auto who = std::make_shared<Identity>();
  who->tenant = tenant;
  who->tenant_name = "tenant" + std::to_string(tenant);
  who->key_id = "key" + std::to_string(tenant);
  who->scopes = Scopes(0xffffffffU);
  who->policies = {"*"};
  return who;
}

class CommandTest : public testing::Test {
 protected:
  // The reply of one command, or what is wrong with it.
  std::string ask(std::string_view line) {
    add(line);
    return run();
  }
  // Adds it to those that run() does together.
  void add(std::string_view line) {
    kept.push_back(std::make_unique<std::vector<std::string>>(words_of(line)));
    const std::vector<std::string_view> args(kept.back()->begin(), kept.back()->end());
    const auto found = look_up(args);
    std::string fault = found ? "" : found.error();
    if (found) {
      if (const auto key = fault_of_keys(*who, **found, args)) fault = *key;
    }
    if (fault.empty()) {
      batch.add(**found, args, who, version);
    } else {
      std::string text;
      RespWriter(text, version).error(fault);
      batch.say(text);
    }
  }
  std::string run() {
    bool has_ended = false;
    start(batch.run(), [&has_ended] { has_ended = true; });
    EXPECT_TRUE(has_ended);
    std::string replies = shown(batch.replies());
    batch.clear();
    return replies;
  }
  RecordRef record_of(const std::string& key) {
    const RecordKey whole(who->tenant, default_space, key);
    return world.run(keyspace.read({whole})).value().value()[0];
  }
  void put(const std::string& key, Record record) {
    const RecordKey whole(who->tenant, default_space, key);
    const auto editing = [&record](Workspace& work) {
      work.put(0, record);
      return true;
    };
    ASSERT_TRUE(world.run(keyspace.edit({whole}, editing, {})).value());
  }

  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
  std::shared_ptr<Identity> who = identity_of(1);
  int version = 2;
  Batch batch{keyspace, 1 << 20};
  std::vector<std::unique_ptr<std::vector<std::string>>> kept;
};

}  // namespace headrace::resp
