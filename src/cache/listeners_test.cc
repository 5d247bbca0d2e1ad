// The user's listeners: whom an invalidation is told to, and what becomes of one that is slow, or
// throws, or goes.
#include "cache/listeners.h"

#include <stdexcept>
#include <vector>

#include "headrace/bus.h"
#include "kit/bench_top.h"
#include "kit/plain_bus.h"

namespace headrace {
namespace {

using Of = Topic::Of;
using testing::ElementsAre;
using testing::IsEmpty;

// Every name, of whatever kind; "*" for everything.
std::vector<std::string> names_of(const Invalidation& what) {
  std::vector<std::string> names;
  for (const auto& key : what.keys) names.push_back(key.policy + "/" + key.entity);
  names.insert(names.end(), what.tags.begin(), what.tags.end());
  for (const std::string& policy : what.policies) names.push_back(policy + "/");
  if (what.everything) names.emplace_back("*");
  return names;
}

TEST(Topics, OfWhatIsNamedEachHearsItsPart) {
  Invalidation what;
  what.keys = {{"users", "1"}, {"users", "12"}, {"users", "2"}, {"posts", "1"}};
  what.tags = {"red", "reddish", "blue"};
  what.policies = {"posts", "likes"};
  const auto part = [&what](const Topic& topic) { return names_of(part_of(what, topic)); };
  EXPECT_EQ(part({}), names_of(what));
  EXPECT_THAT(part({.of = Of::key, .policy = "users", .name = "1"}), ElementsAre("users/1"));
  EXPECT_THAT(part({.of = Of::key, .policy = "users", .name = "1", .is_prefix = true}),
              ElementsAre("users/1", "users/12"));
  EXPECT_THAT(part({.of = Of::key, .policy = "posts", .is_prefix = true}),
              ElementsAre("posts/1", "posts/"));
  EXPECT_THAT(part({.of = Of::key, .policy = "likes", .name = "7"}), ElementsAre("likes/"));
  EXPECT_THAT(part({.of = Of::tag, .name = "red"}), ElementsAre("red"));
  EXPECT_THAT(part({.of = Of::tag, .name = "red", .is_prefix = true}),
              ElementsAre("red", "reddish"));
  EXPECT_THAT(part({.of = Of::tag, .name = "green"}), IsEmpty());
  what = {.everything = true};
  for (const Of of : {Of::all, Of::key, Of::tag}) {
    EXPECT_THAT(part({.of = of, .policy = "users", .name = "1"}), ElementsAre("*"));
  }
}

class ListenersTest : public kit::BenchTop {
 protected:
  // One that writes down what it is told.
  struct Noted {
    std::vector<std::string> names{};
    int missed = 0;
    int calls = 0;
    bool throws = false;
    std::function<void()> then{};
    Listening listening{};
  };

  ListenersTest() {
    EXPECT_TRUE(close());
    engine = std::make_unique<Engine>(
        Engine::Limits{.bytes_max = 1 << 20, .shards = 4, .listeners_max = 8},
        Engine::Ports{world, world, world, &store, &bus});
    define(plain_policy());
    source->rows["1"] = "v1";
    world.run();
  }

  Result<Listening> listen_to(Engine& on, Noted& noted, Topic topic, ListenerOptions options) {
    return on.on_invalidated(
        std::move(topic),
        [&noted](const News& news) {
          ++noted.calls;
          for (std::string& name : names_of(news.names)) noted.names.push_back(std::move(name));
          noted.missed += news.missed ? 1 : 0;
          if (noted.then) noted.then();
          if (noted.throws) throw std::runtime_error("no");
        },
        options);
  }
  void listen(Noted& noted, Topic topic = {}, ListenerOptions options = {}) {
    auto listening = listen_to(*engine, noted, std::move(topic), options);
    ASSERT_TRUE(listening.has_value()) << listening.error().what;
    noted.listening = *std::move(listening);
  }

