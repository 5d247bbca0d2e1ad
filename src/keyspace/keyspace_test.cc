#include <gtest/gtest.h>

#include "keyspace/keyspace_fixture.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

using KeyspaceTest = KeyspaceFixture;

TEST_F(KeyspaceTest, WhatIsPutIsThereUntilItsEnd) {
  put("a", {.value = "1", .expires = in(10s)});
  world.advance(9999ms);
  EXPECT_EQ(get("a")->value, "1");
  EXPECT_EQ((*keyspace.peek(key_of("a").bytes()))->value, "1");
  world.advance(1ms);
  EXPECT_EQ(get("a"), nullptr);
  EXPECT_EQ(*keyspace.peek(key_of("a").bytes()), nullptr);
}

TEST_F(KeyspaceTest, MemoryThatDoesNotKnowIsNotAnAbsence) {
  put("a", {.value = "1"});
  records.peeks = false;
  EXPECT_FALSE(keyspace.peek(key_of("a").bytes()).has_value());
  EXPECT_EQ(get("a")->value, "1");
}

TEST_F(KeyspaceTest, AnOutageIsAnError) {
  put("a", {.value = "1"});
  records.fails = true;
  const auto read = world.run(keyspace.read({key_of("a")})).value();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_FALSE(keyspace.peek(key_of("a").bytes()).has_value());
}

TEST_F(KeyspaceTest, AnOperationMayBeMadeSeveralTimesAndCountsOnce) {
  put("n", {.value = "5"});
  records.editor_calls = 3;
  const auto left = edit("n", [](Workspace& work) {
    work.change(0).value += "1";
    return true;
  });
  EXPECT_EQ((*left)[0]->value, "51");
}

TEST_F(KeyspaceTest, AnOperationThatSaysNoChangesNothing) {
  put("a", {.value = "1"});
  const auto left = edit("a", [](Workspace& work) {
    work.remove(0);
    return false;
  });
  EXPECT_EQ((*left)[0]->value, "1");
}

TEST_F(KeyspaceTest, ListsWhatIsLive) {
  put("a", {.value = "1", .expires = in(1s)});
  put("b", {.value = "1"});
  world.advance(1s);
  const auto page = world.run(keyspace.list(RecordKey(1, "s", ""), "", 10)).value();
  ASSERT_EQ(page->keys.size(), 1U);
  EXPECT_EQ(page->keys[0].key(), "b");
}

}  // namespace
}  // namespace headrace
