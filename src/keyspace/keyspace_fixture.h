// keyspace/keyspace_fixture.h: a keyspace over plain records, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "headrace/keyspace.h"
#include "kit/plain_records.h"
#include "kit/world.h"

namespace headrace {

class KeyspaceFixture : public testing::Test {
 protected:
  WallTime in(Duration later) {
    return world.wall_now() + std::chrono::duration_cast<std::chrono::milliseconds>(later);
  }
  void put(const std::string& key, Record record) {
    const auto done = edit(key, [&](Workspace& work) {
      work.put(0, record);
      return true;
    });
    ASSERT_TRUE(done) << done.error().what;
  }
  Result<std::vector<RecordRef>> edit(const std::string& key, Keyspace::Operation operation) {
    return world.run(keyspace.edit({key_of(key)}, std::move(operation), {})).value();
  }
  RecordRef get(const std::string& key) {
    return world.run(keyspace.read({key_of(key)})).value().value()[0];
  }
  void start_close() {
    start(keyspace.close());
    world.run();
  }
  static RecordKey key_of(const std::string& key) { return RecordKey(1, "s", key); }

  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
};

}  // namespace headrace
