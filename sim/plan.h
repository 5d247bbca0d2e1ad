// sim/plan.h: what a world is made of, and what is done to it: all drawn from its seed.
//
// Each seed turns on some of the faults and features, not all (swarm testing): a fault that is
// everywhere hides the others.  A plan is a list of steps; leaving steps out gives a smaller plan,
// which is how a failing world is shrunk.
//
// Source: Groce et al., Swarm Testing, ISSTA 2012.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/policy.h"
#include "headrace/revisions.h"
#include "sim/channel.h"
#include "sim/host.h"
#include "sim/link.h"
#include "sim/truth.h"

namespace headrace::sim {

struct Step {
  enum class What : std::uint8_t {
    read,           // At a host; `extra`: how.
    write,          // A commit, and the invalidation after it; `extra`: by what name, how late.
                    // Where writes are guarded: a guarded write.
    put,            // A commit, and the new value put into the cache.
    invalidate,     // Without a commit.
    pause,          // The host stands still for `length`, its clock goes on.
    freeze,         // The same, and its clock stands still.
    crash,          // The host dies, and another takes its place after `length`.
    step_wall,      // Its calendar steps.
    cut_store,      // The host does not reach the store for `length`.
    store_down,     // Nobody does.
    store_restart,  // The store comes back empty.
    evict,          // The store loses a record.
    source_down,    // The source is away for `length`.
    bump,           // A policy gets a new version at a host.
    read_many,      // All entities at once.
    write_through,  // The engine writes, and invalidates what depends on it.
    roll,           // A policy is switched at a host; `extra`: to what.
    cut_bus,        // The host does not reach the bus, or does not hear it; `extra`: which.
    bus_down,       // Nobody does.
    replicate,      // The store's replica has all that the store has.
    fail_over,      // The replica takes the store's place.
    move,           // A host goes to another phase of the move to a new store, if it may.
    fill_back,      // A host empties the new store, and copies what the old one holds.
    peek,           // At a host: what memory holds, and nothing is loaded.
    change,         // A commit that nobody invalidates.
    switch_off,     // For `length` the source does not record its changes; `extra`: how it begins.
    update,         // The engine reads the source, and makes the next version of what it read.
    read_snapshot,  // At a host; `extra`: how.
    change_rows,    // A commit in the tables of snapshots; `extra`: in which.
    read_merged,    // At a host; `entity`: whose, `extra`: how.
    edit,           // A commit of a cell of merged views, and its invalidation.
    spend,          // Of a balance, at a host; `extra`: how much and how, and when it is reported.
    top_up,         // A balance has more, and a host is told.
  };
  What what = What::read;
  Duration at{0};
  std::size_t host = 0;
  EntityNumber entity = 0;
  std::size_t policy = 0;
  Duration length{0};
  std::uint64_t extra = 0;
};

// A snapshot, and the tables that it is built from.
struct SnapshotPlan {
  std::size_t tables = 0;
  std::size_t entities = 0;
  std::vector<std::vector<Part>>
      sections{};   // What each is built from; none: there is no snapshot.
  Policy policy{};  // Of each section, by another name.
  Duration stale_for{0};
  Duration check_within{0};
  Duration build_takes_max{0};
  Duration steady_every{0};       // Once all is healed, something is changed so often.
  bool builds_are_alone = false;  // Nothing cuts a build off.
  bool keeps_all = false;         // Nor is anything forgotten for want of room or of time.
};

// A merged view.
struct MergedPlan {
  std::vector<Policy> policies{};  // Of its cells; none: there is no view.
};

// Balances that all hosts spend of.
struct AllowancePlan {
  AllowancePolicy policy{};  // Without a name: there is none.
  Policy balance{};          // Through which it is read.
  std::size_t entities = 0;
  Amount first = 0;  // What each has at the beginning.
  [[nodiscard]] bool is_none() const noexcept { return policy.name.empty(); }
};

struct Plan {
  std::uint64_t seed = 0;
  std::size_t hosts = 1;
  std::size_t entities = 1;
  bool with_store = true;
  bool with_bus = false;
  bool with_journal = false;
  bool bus_is_sound = true;  // What it loses, its clients notice.
  bool bus_is_known = true;  // Nobody dies with something on its lips that nobody has heard.
  Duration bus_bound = std::chrono::seconds(1);
  bool calm = true;             // No fault that may make a load be given up.
  bool races_are_known = true;  // See Oracle::Rules.
  std::size_t bytes_max = 1 << 20;
  std::size_t batch_max = 1;
  bool fails_over = false;  // The store does, to a replica.
  std::size_t replay_max = 1000;
  bool with_feed = false;  // Of the source's changes, at each host.
  Duration feed_bound{0};
  Duration feed_look_every{0};
  bool moves = false;        // From one store to another.
  bool guarded = false;      // All that is written is written under guards.
  bool words_arrive = true;  // What is said on the bus is heard by all.
  bool deletes = false;
  bool says_unchanged = false;
  Duration lag_max{0};             // Of the source's replicas.
  Duration seen_late_max{0};       // How late a commit is seen by others.
  bool names_revisions = false;    // With both: who invalidates says since which revision.
  std::uint64_t rare_hooks = 0;    // A bit for each that is on ...
  std::uint64_t rare_percent = 0;  // ... and how often they say yes.
  std::vector<Policy> policies{};
  SnapshotPlan snapshot{};
  MergedPlan merged{};
  AllowancePlan allowance{};
  std::vector<Host::Traits> traits{};
  Weather store_weather{};
  Weather source_weather{};
  Weather bus_weather{};
  Delivery bus_delivery{};
  Duration length{0};
  std::vector<Step> steps{};
  std::vector<std::string> features{};  // For people: what is turned on.
};

inline constexpr std::int64_t drift_ppm_max = 2000;

[[nodiscard]] Plan plan_of(std::uint64_t seed);
[[nodiscard]] std::string_view name_of(Step::What what) noexcept;

// How a step's `extra` is read.
[[nodiscard]] constexpr std::uint64_t part(std::uint64_t extra, unsigned which) noexcept {
  return extra >> (which * 8) & 0xff;
}

}  // namespace headrace::sim
