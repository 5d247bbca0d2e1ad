// cache/late_fill_fixture.h: the late-fill race, forced, for the tests that show that it is lost
// and for those that show that they would notice.
//
// A fetch reads v1 and is held.  v2 is written.  Something is invalidated.  Then the fetch ends.
#pragma once

#include <string>
#include <vector>

#include "kit/bench_top.h"

namespace headrace::kit {

enum class Path { foreground, refresh, batch, forced };
enum class How { key, tag, put, policy, everything, bump };

class LateFill : public BenchTop {
 public:
  // What a read after the race is answered with; `restart` loses the memory in between, so that the
  // store is looked at alone.
  enum class Then { read, restart_and_read };
  std::string run(Path path, How how, Then then) {
    source->batches_max = 10;
    Policy policy = plain_policy();
    policy.stale_for = std::chrono::seconds(1000);
    policy.gather_within = std::chrono::milliseconds(1);
    define(policy);
    source->rows["1"] = "v1";
    if (path == Path::refresh) {
      EXPECT_EQ(text(read("1")), "v1");
      world.advance(std::chrono::seconds(20));
    }
    source->hold = true;
    std::vector<Outcome> early = begin(path);
    world.run();
    EXPECT_EQ(source->held(), 1u) << "the fetch is not held";

    source->rows["1"] = "v2";
    outdate(how);
    source->hold = false;
    const Outcome during = ask("1");  // Starts while the old fetch is held, and ends before it.
    world.advance(std::chrono::milliseconds(5));
    source->release();
    world.run();
    for (const Outcome& outcome : early) EXPECT_NE(text(outcome), "pending");
    if (text(during) != "v2") return text(during) + " for a read during the load";
    if (then == Then::restart_and_read) {
      EXPECT_TRUE(close());
      make_engine();
      define(policy);
    }
    return text(read("1"));
  }

  void outdate(How how) {
    switch (how) {
      case How::key: expect_held(invalidate(key("1"))); break;
      case How::tag: expect_held(invalidate(tag("user:1"))); break;
      case How::policy: expect_held(invalidate(whole_policy())); break;
      case How::everything: expect_held(invalidate(everything())); break;
      case How::put: expect_held(put("1", "v2")); break;
      case How::bump: {
        const PolicyChange change{.bump_version = true};
        EXPECT_TRUE(world.run(engine->change("users", change))->has_value());
        break;
      }
    }
  }

 private:
  std::vector<Outcome> begin(Path path) {
    std::vector<Outcome> outcomes;
    switch (path) {
      case Path::foreground: outcomes.push_back(ask("1")); break;
      case Path::forced: outcomes.push_back(ask("1", {.refresh = true})); break;
      case Path::refresh:
        outcomes.push_back(ask("1"));
        EXPECT_EQ(text(outcomes.back()), "v1");
        break;
      case Path::batch:
        for (AnyLookup& lookup : engine->read_many(users, {"1", "other"})) {
          outcomes.push_back(catch_outcome(std::move(lookup)));
        }
        break;
    }
    return outcomes;
  }
  static void expect_held(const std::optional<Result<Held>>& held) {
    ASSERT_TRUE(held.has_value() && held->has_value());
    EXPECT_EQ(**held, Held::everywhere);
  }
};

inline constexpr Path all_paths[] = {Path::foreground, Path::refresh, Path::batch, Path::forced};
inline constexpr How all_hows[] = {How::key,    How::tag,        How::put,
                                   How::policy, How::everything, How::bump};

}  // namespace headrace::kit
