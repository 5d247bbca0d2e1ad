// sim/oracle.h: judges every answer by all that has happened.
//
// It knows true time and every commit, so it can say of each answer which versions were allowed:
//
//   never from the future    a version is not answered before its commit;
//   the kind                 an absence is answered as absence, and a value as value;
//   the hard bound           nor longer after the beginning of its source read than the policy
//                            promises, whatever fails;
//   own truth                once an instance has been told to invalidate, it never answers older;
//   everywhere               nor does, on a strict read, any other, once that invalidation has
//                            returned;
//   the bus bound            nor, on any read, once a bus_bound has passed since then, if there is
//                            a bus that notices what it loses;
//   deaf                     so, where the bus loses silently, for who hears nothing at all;
//   waited                   nor at once, if the invalidation waited until it held everywhere;
//   quiet                    nor ever, once all is healed and has come to rest;
//   feed                     nor is any answer older than what was committed a feed's bound before
//                            its read began, by whomever; of bounded reads that is said where
//                            there is a bus that notices what it loses, a bus_bound later;
//   crash window             then no read is older than what was changed under a guard either, even
//                            if whoever changed it has died since;
//   strict waiters           are not answered by a load that an invalidation overtook, unless it is
//                            the last of several in a row;
//   the age                  is never said to be less than it is;
//   lost update              an update changes nothing that its editor has not seen;
//   update                   it is made once at most, and as it is said to have ended;
//   one load                 an instance loads an entity once at a time, unless it was invalidated
//                            not long ago: who waited for a load from before still gets its answer.
//
// A read costs O(log n) in the history of its entity.
//
// Source: protocol.md's invariants I1, I4 and I6; the interval form is that of Knossos' register.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "headrace/policy.h"
#include "sim/timeline.h"
#include "sim/truth.h"

namespace headrace::sim {

using PolicyNumber = std::size_t;

// A versions' floor that rises with time.
class Floor {
 public:
  void raise(Instant when, Version to);
  // As it was at `when`.
  [[nodiscard]] Version at(Instant when) const;

 private:
  struct Rise {
    Instant when;
    Version to;
  };
  std::vector<Rise> rises_;
};

struct Place {
  PolicyNumber policy = 0;
  EntityNumber entity = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

class Oracle {
 public:
  struct Rules {
    std::int64_t drift_ppm_max = 0;  // No clock is further off.
    // Loads lose their races to invalidations and losses of the store alone: no reader insists on
    // the source and cuts others' loads off, and no lease runs out on its way.
    bool races_are_known = true;
    bool with_bus = false;
    bool words_arrive = false;  // Whoever lives hears what the bus has taken.
    Duration proof_lasts{0};
    Duration bus_bound{0};  // Zero: nothing is promised before all is quiet.
    bool bus_is_sound = true;
    Duration feed_bound{0};  // Zero: no feed tells of changes.
    std::vector<Policy> policies{};
  };
  Oracle(Timeline& timeline, const Truth& truth, Rules rules)
      : timeline_(timeline), truth_(truth), rules_(std::move(rules)) {}

  struct Read {
    HostId host = 0;
    Place place{};
    Level level = Level::bounded;
    Instant began{};
    std::optional<Instant> deaf_since{};  // Nothing comes to it from the bus any more.
    // Not before, where the moment of the answer is not known; it is heard of now.
    std::optional<Instant> answered_after{};
  };
  // What was said and when; `from` for the story: "memory", "store", "source".
  struct Said {
    Kind kind = Kind::value;
    Told told{};
    Duration age{0};
    std::string_view from = "source";
  };
  void answered(const Read& read, const Said& said);
  // The oldest version with which a read may be answered by what has been kept.
  [[nodiscard]] Version least(const Read& read) const;

  // An invalidation is called at a host, and covers all that is committed.
  struct Invalidation {
    HostId host = 0;
    Instant called{};
    std::vector<std::pair<Place, Version>> covered{};
  };
  [[nodiscard]] Invalidation invalidation_called(HostId host, const std::vector<Place>& places);
  // The same of all that was committed before and with `version`.
  [[nodiscard]] Invalidation invalidation_called(HostId host, const std::vector<Place>& places,
                                                 Version version);
  // Whether the store may have forgotten it, once it had confirmed it.
  [[nodiscard]] bool may_be_forgotten(const Invalidation& invalidation) const {
    return invalidation.called <= went_back_at_;
  }
  // Loads of these are cut off at a host, by what promises nothing of their values.
  void loads_cut_off(HostId host, const std::vector<Place>& places);
  // Another process takes up what this one had left pending, and is held to the same.
  void inherited(HostId heir, const Invalidation& invalidation);
  // The store has confirmed it, and the bus has taken it; `waited`: no memory can answer older.
  void invalidation_held(const Invalidation& invalidation, bool waited);
  // A change was made under a guard: whatever becomes of its writer, once all is quiet no read is
  // answered older; of bounded reads that is said only if `told`.
  void changed_under_guard(const std::vector<Place>& places, Version version, bool told);
  // All is healed and at rest.
  void all_is_quiet(const std::map<HostId, Instant>& living_since);

