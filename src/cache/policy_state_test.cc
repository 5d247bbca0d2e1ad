#include "cache/policy_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace headrace {
namespace {

using Names = std::vector<std::string>;
using Count = PolicyState::Count;

Policy named(Rollout rollout = Rollout::on, double percentage = 100) {
  Policy policy;
  policy.name = "users";
  policy.tenant = "shop";
  policy.rollout = rollout;
  policy.percentage = percentage;
  return policy;
}
std::shared_ptr<const Compiled> compiled(Policy policy, std::uint32_t version = 1) {
  return std::make_shared<const Compiled>(
      Compiled{.policy = std::move(policy), .version = version});
}
Route route(const PolicyState& state, std::string_view entity = "e") {
  return PolicyState::route(state.dial(), entity);
}

TEST(RouteTest, IsWhatTheRolloutSays) {
  EXPECT_EQ(route(PolicyState(compiled(named(Rollout::on)), 1, true)), Route::cached);
  EXPECT_EQ(route(PolicyState(compiled(named(Rollout::off)), 1, true)), Route::off);
  EXPECT_EQ(route(PolicyState(compiled(named(Rollout::shadow)), 1, true)), Route::shadow);
}

TEST(RouteTest, TheGlobalSwitchGoesBeforeEveryRollout) {
  for (const auto rollout : {Rollout::off, Rollout::shadow, Rollout::percentage, Rollout::on}) {
    PolicyState state(compiled(named(rollout)), 1, false);
    EXPECT_EQ(route(state), Route::off);
    EXPECT_FALSE(state.view().reads_on);
    const PolicyState on(compiled(named(rollout)), 1, true);
    state.set_reads(true);
    EXPECT_EQ(route(state), route(on));
    state.set_reads(false);
    EXPECT_EQ(route(state), Route::off);
  }
}

TEST(RouteTest, APolicyThatIsNoLongerDefinedIsOff) {
  PolicyState state(compiled(named()), 1, true);
  EXPECT_TRUE(state.is_defined());
  state.set_defined(false);
  EXPECT_FALSE(state.is_defined());
  EXPECT_EQ(route(state), Route::off);
  state.set_defined(true);
  EXPECT_EQ(route(state), Route::cached);
  state.set_defined(false);
  state.replace(compiled(named()), 1);  // Defined again.
  EXPECT_TRUE(state.is_defined());
  EXPECT_EQ(route(state), Route::cached);
}

TEST(RouteTest, StrictIsAnotherWayToBeCachedAndNoWayToBeTriedOut) {
  Policy policy = named();
  policy.level = Level::strict;
  PolicyState state(compiled(policy), 1, true);
  EXPECT_EQ(route(state), Route::strict);
  state.set_rollout(Rollout::percentage, 100);
  EXPECT_EQ(route(state), Route::strict);
  state.set_rollout(Rollout::percentage, 0);
  EXPECT_EQ(route(state), Route::off);
  state.set_rollout(Rollout::shadow, 100);
  EXPECT_EQ(route(state), Route::shadow);
  state.set_rollout(Rollout::off, 100);
  EXPECT_EQ(route(state), Route::off);
  state.set_rollout(Rollout::on, 100);
  state.replace(compiled(named()), 1);
  EXPECT_EQ(route(state), Route::cached);
}

// The entities of 100,000 that this state caches.
std::vector<bool> cached_of(const PolicyState& state) {
  std::vector<bool> cached;
  for (int i = 0; i < 100'000; ++i) {
    const Route way = route(state, "user:" + std::to_string(i));
    EXPECT_TRUE(way == Route::cached || way == Route::sampled_out || way == Route::off);
    cached.push_back(way == Route::cached);
  }
  return cached;
}

TEST(PercentageTest, IsCloseToItsShare) {
  for (const double percentage : {0.5, 1.0, 12.34, 50.0, 99.0}) {
    const auto cached =
        cached_of(PolicyState(compiled(named(Rollout::percentage, percentage)), 1, true));
    const auto count = static_cast<double>(std::ranges::count(cached, true));
    // Five times the standard deviation at its largest is 790.
    EXPECT_NEAR(count, percentage * 1'000, 800) << percentage;
    if (percentage < 2) EXPECT_NEAR(count, percentage * 1'000, 160) << percentage;
  }
}

TEST(PercentageTest, ItsEndsAreExact) {
  const auto none = cached_of(PolicyState(compiled(named(Rollout::percentage, 0)), 1, true));
  EXPECT_EQ(std::ranges::count(none, true), 0);
  const auto all = cached_of(PolicyState(compiled(named(Rollout::percentage, 100)), 1, true));
  EXPECT_EQ(std::ranges::count(all, false), 0);
  // To two decimals.
  EXPECT_EQ(PolicyState(compiled(named(Rollout::percentage, 0.01)), 1, true).dial().share, 1);
  EXPECT_EQ(PolicyState(compiled(named(Rollout::percentage, 99.99)), 1, true).dial().share, 9999);
  EXPECT_EQ(PolicyState(compiled(named(Rollout::percentage, 0.004)), 1, true).dial().share, 0);
  EXPECT_EQ(PolicyState(compiled(named(Rollout::percentage, 0.29)), 1, true).dial().share, 29);
}

// Which entities are cached must not change with a restart or a version of the program: an entity
// that was cached yesterday would be cold, or one that was not would be new, for no reason.
TEST(PercentageTest, AnEntitysPlaceIsTheSameForEver) {
  const std::pair<std::string, double> places[] = {{"", 31.38},
                                                   {"1", 34.64},
                                                   {"42", 54.73},
                                                   {"user:7", 79.08},
                                                   {"ada@example.org", 47.00},
                                                   {"\xc3\xbc", 23.02}};
  for (const auto& [entity, place] : places) {
    PolicyState state(compiled(named(Rollout::percentage, place)), 1, true);
    EXPECT_EQ(route(state, entity), Route::sampled_out) << entity;
    state.set_rollout(Rollout::percentage, place + 0.01);
    EXPECT_EQ(route(state, entity), Route::cached) << entity;
  }
}

TEST(PercentageTest, ItsBorderIsExact) {
  PolicyState state(compiled(named(Rollout::percentage, 50)), 1, true);
  std::string border;  // An entity that is the first to be outside of half.
  for (int i = 0; border.empty(); ++i) {
    const std::string entity = std::to_string(i);
    if (hash64(entity) % 10000 == 5000) border = entity;
  }
  EXPECT_EQ(route(state, border), Route::sampled_out);
  state.set_rollout(Rollout::percentage, 50.01);
  EXPECT_EQ(route(state, border), Route::cached);
}

TEST(PercentageTest, AnEntityStaysOnItsSideWhateverElseChanges) {
  PolicyState state(compiled(named(Rollout::percentage, 30)), 1, true);
  const auto first = cached_of(state);
  state.set_scope(77);
  EXPECT_EQ(cached_of(state), first);
  Policy policy = named(Rollout::percentage, 30);
  policy.name = "orders";
  EXPECT_EQ(cached_of(PolicyState(compiled(policy, 9), 5, true)), first);
}

TEST(PercentageTest, WhoIsInStaysInWhenItGrows) {
  PolicyState state(compiled(named(Rollout::percentage, 10)), 1, true);
  const auto few = cached_of(state);
  state.set_rollout(Rollout::percentage, 40);
  const auto many = cached_of(state);
  for (std::size_t i = 0; i < few.size(); ++i) ASSERT_TRUE(!few[i] || many[i]) << i;
}

TEST(DialTest, ItsPartsDoNotTouchEachOther) {
  Policy strict = named();
  strict.level = Level::strict;
  for (const std::uint32_t scope : {0u, 1u, 0x8000'0000u, 0xffff'ffffu}) {
    PolicyState state(compiled(strict), scope, true);
    EXPECT_EQ(state.dial().scope, scope);
    EXPECT_EQ(state.scope(), scope);
    EXPECT_EQ(state.dial().share, 10000);
    EXPECT_TRUE(state.dial().strict);
    EXPECT_FALSE(state.dial().shadow);
    state.set_rollout(Rollout::shadow, 0);
    EXPECT_TRUE(state.dial().shadow);
    EXPECT_EQ(state.dial().scope, scope);
    state.replace(compiled(named(Rollout::off)), scope);
    EXPECT_EQ(state.dial().share, 0);
    EXPECT_FALSE(state.dial().strict);
    EXPECT_FALSE(state.dial().shadow);
    EXPECT_EQ(state.dial().scope, scope);
  }
}

TEST(ScopeTest, ANewScopeGivesNewHashesAndKeepsTheDeclaration) {
  PolicyState state(compiled(named(), 3), 1, true);
  const auto before = state.snapshot();
  state.set_scope(2);
  EXPECT_EQ(before.scope, 1u);  // A snapshot stays what it was.
  const auto after = state.snapshot();
  EXPECT_EQ(after.scope, 2u);
  EXPECT_EQ(state.scope(), 2u);
  EXPECT_EQ(after.compiled, before.compiled);
  std::set<std::uint64_t> hashes;
  for (std::uint32_t scope = 0; scope < 1'000; ++scope) {
    hashes.insert(PolicyState::hash_of(scope, "e"));
    hashes.insert(PolicyState::hash_of(scope, "f"));
  }
  EXPECT_EQ(hashes.size(), 2'000u);
  EXPECT_EQ(PolicyState::hash_of(7, "e"), PolicyState::hash_of(7, "e"));
}

TEST(HeardTest, WhatAProofTellsIsHeardOnceTheBusHasHadItsTime) {
  const auto at = [](int ms) { return Instant(std::chrono::milliseconds(1'000'000 + ms)); };
  const auto within = std::chrono::milliseconds(100);
  PolicyState state(compiled(named()), 1, true);
  const auto prove = [&](int ms, Duration heard_within) {
    state.cover(at(ms + 2000), at(ms), at(ms + 1), heard_within);
    return state.heard_until();
  };
  EXPECT_EQ(state.heard_until(), Instant::min());
  EXPECT_EQ(prove(0, within), Instant::min());
  EXPECT_EQ(prove(50, within), Instant::min());
  EXPECT_EQ(prove(100, within), at(0)) << "what was acknowledged since may not be heard yet";
  EXPECT_EQ(prove(150, within), at(0));
  EXPECT_EQ(prove(200, within), at(100));
  EXPECT_EQ(prove(1900, within), at(200)) << "it was proved last when the bus had its time";
  state.cover(Instant::min(), Instant::min(), at(1901), within);
  EXPECT_EQ(state.heard_until(), Instant::min());
  EXPECT_EQ(prove(2000, within), Instant::min());
  EXPECT_EQ(prove(2001, Duration::zero()), at(2001)) << "there is no bus";
}

TEST(ReplaceTest, BringsTheNewDeclarationAndItsScope) {
  PolicyState state(compiled(named(), 1), 1, true);
  Policy policy = named();
  policy.fresh_for = std::chrono::seconds(7);
  const auto next = compiled(policy, 2);
  state.replace(next, 9);
  EXPECT_EQ(state.snapshot().compiled, next);
  EXPECT_EQ(state.snapshot().scope, 9u);
  EXPECT_EQ(state.scope(), 9u);
  EXPECT_EQ(state.view().version, 2u);
  EXPECT_EQ(state.view().policy.fresh_for, std::chrono::seconds(7));
}

TEST(ReplaceTest, ASwitchSetByHandOutlivesAReloadThatDoesNotTouchIt) {
  PolicyState state(compiled(named(Rollout::on)), 1, true);
  state.set_rollout(Rollout::percentage, 0);
  Policy policy = named(Rollout::on);
  policy.fresh_for = std::chrono::seconds(7);
  state.replace(compiled(policy), 2);
  EXPECT_EQ(route(state), Route::off);
  EXPECT_EQ(state.view().policy.rollout, Rollout::percentage);
  EXPECT_EQ(state.view().policy.percentage, 0);
}

TEST(ReplaceTest, ADeclarationThatChangesTheSwitchWins) {
  PolicyState rollout(compiled(named(Rollout::on)), 1, true);
  rollout.set_rollout(Rollout::off, 100);
  rollout.replace(compiled(named(Rollout::shadow)), 2);
  EXPECT_EQ(route(rollout), Route::shadow);
  rollout.replace(compiled(named(Rollout::on)), 3);
  EXPECT_EQ(route(rollout), Route::cached);

  PolicyState share(compiled(named(Rollout::percentage, 10)), 1, true);
  share.set_rollout(Rollout::percentage, 55);
  share.replace(compiled(named(Rollout::percentage, 10)), 2);
  EXPECT_EQ(share.dial().share, 5500);
  share.replace(compiled(named(Rollout::percentage, 20)), 3);
  EXPECT_EQ(share.dial().share, 2000);
  EXPECT_EQ(share.view().policy.percentage, 20);
}

TEST(ReplaceTest, TheGlobalSwitchIsNotThePolicysToTurn) {
  PolicyState state(compiled(named()), 1, false);
  state.replace(compiled(named(Rollout::shadow)), 2);
  EXPECT_EQ(route(state), Route::off);
  state.set_rollout(Rollout::on, 100);
  EXPECT_EQ(route(state), Route::off);
  state.set_scope(3);
  EXPECT_EQ(route(state), Route::off);
}

TEST(ReplaceTest, ASnapshotNeverMixesADeclarationWithTheScopeOfAnother) {
  PolicyState state(compiled(named(), 1), 1, true);
  std::jthread writer([&state](const std::stop_token& stop) {
    for (std::uint32_t i = 2; !stop.stop_requested(); ++i) state.replace(compiled(named(), i), i);
  });
  int mixed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto snapshot = state.snapshot();
    if (snapshot.compiled->version != snapshot.scope) ++mixed;
  }
  EXPECT_EQ(mixed, 0);
}

Compiled tagged(Names patterns) {
  Compiled made{.policy = named()};
  made.policy.tags = std::move(patterns);
  return made;
}

TEST(TagNamesTest, TheEntityStandsWhereThePatternSaysSo) {
  EXPECT_EQ(tagged({"user:{entity}", "all", "{entity}"}).tag_names("42"),
            (Names{"tag:shop/user:42", "tag:shop/all", "tag:shop/42"}));
  EXPECT_EQ(tagged({"{entity}-{entity}/{entity}"}).tag_names("42"), Names{"tag:shop/42-42/42"});
  EXPECT_EQ(tagged({"{entity}{entity}"}).tag_names("42"), Names{"tag:shop/4242"});
  EXPECT_EQ(tagged({"{entit}{Entity}{entity"}).tag_names("42"),
            Names{"tag:shop/{entit}{Entity}{entity"});
  EXPECT_TRUE(tagged({}).tag_names("42").empty());
}

TEST(TagNamesTest, WhatTheEntityHoldsIsNotReplacedAgain) {
  EXPECT_EQ(tagged({"{entity}:{entity}"}).tag_names("{entity}"),
            Names{"tag:shop/{entity}:{entity}"});
  EXPECT_EQ(tagged({"a{entity}b{entity}"}).tag_names("x{entity}y"),
            Names{"tag:shop/ax{entity}ybx{entity}y"});
  EXPECT_EQ(tagged({"{{entity}}"}).tag_names("entity"), Names{"tag:shop/{entity}"});
  EXPECT_EQ(tagged({"{entity}entity}"}).tag_names("{"), Names{"tag:shop/{entity}"});
  EXPECT_EQ(tagged({"{entity}|{entity}"}).tag_names(""), Names{"tag:shop/|"});
  EXPECT_EQ(tagged({"<{entity}>"}).tag_names(std::string("\0", 1)),
            Names{std::string("tag:shop/<\0>", 12)});
}

TEST(WatermarksTest, TheFixedOnesComeBeforeTheTagsInTheirOrder) {
  Compiled made = tagged({"b:{entity}", "a"});
  made.watermarks = {WatermarkId::of(cache_watermark), WatermarkId::of(namespace_watermark("shop")),
                     WatermarkId::of(policy_watermark("shop", "users"))};
  const std::vector<WatermarkId> ids = made.watermarks_of("42");
  ASSERT_EQ(ids.size(), 5u);
  EXPECT_TRUE(std::equal(made.watermarks.begin(), made.watermarks.end(), ids.begin()));
  EXPECT_EQ(ids[3], WatermarkId::of(tag_watermark("shop", "b:42")));
  EXPECT_EQ(ids[4], WatermarkId::of(tag_watermark("shop", "a")));
  made.policy.tags.clear();
  EXPECT_EQ(made.watermarks_of("42").size(), 3u);
}

TEST(WatermarksTest, NoTwoThingsShareAName) {
  const Names tenants{"", "a", "b", "ab", "a:b", "tag", "policy", "namespace", "cache", ":"};
  const Names parts{"",   "a",       "b",      "ab",  "a/b",   "/a",
                    "a/", "tag:a/b", "policy", "a:b", "cache", "tag:"};
  std::set<std::string> names{std::string(cache_watermark)};
  std::size_t count = 1;
  for (const std::string& tenant : tenants) {
    names.insert(namespace_watermark(tenant));
    ++count;
    for (const std::string& part : parts) {
      names.insert(tag_watermark(tenant, part));
      names.insert(policy_watermark(tenant, part));
      count += 2;
    }
  }
  EXPECT_EQ(names.size(), count);
}

TEST(CompiledTest, IsStorableOnlyWithAnEncoding) {
  Compiled made;
  EXPECT_FALSE(made.is_storable());
  made.codec = std::make_shared<const ValueCodec>();
  EXPECT_FALSE(made.is_storable());
  made.codec = std::make_shared<const ValueCodec>(
      ValueCodec{.encode = [](const void*) { return std::string(); }});
  EXPECT_TRUE(made.is_storable());
}

TEST(CompiledTest, TheNameOfAPolicy) {
  const PolicyState state(compiled(named()), 1, true);
  EXPECT_EQ(policy_name(state), "users");
}

TEST(StatsTest, EachCountIsItsOwn) {
  using Field = std::uint64_t PolicyStats::*;
  const std::pair<Count, Field> fields[] = {
      {Count::errors, &PolicyStats::errors},
      {Count::collapsed, &PolicyStats::collapsed},
      {Count::loads, &PolicyStats::loads},
      {Count::load_failures, &PolicyStats::load_failures},
      {Count::source_missing, &PolicyStats::source_missing},
      {Count::source_empty, &PolicyStats::source_empty},
      {Count::source_reads, &PolicyStats::source_reads},
      {Count::source_writes, &PolicyStats::source_writes},
      {Count::source_deletes, &PolicyStats::source_deletes},
      {Count::avoided_besides, &PolicyStats::avoided_besides},
      {Count::source_unchanged, &PolicyStats::source_unchanged},
      {Count::fills_kept, &PolicyStats::fills_kept},
      {Count::fills_fenced, &PolicyStats::fills_fenced},
      {Count::publishes_refused, &PolicyStats::publishes_refused},
      {Count::invalidations, &PolicyStats::invalidations},
      {Count::shadow_matches, &PolicyStats::shadow_matches},
      {Count::shadow_mismatches, &PolicyStats::shadow_mismatches},
      {Count::would_hits, &PolicyStats::would_hits},
      {Count::behind_reads, &PolicyStats::behind_reads},
      {Count::switched, &PolicyStats::switched},
      {Count::oversize, &PolicyStats::oversize},
  };
  using VerifyField = std::uint64_t VerifyStats::*;
  const std::pair<Count, VerifyField> verify_fields[] = {
      {Count::checks, &VerifyStats::checks},
      {Count::check_matches, &VerifyStats::matches},
      {Count::check_within_bound, &VerifyStats::within_bound},
      {Count::check_violations, &VerifyStats::violations},
      {Count::check_undecided, &VerifyStats::undecided},
      {Count::check_failures, &VerifyStats::failures},
      {Count::check_reads, &VerifyStats::reads},
      {Count::checks_over_budget, &VerifyStats::over_budget},
      {Count::checks_busy, &VerifyStats::busy},
  };
  // Besides dry_reads, which no field tells by itself.
  EXPECT_EQ(std::size(fields) + std::size(verify_fields) + 1,
            static_cast<std::size_t>(Count::last));
  PolicyState state(compiled(named()), 1, true);
  std::uint64_t times = 0;
  for (const auto& [count, field] : fields) state.count(count, ++times);
  for (const auto& [count, field] : verify_fields) state.count(count, ++times);
  times = 0;
  const PolicyStats stats = state.stats();
  for (const auto& [count, field] : fields) {
    EXPECT_EQ(stats.*field, ++times) << static_cast<int>(count);
  }
  for (const auto& [count, field] : verify_fields) {
    EXPECT_EQ(stats.verify.*field, ++times) << static_cast<int>(count);
  }
  EXPECT_EQ(stats.policy, "users");
  EXPECT_EQ(stats.reads(), stats.errors);  // No answers yet.
}

TEST(DrawTest, OfFreshAnswersTheShareIsDrawnAndNoneWithoutOne) {
  const auto drawn_of = [](double share, int answers) {
    Policy policy = named();
    policy.verify_share = share;
    PolicyState state(compiled(policy), 1, true);
    std::mt19937_64 chance(7);
    int drawn = 0;
    for (int i = 0; i < answers; ++i) {
      if (state.count_hit() && state.is_drawn(share, chance())) ++drawn;
    }
    EXPECT_EQ(state.stats().kept_answers(), static_cast<std::uint64_t>(answers));
    return drawn;
  };
  EXPECT_EQ(drawn_of(0, 1000), 0);
  EXPECT_EQ(drawn_of(1, 1000), 1000);
  EXPECT_NEAR(drawn_of(0.5, 10'000), 5'000, 200);
  EXPECT_NEAR(drawn_of(0.01, 100'000), 1'000, 120);
}

TEST(DrawTest, AShareThatIsDeclaredLaterCountsFromThen) {
  PolicyState state(compiled(named()), 1, true);
  EXPECT_FALSE(state.count_hit());
  Policy policy = named();
  policy.verify_share = 1;
  state.replace(compiled(policy), 2);
  EXPECT_TRUE(state.count_hit());
  state.replace(compiled(named()), 3);
  EXPECT_FALSE(state.count_hit());
}

TEST(SwitchedTest, OnlyWhatAnswersIsSwitchedAndAPersonForgives) {
  PolicyState state(compiled(named(Rollout::percentage, 25)), 1, true);
  EXPECT_TRUE(state.switch_to_shadow("too many", WallTime(std::chrono::milliseconds(5))));
  EXPECT_FALSE(state.switch_to_shadow("again", WallTime(std::chrono::milliseconds(6))));
  EXPECT_EQ(state.view().policy.rollout, Rollout::shadow);
  EXPECT_EQ(state.view().policy.percentage, 25);
  EXPECT_EQ(state.view().switched_why, "too many");
  // A reload that does not touch the rollout leaves it so.
  state.replace(compiled(named(Rollout::percentage, 25)), 2);
  EXPECT_EQ(state.view().policy.rollout, Rollout::shadow);
  EXPECT_EQ(state.view().switched_why, "too many");
  state.set_rollout(Rollout::off, 25);
  EXPECT_EQ(state.view().switched_why, "");
  EXPECT_FALSE(state.switch_to_shadow("off", WallTime(std::chrono::milliseconds(7))));
}

TEST(StatsTest, AnEmptyQueryIsEmptyWhateverItsKind) {
  PolicyState state(compiled(named()), 1, true);
  state.count_billed(Kind::value, true, 1);
  state.count_billed(Kind::absent, true, 2);
  state.count_billed(Kind::absent, false, 4);
  state.count_billed(Kind::value, false, 8);
  const PolicyStats stats = state.stats();
  EXPECT_EQ(stats.source_empty, 3u);
  EXPECT_EQ(stats.source_missing, 4u);
  EXPECT_EQ(stats.source_found, 8u);
  EXPECT_EQ(stats.source_reads, 15u);
}

TEST(StatsTest, AnswersAreCountedByOriginAndReason) {
  PolicyState state(compiled(named()), 1, true);
  std::uint64_t times = 0;
  for (std::size_t o = 0; o < origin_count; ++o) {
    for (std::size_t r = 0; r < reason_count; ++r) {
      ++times;
      for (std::uint64_t i = 0; i < times; ++i) {
        state.count_answer(static_cast<Origin>(o), static_cast<Reason>(r));
      }
    }
  }
  times = 0;
  const PolicyStats stats = state.stats();
  for (std::size_t o = 0; o < origin_count; ++o) {
    for (std::size_t r = 0; r < reason_count; ++r) EXPECT_EQ(stats.answers[o][r], ++times);
  }
  EXPECT_EQ(stats.reads(), times * (times + 1) / 2);
}

TEST(StatsTest, SumsOverMoreThreadsThanThereAreBlocks) {
  PolicyState state(compiled(named()), 1, true);
  constexpr int count = 40, each = 5'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < count; ++t) {
      threads.emplace_back([&state] {
        for (int i = 0; i < each; ++i) {
          state.count(Count::loads);
          state.count(Count::source_reads, 3);
          state.count_answer(Origin::store, Reason::fresh);
        }
      });
    }
  }
  const PolicyStats stats = state.stats();
  constexpr std::uint64_t all = std::uint64_t{count} * each;
  EXPECT_EQ(stats.loads, all);
  EXPECT_EQ(stats.source_reads, 3 * all);
  EXPECT_EQ(stats.kept_answers(), all);
  EXPECT_EQ(stats.reads(), all);
}

}  // namespace
}  // namespace headrace
