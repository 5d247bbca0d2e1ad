// Every edit is the invalidation of one entry, and the very next read of everybody shows it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/view_fixture.h"

namespace headrace {
namespace {

using testing::ElementsAre;

// Two instances on one store without a bus; all policies are strict.
class FanOutTest : public ViewTest {
 protected:
  FanOutTest() {
    store.shared = true;
    second = std::make_unique<Engine>(Engine::Limits{.bytes_max = 8 << 20, .shards = 4},
                                      Engine::Ports{world, world, world, &store});
    define_all(*second);
    MergedViewOptions options{.name = "config",
                              .scopes = {{.name = "public",
                                          .rank = 0,
                                          .policy = "fragments",
                                          .entity = "public/{name}",
                                          .settings = "scopes",
                                          .settings_entity = "public"},
                                         {.name = "domain",
                                          .rank = 10,
                                          .policy = "fragments",
                                          .entity = "domain/{domain}/{name}",
                                          .settings = "scopes",
                                          .settings_entity = "domain/{domain}"},
                                         {.name = "user",
                                          .rank = 20,
                                          .policy = "fragments",
                                          .entity = "user/{user}/{name}"}},
                              .membership = "members"};
    second_view = *MergedView::make(*second, std::move(options));
    for (int i = 0; i < 4; ++i) {
      members->rows["u" + std::to_string(i)] =
          i % 2 == 0 ? R"({"domain":"even"})" : R"({"domain":"odd"})";
    }
    fragments->rows["public/a"] = R"({"p":1})";
    fragments->rows["domain/even/a"] = R"({"d":1})";
    fragments->rows["domain/odd/a"] = R"({"d":2})";
  }
  void TearDown() override {
    start(second->close(), [] {});
    let_go();
    EXPECT_THAT(second->audit(), testing::IsEmpty());
    second_view.reset();
    second.reset();
    ViewTest::TearDown();
  }

  // What u0 to u3 see, which both instances agree on.
  Names seen() {
    Names texts;
    for (int i = 0; i < 4; ++i) {
      const Caller who = user("u" + std::to_string(i));
      texts.push_back(text_for(who, "a"));
      const Read there = read_from(*second_view, who, {"a"});
      EXPECT_EQ(text_of(there->front()), texts.back()) << "the other instance, u" << i;
    }
    return texts;
  }
  [[nodiscard]] std::size_t source_reads() const {
    return fragments->reads + scopes->reads + members->reads;
  }

  std::unique_ptr<Engine> second;
  std::shared_ptr<const MergedView> second_view;
};

TEST_F(FanOutTest, EveryKindOfEditIsSeenByTheVeryNextRead) {
  EXPECT_THAT(seen(), ElementsAre(R"({"p":1,"d":1})", R"({"p":1,"d":2})", R"({"p":1,"d":1})",
                                  R"({"p":1,"d":2})"));
  const std::size_t cold = source_reads();
  (void)seen();
  EXPECT_EQ(source_reads(), cold) << "nothing has changed";

  edit("fragments", "user/u1/a", R"({"u":1})");
  EXPECT_THAT(seen(), ElementsAre(R"({"p":1,"d":1})", R"({"p":1,"d":2,"u":1})", R"({"p":1,"d":1})",
                                  R"({"p":1,"d":2})"));
  edit("fragments", "domain/even/a", R"({"d":10})");
  EXPECT_THAT(seen(), ElementsAre(R"({"p":1,"d":10})", R"({"p":1,"d":2,"u":1})",
                                  R"({"p":1,"d":10})", R"({"p":1,"d":2})"));
  edit("fragments", "public/a", R"({"d":0})");
  EXPECT_THAT(seen(), ElementsAre(R"({"d":10})", R"({"d":2,"u":1})", R"({"d":10})", R"({"d":2})"));
  edit("scopes", "public", R"({"rank":30})");
  EXPECT_THAT(seen(), ElementsAre(R"({"d":0})", R"({"d":0,"u":1})", R"({"d":0})", R"({"d":0})"));
  edit("scopes", "domain/odd", R"({"allow":["b"]})");
  edit("scopes", "public", R"({"allow":["b"]})");
  EXPECT_THAT(seen(), ElementsAre(R"({"d":10})", R"({"u":1})", R"({"d":10})", "unknown"));
  edit("members", "u3", R"({"domain":"even"})");
  EXPECT_THAT(seen(), ElementsAre(R"({"d":10})", R"({"u":1})", R"({"d":10})", R"({"d":10})"));
  EXPECT_EQ(source_reads(), cold + 7) << "of each edit what was edited, and nothing else";
}

// What an edit of the public fragment costs once `readers` have read.
class PublicEditTest : public FanOutTest, public testing::WithParamInterface<int> {};

TEST_P(PublicEditTest, CostsOneReadOfTheSourceHoweverManyHaveRead) {
  for (int i = 0; i < GetParam(); ++i) (void)text_for(user("r" + std::to_string(i)), "a");
  EXPECT_EQ(std::ranges::count(asked(*fragments), "public/a"), 1) << "once for all users";
  const std::size_t reads = source_reads();
  const std::uint64_t voided = store.asked_to_void;
  edit("fragments", "public/a", R"({"p":2})");
  EXPECT_EQ(store.asked_to_void, voided + 1);
  for (int i = 0; i < GetParam(); ++i) {
    EXPECT_EQ(text_for(user("r" + std::to_string(i)), "a"), R"({"p":2})");
  }
  EXPECT_EQ(source_reads(), reads + 1);
}

INSTANTIATE_TEST_SUITE_P(Readers, PublicEditTest, testing::Values(1, 1000));

// A read under way while an edit is made may say either; one that begins after it may not.
TEST_F(FanOutTest, AReadThatBeginsAfterAnEditDoesNotGetALoadFromBefore) {
  fragments->hold = true;
  EXPECT_FALSE(read_one({}, "a")) << "its load is under way, with what was there before";
  fragments->hold = false;
  edit("fragments", "public/a", R"({"p":2})");
  EXPECT_EQ(text_for({}, "a"), R"({"p":2})");
  fragments->release();
  world.run();
  EXPECT_EQ(text_for({}, "a"), R"({"p":2})") << "what came late is not kept";
}

}  // namespace
}  // namespace headrace
