// cache/guard_death_fixture.h: a writer that dies at any step of a write, and another instance that
// reads meanwhile; for the tests that show that no old value is left behind, and for those that
// show that they would notice.
//
// What holds of the other instance's reads, under a guard:
// * A strict read that begins after the commit is new, from that moment on and whoever is alive:
//   the guard has emptied the slot before, and whoever is granted it meanwhile publishes nothing.
// * So is a bounded one, unless memory answers: what memory held before the guard it holds until it
//   hears the invalidation, which the writer says before its write returns; or until it misses the
//   writer on the bus, `missed_within` after its death.
// * Once the guard's time is over all reads are new, and what they bring is kept again.
//
// Without a guard nobody tells of a writer that dies between its commit and the invalidation: old
// values end with the bound of the policy.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/within.h"
#include "headrace/engine.h"
#include "kit/held_source.h"
#include "kit/mortal.h"
#include "kit/plain_bus.h"
#include "kit/plain_store.h"
#include "kit/world.h"

namespace headrace::kit {

enum class Way {
  guarded,       // Engine::write() of keys with a change.
  linearizable,  // Engine::write() under a policy of that level.
  updated,       // Engine::update() under a policy of that level.
  unguarded,     // Engine::write() under a bounded policy.
};

class GuardDeath {
 public:
  enum class Other {
    warm,       // It holds the old value in memory, and reads at each step.
    unmet,      // The same, but it has come only now, and has not heard of the writer yet.
    cold,       // Nothing holds the old value; it reads at each step, from one of them on.
    in_step,    // It makes one read, which goes one step on at each of the writer's.
    overtaken,  // The same, but the source's answer comes only when the writer has ended.
  };
  struct Course {
    Way way = Way::guarded;
    // The database makes the change as late as it may, though the writer be dead; otherwise a dead
    // writer's change is made if it was made by then.
    bool is_late = false;
    Other other = Other::warm;
    Level level =
        Level::bounded;    // Of its reads: a strict one drops a copy that memory would have.
    std::size_t from = 1;  // Of the writer's steps: where the other's reads begin, if it is cold.
    std::size_t dies_at = 0;
  };

  static constexpr Duration change_lasts = std::chrono::milliseconds(100);
  static constexpr Duration missed_within = std::chrono::milliseconds(1250);
  static constexpr Duration bound = std::chrono::seconds(4);  // Of what is written without a guard.

  explicit GuardDeath(Course course) : course_(course) {
    first_ = make(mortal_store_, mortal_bus_, users_, mortal_source_);
    second_ = make(store_, second_bus_, second_users_, source_);
    source_->rows["1"] = "v1";
    world_.run();
    if (course.other != Other::unmet) world_.advance(std::chrono::milliseconds(300));
    if (has_a_copy()) read(Level::bounded);
  }

  // Returns what was wrong, or nothing.
  std::string run() {
    life_.watched = true;
    began_at_ = world_.now();
    write();
    while (!ended_ && !life_.is_over()) go_on();
    life_.watched = false;
    while (life_.is_at_a_step()) life_.go_on();
    while (store_.held() + source_->held() > 0) {
      store_.release_held();
      source_->release();
      world_.run();
    }
    while (world_.now() < end()) {
      read(course_.level);
      world_.advance(std::chrono::milliseconds(250));
    }
    read(Level::strict);
    read(Level::bounded);
    read(Level::bounded);
    if (origin_ != Origin::memory) fault("nothing is kept any more");
    if (asked_ != answered_) fault("a read has not ended");
    close();
    return fault_;
  }

  [[nodiscard]] bool has_died() const { return life_.is_over(); }
  // Whether the old value was answered to a read that began after the commit.
  [[nodiscard]] bool was_old() const { return was_old_; }