  // Returns a ticket for the end.
  [[nodiscard]] std::uint64_t load_began(HostId host, Place place, bool must_be_alone);
  void load_ended(HostId host, Place place, std::uint64_t ticket);
  // Of the policy's source, with the one that begins.
  void call_began(HostId host, PolicyNumber policy, std::size_t under_way);
  // It may have forgotten what it had confirmed: until all is quiet nobody is held to that.  Then
  // it holds if somebody lives who knew of it.
  void store_went_back();
  // A record or all: whoever was at filling it has lost a race that nobody else took part in.
  void store_lost_something() { losses_.push_back(timeline_.now()); }
  // It has died with words that were lost to somebody who may not have known of it: of bounded
  // reads nothing is asked then that only it has said.
  void died_unknown(HostId host) { unknown_.insert(host); }
  // A guest's clock stands still for that long: nothing that is measured by it can be held to more.
  void clock_stands_still(Duration length) { stood_still_ += length; }
  // What was known of a host is no more: another process takes its place.
  void host_died(HostId host);

  // Returns the update's number.
  [[nodiscard]] std::uint64_t update_called();
  // At the source, which may be long after whoever called has given up.
  void update_made(EntityNumber entity, Version made, Increment by);
  enum class Ended : std::uint8_t { made, not_made };
  // Not said of one whose end nobody knows.
  void update_ended(std::uint64_t update, Ended ended);

  // As long as three clocks may take for it, and a message.
  [[nodiscard]] Duration widened(Duration bound) const;
  void violated(std::string what);
  // The first one, in words; and how many there were.
  [[nodiscard]] const std::optional<std::string>& violation() const noexcept { return violation_; }
  [[nodiscard]] std::uint64_t violations() const noexcept { return violations_; }
  [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }

 private:
  // The oldest version that a read may be answered with, and the rule that says so.
  struct Least {
    std::string_view rule{};
    Version version = 0;
  };
  [[nodiscard]] Least least_of(const Read& read) const;
  // What a feed has told of.
  [[nodiscard]] Version least_told(const Read& read) const;
  // How often the place was invalidated at the host after `since`.
  [[nodiscard]] std::size_t invalidations(HostId host, Place place, Instant since) const;
  // How often a load of the place can have lost its race after `since`, wherever it ran.
  [[nodiscard]] std::size_t races(Place place, Instant since) const;

  Timeline& timeline_;
  const Truth& truth_;
  const Rules rules_;
  std::map<std::pair<HostId, Place>, Floor> own_;
  struct Confirmed {
    HostId host;
    Place place;
    Version version;
    Instant called;
  };
  std::map<Place, Floor> confirmed_;
  std::vector<Confirmed> confirmed_by_;  // The same, with who was told so.
  std::map<Place, Floor> waited_;
  std::map<Place, Floor> changed_;       // Under a guard ...
  std::map<Place, Floor> changed_told_;  // ... of which all have heard.
  std::vector<Confirmed> forgotten_;
  std::set<HostId> unknown_;
  std::map<Place, Floor> quiet_;  // For bounded reads, once all is quiet.
  Instant went_back_at_ = Instant::min();
  bool is_quiet_ = false;
  std::map<std::pair<HostId, Place>, std::set<std::uint64_t>> loads_;
  std::map<std::pair<HostId, Place>, std::vector<Instant>> invalidated_at_;
  std::uint64_t last_load_ = 0;
  std::vector<Instant> losses_;
  struct Update {
    int made = 0;
    bool is_not = false;  // It was said not to have been made.
  };
  std::vector<Update> updates_;
  Duration stood_still_{0};
  std::optional<std::string> violation_;
  std::uint64_t violations_ = 0;
  std::uint64_t answers_ = 0;
};

}  // namespace headrace::sim