  kit::BusServer server;
  kit::PlainBus bus{server};
};

TEST_F(ListenersTest, HearWhatIsInvalidatedHereAndByOthersOnce) {
  kit::PlainBus other_bus(server);
  Engine other({.bytes_max = 1 << 20, .shards = 4}, {world, world, world, &store, &other_bus});
  Noted here, there;
  listen(here);
  there.listening = *listen_to(other, there, {}, {});
  world.run();
  invalidate(key("1"));
  world.run(other.invalidate(tag("red"), Wait::confirmed));
  world.run();
  EXPECT_THAT(here.names, ElementsAre("users/1", "red"));
  EXPECT_THAT(there.names, ElementsAre("users/1", "red"));
  EXPECT_EQ(here.missed + there.missed, 0);
  start(other.close(), [] {});
  let_go();
}

TEST_F(ListenersTest, AReadThatOneStartsIsNotAnsweredWithAnythingOlder) {
  read("1");
  Noted noted;
  Outcome seen;
  noted.then = [&] { seen = ask("1"); };
  listen(noted, {.of = Of::key, .policy = "users", .name = "1"});
  source->rows["1"] = "v2";
  store.mood = kit::PlainStore::Mood::failing;  // Although the store has not confirmed it.
  invalidate(key("1"));
  world.run();
  ASSERT_EQ(noted.calls, 1);
  EXPECT_EQ(text(seen), "v2");
}

TEST_F(ListenersTest, AreToldWhatTheBusMayHaveLost) {
  Noted noted;
  listen(noted, {.of = Of::tag, .name = "red"});
  bus.notice();
  world.run();
  EXPECT_EQ(noted.missed, 1);
  EXPECT_THAT(noted.names, IsEmpty());
  // A gap in what another says, of which nothing concerns this one.
  kit::PlainBus stranger(server);
  ASSERT_TRUE(world.run(stranger.publish({{.origin = {7, 7}, .sequence = 2}}))->has_value());
  world.run();
  EXPECT_EQ(noted.missed, 2);
}

TEST_F(ListenersTest, OneThatThrowsHasMissedWhatItWasToldAndStopsNobody) {
  Noted bad, good;
  bad.throws = true;
  listen(bad);
  listen(good);
  invalidate(key("1"));
  world.run();
  EXPECT_EQ(bad.calls, 1) << "it is not called for that alone";
  EXPECT_THAT(good.names, ElementsAre("users/1"));
  bad.throws = false;
  invalidate(key("2"));
  invalidate(key("3"));
  world.run();
  EXPECT_EQ(bad.missed, 1);
  EXPECT_THAT(bad.names, ElementsAre("users/1", "users/2", "users/3"));
  EXPECT_EQ(good.missed, 0);
}

TEST_F(ListenersTest, OneThatIsSlowMissesWhatFindsNoRoomAndHoldsNobodyUp) {
  kit::World elsewhere;  // Where nothing runs before the test says so.
  Noted slow, quick;
  listen(slow, {}, {.names_max = 3, .executor = &elsewhere});
  listen(quick);
  for (int i = 1; i <= 6; ++i) {
    ASSERT_EQ(**invalidate(key(std::to_string(i))), Held::soon);
    world.run();
  }
  EXPECT_EQ(quick.names.size(), 6u);
  EXPECT_EQ(slow.calls, 0);
  elsewhere.run();
  EXPECT_EQ(slow.missed, 1);
  EXPECT_THAT(slow.names, ElementsAre("users/5", "users/6"));
  invalidate(key("7"));
  elsewhere.run();
  EXPECT_EQ(slow.missed, 1);
  EXPECT_EQ(slow.names.back(), "users/7");
}

TEST_F(ListenersTest, OneWithMuchToHearTakesTurns) {
  Noted noted;
  listen(noted);
  for (int i = 0; i < 200; ++i) invalidate(key(std::to_string(i)));
  world.run();
  EXPECT_EQ(noted.calls, 200);
}

TEST_F(ListenersTest, OneThatGoesIsNotCalledEvenForWhatWaits) {
  Noted noted;
  listen(noted);
  const auto invalidating = invalidate(key("1"));
  noted.calls = 0;
  noted.then = [&noted] { noted.listening.reset(); };
  start(engine->invalidate(key("2")), [](const auto&) {});
  start(engine->invalidate(key("3")), [](const auto&) {});
  world.run();
  EXPECT_EQ(noted.calls, 1) << "it went while it was told of 2";
}

TEST_F(ListenersTest, TooManyAreRefusedUntilOneGoes) {
  std::vector<Noted> many(8);
  for (Noted& one : many) listen(one);
  Noted more;
  EXPECT_EQ(listen_to(*engine, more, {}, {}).error().code, Code::refused);
  many.front().listening.reset();
  EXPECT_TRUE(listen_to(*engine, more, {}, {}).has_value());
  EXPECT_EQ(engine->on_invalidated({}, nullptr).error().code, Code::invalid_argument);
}

TEST_F(ListenersTest, AListeningOutlivesTheEngine) {
  Noted noted;
  listen(noted);
  invalidate(key("1"));
  ASSERT_TRUE(close());
  engine.reset();
  EXPECT_THAT(noted.names, ElementsAre("users/1"));
  noted.listening.reset();
  make_engine();
}

}  // namespace
}  // namespace headrace