 private:
  std::unique_ptr<Engine> make(Store& store, Bus& bus, PolicyHandle& users,
                               const std::shared_ptr<Source>& source) {
    const Engine::Limits limits{.bytes_max = 1 << 20,
                                .shards = 4,
                                .write_within = std::chrono::seconds(1),
                                .guard_margin = std::chrono::milliseconds(1500)};
    auto engine =
        std::make_unique<Engine>(limits, Engine::Ports{world_, world_, world_, &store, &bus});
    Policy policy{.name = "users",
                  .fields = {"name"},
                  .fresh_for = course_.way == Way::unguarded ? bound : std::chrono::hours(1),
                  .jitter = 0,
                  .gather_within = Duration::zero()};
    if (is_linearizable()) policy.level = Level::linearizable;
    policy.writable = {"name"};
    guard_lasts_ = limits.write_within + limits.guard_margin;
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    users = *engine->define(policy, codec, source);
    return engine;
  }

  // The writer.

  void write() {
    const auto end = [this](bool) { ended_ = ended_ || !life_.is_over(); };
    if (course_.way == Way::updated) {
      const auto edit = [](const Current&) {
        return Result<std::optional<Edit>>(Edit{.fields = {{"name", "v2"}}});
      };
      start(first_->update(users_, "1", edit),
            [end](const Result<UpdateOutcome>& outcome) { end(outcome.has_value()); });
      return;
    }
    if (course_.way != Way::guarded) {
      start(first_->write(users_, {.entity = "1", .fields = {{"name", "v2"}}}),
            [end](const Result<WriteOutcome>& outcome) { end(outcome.has_value()); });
      return;
    }
    Invalidation what;
    what.keys.push_back({"users", "1"});
    start(first_->write(std::move(what), [this](Instant deadline) { return change(deadline); }),
          [end](const Result<Held>& held) { end(held.has_value()); });
  }

  Task<Result<void>> change(Instant deadline) {
    co_await life_.step();
    if (life_.is_over()) co_return Life::dead();
    const Instant at = course_.is_late ? deadline : world_.now() + change_lasts;
    world_.post_at(at, [this] {
      if (course_.is_late || !life_.is_over()) source_->rows["1"] = "v2";
    });
    const Pause pause{world_, at};
    co_await pause;
    co_await life_.step();
    if (life_.is_over()) co_return Life::dead();
    co_return Result<void>();
  }

  void go_on() {
    world_.run();
    if (life_.is_at_a_step()) {
      ++steps_;
      if (steps_ == course_.dies_at) {
        died_at_ = world_.now();
        life_.end();
        return;
      }
      read_on();
      life_.go_on();
    } else if (!ended_) {
      world_.advance(std::chrono::milliseconds(25));
      read_on();
    }
  }

  [[nodiscard]] bool is_linearizable() const {
    return course_.way == Way::linearizable || course_.way == Way::updated;
  }

  // The other.

  [[nodiscard]] bool has_a_copy() const {
    return course_.other == Other::warm || course_.other == Other::unmet;
  }

  void read_on() {
    if (steps_ < course_.from && !has_a_copy()) return;
    if (has_a_copy() || course_.other == Other::cold) {
      read(course_.level);
      return;
    }
    const bool begins = asked_ == 0;
    store_.hold_answers = source_->hold = true;
    if (begins) read(course_.level);
    if (!begins && course_.other == Other::in_step) source_->release();
    if (!begins) store_.release_held();
    world_.run();
    store_.hold_answers = source_->hold = false;
  }

  void read(Level level) {
    const bool after = is_made();
    if (after && !made_at_) made_at_ = world_.now();
    const bool must_be_new = after && is_new(level);
    ++asked_;
    origin_.reset();
    ReadOptions options;
    options.level = level;
    second_->read(second_users_, "1", options).then([=, this](const AnyResult& result) {
      ++answered_;
      const std::string said = text(result);
      if (result) origin_ = result->origin();
      was_old_ = was_old_ || (after && said == "v1");
      if (said == "v2" || (said == "v1" && !must_be_new)) return;
      fault(std::string(level == Level::bounded ? "bounded: " : "strict: ") + said);
    });
    world_.run();
  }

  [[nodiscard]] bool is_made() const { return source_->rows.at("1") == "v2"; }

  // Whether a read that begins now must be answered with what is in the source.  REQUIRES: made.
  [[nodiscard]] bool is_new(Level level) const {
    const Instant now = world_.now();
    if (ended_) return true;
    if (course_.way == Way::unguarded) return now >= *made_at_ + bound;
    if (level == Level::strict || is_linearizable()) return true;
    if (now >= began_at_ + guard_lasts_) return true;
    return died_at_ && now > *died_at_ + missed_within;
  }

  // When all is over: whatever a guard, or a bound, outlasts.
  [[nodiscard]] Instant end() const {
    const Duration lasts = course_.way == Way::unguarded ? bound : guard_lasts_;
    return began_at_ + lasts + std::chrono::seconds(1);
  }

  static std::string text(const AnyResult& result) {
    if (!result) return "error: " + result.error().what;
    if (result->kind() != Kind::value) return std::string(name_of(result->kind()));
    return *static_cast<const std::string*>(result->entry().value());
  }

  void fault(const std::string& what) {
    if (!fault_.empty()) return;
    const auto past = std::chrono::floor<std::chrono::milliseconds>(world_.now() - began_at_);
    fault_ = what + ", " + std::to_string(past.count()) +
             " ms after the write began, dead at step " + std::to_string(course_.dies_at) +
             ", the other of kind " + std::to_string(static_cast<int>(course_.other)) +
             " from step " + std::to_string(course_.from);
  }

  void close() {
    std::size_t closed = 0;
    start(second_->close(), [&closed] { ++closed; });
    start(first_->close(), [&closed] { ++closed; });
    world_.advance(std::chrono::seconds(30));
    EXPECT_EQ(closed, 2u);
    EXPECT_THAT(second_->audit(), testing::IsEmpty());
  }

  const Course course_;
  World world_;
  PlainStore store_{world_};
  BusServer server_;
  PlainBus bus_{server_};
  PlainBus second_bus_{server_};
  std::shared_ptr<HeldSource> source_ = std::make_shared<HeldSource>();

  Life life_;
  MortalStore mortal_store_{life_, store_};
  MortalBus mortal_bus_{life_, bus_};
  std::shared_ptr<MortalSource> mortal_source_ = std::make_shared<MortalSource>(life_, source_);

  std::unique_ptr<Engine> first_;
  std::unique_ptr<Engine> second_;
  PolicyHandle users_;
  PolicyHandle second_users_;

  std::size_t steps_ = 0;
  bool ended_ = false;  // The write, and its writer lives.
  Duration guard_lasts_{0};
  Instant began_at_{};
  std::optional<Instant> made_at_;
  std::optional<Instant> died_at_;

  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  std::optional<Origin> origin_;
  bool was_old_ = false;
  std::string fault_;
};

// What came of all runs in which the writer dies at one of its steps, and of those in which it does
// not, for there is no such step.
struct EveryDeath {
  std::size_t steps = 0;
  std::size_t runs = 0;
  std::size_t old = 0;  // Runs in which the old value was answered after the commit.
  std::string fault{};  // The first; nothing comes after it.
};

inline EveryDeath every_death(Way way, bool is_late) {
  EveryDeath all;
  for (std::size_t dies_at = 1; all.steps + 1 == dies_at; ++dies_at) {
    for (const auto other :
         {GuardDeath::Other::warm, GuardDeath::Other::unmet, GuardDeath::Other::cold,
          GuardDeath::Other::in_step, GuardDeath::Other::overtaken}) {
      const bool has_a_copy = other < GuardDeath::Other::cold;
      for (std::size_t from = 1; from <= (has_a_copy ? 1 : dies_at); ++from) {
        for (const Level level : {Level::bounded, Level::strict}) {
          GuardDeath run({way, is_late, other, level, from, dies_at});
          all.fault = run.run();
          ++all.runs;
          all.old += run.was_old() ? 1 : 0;
          if (run.has_died()) all.steps = dies_at;
          if (!all.fault.empty()) return all;
        }
      }
    }
  }
  return all;
}

}  // namespace headrace::kit
