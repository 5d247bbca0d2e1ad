// cache/fill.h: the fill protocol, one load's way through store, source and store.
//
// A state machine without I/O: it is told what happened and says what to do next.  The driver
// (load.cc) obeys it.  Its order is the protocol: the lease is acknowledged before the source is
// read, and what was read is published under that lease and no other.
//
//   asking ──held, usable──────────────────────────────────────────────► landed
//     │ ├──granted──► fetching ──ok──► publishing ──stored, refused, failed──► landed
//     │ ├──held, unusable──► taking over ──stored──► fetching
//     │ │                        └──refused──► asking
//     │ ├──leased to a load that was cut off, or to who has died──► taking over
//     │ ├──leased to another──► waiting ──► asking; in the end fetching, unpublished
//     │ ├──guarded──► fetching, unpublished and not kept ──► releasing the lease, if granted
//     │ └──failed──► fetching, unpublished
//     fetching ──ok, not to be kept──► voiding what it outdates, or releasing the lease ──► landed
//   looking ──told of floors, or not──► fetching, unpublished and not kept
//     fetching ──older than a floor──► holding off ──► fetching; in the end as if it failed
//     fetching ──failed──► releasing the lease ──► landed
#pragma once

#include <cstdint>

#include "cache/judge.h"
#include "headrace/answer.h"
#include "headrace/store.h"

namespace headrace {

class Fill {
 public:
  enum class Purpose : std::uint8_t {
    read,     // The store may answer.
    refresh,  // The store may answer with something fresh.
    forced,   // The source answers; what it says is kept.
    bypass,   // The source answers; the store is not asked and nothing is kept.
  };

  static constexpr Duration lease_wait_min = std::chrono::milliseconds(20);
  static constexpr Duration lease_wait_max = std::chrono::milliseconds(200);
  static constexpr Duration lease_wait_shortest = std::chrono::milliseconds(5);
  static constexpr Duration lease_waits_total_max = std::chrono::seconds(2);
  // The same for the lease of somebody who is known to be there.
  static constexpr Duration present_waits_total_max = std::chrono::seconds(10);
  static constexpr int take_overs_max = 3;
  // Between two reads of a source that has not got there yet.
  static constexpr Duration floor_wait_min = std::chrono::milliseconds(5);
  static constexpr Duration floor_wait_max = std::chrono::milliseconds(200);
  // Of the time that a reader waits, each load may spend so small a part on another's lease: a
  // strict reader may wait for a load that has begun, then for its own, and then for the source.
  // Any other reader waits for one load alone, which may take two such parts if it is known that
  // whoever holds the lease is there.
  static constexpr int lease_waits_part = 3;

  struct Setup {
    Purpose purpose = Purpose::read;
    Reason reason = Reason::cold;  // Why the source is asked, until the store says more.
    bool has_store = false;
    // A bypass asks the store for floors, and for nothing else.
    bool learns_floors = false;
    Token lease{};               // Fresh and random; this fill's own.
    std::uint64_t chance = 0;    // For the jitter of waits.
    bool kept_on_error = false;  // Memory holds something that may be answered after a failure.
    // For another's lease in all.  Who waits for this load has to be left the time to ask the
    // source all the same: the other may have died.
    Duration lease_waits_max = lease_waits_total_max;
    // For all leases together, of whomever.  REQUIRES: not less than lease_waits_max.
    Duration present_waits_max = lease_waits_total_max;
  };

  enum class State : std::uint8_t {
    looking,
    asking,
    taking_over,
    waiting,
    fetching,
    holding_off,
    publishing,
    voiding,
    releasing,
    landed,
  };

  // What to do, and with which token.
  struct Step {
    State what = State::landed;
    Token expected{};   // taking_over, publishing, voiding: what the slot must still hold.
                        // releasing: the lease.  waiting: that of another.
    Duration pause{0};  // waiting, holding_off.
  };

  // What the load came to, once landed.
  enum class Result : std::uint8_t {
    stored,         // Answer with the store's envelope.
    fetched,        // Answer with what the source said.
    kept_on_error,  // The source failed; answer with what was kept.
    failed,         // The source failed.
  };

  explicit Fill(Setup setup) : setup_(setup) {}

  Step begin();

  // Events.  REQUIRES: the state that the name says.
  struct StoreSaw {
    bool granted = false;
    Slot::State slot = Slot::State::empty;
    Token token{};
    Verdict verdict = Verdict::damaged;  // If the slot is held or damaged.
    bool guarded = false;                // Somebody is writing this.
    // Nothing will come of the lease: its load was given up, or whoever took it has died.
    bool lease_is_idle = false;
    bool owner_is_present = false;  // Whoever took it is there, as far as the bus tells.
    Duration lease_left{0};
  };
  Step looked(bool guarded);
  Step look_failed();
  Step asked(const StoreSaw& saw);
  Step ask_failed();
  Step took_over(Published outcome);
  Step take_over_failed();
  Step waited();
  // `publishable`: it may be kept by this policy: not oversize, not an absence that is not cached.
  Step fetched(bool publishable);
  // What came back does not contain a change that has a name here; `time_left` for asking again.
  Step too_old(Duration time_left);
  Step held_off();
  Step fetch_failed();
  Step published(Published outcome);
  Step publish_failed();
  Step voided();
  Step released();
  Step release_failed();

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Result result() const noexcept { return result_; }
  [[nodiscard]] Reason reason() const noexcept { return setup_.reason; }
  // Others may have raised floors that nobody has told of: the store was not asked, or did not
  // answer; or somebody is writing, and has no name yet for the change.
  [[nodiscard]] bool floors_in_doubt() const noexcept;
  [[nodiscard]] bool has_held_off() const noexcept { return floor_pause_ > floor_wait_min; }
  // Whether what was fetched has to contain what the floors name.
  [[nodiscard]] bool heeds_floors() const noexcept;
  // What was fetched may enter the memory, if the fence of the flight stands too.
  [[nodiscard]] bool may_keep() const noexcept { return may_keep_; }
  // The store has refused the publish: something invalidated the key on the way.
  [[nodiscard]] bool refused() const noexcept { return refused_; }
  // The store did not say whether the lease is still there, under which nothing will come any more.
  [[nodiscard]] bool lease_in_doubt() const noexcept { return lease_in_doubt_; }
  // What was fetched may not be kept, but it is newer than what is: that must not be answered
  // again.
  [[nodiscard]] bool outdates() const noexcept { return outdates_; }
  // The store holds what was fetched.
  [[nodiscard]] bool is_stored() const noexcept { return is_stored_; }
  // The store answered stale: somebody should refresh it.
  [[nodiscard]] bool wants_refresh() const noexcept { return wants_refresh_; }
  // An envelope that may be answered after a failure, or whose revision may be offered to the
  // source, was seen in the last asked().
  [[nodiscard]] bool store_on_error() const noexcept { return store_on_error_; }

 private:
  Step go(State state, Token expected = {}, Duration pause = {});
  Step fetch_unpublished(Reason reason);
  Step land(Result result);
  Step guarded(bool granted);
  Step held(const StoreSaw& saw);
  Step leased(const StoreSaw& saw);

  Setup setup_;
  State state_ = State::asking;  // Or what begin() says.
  Result result_ = Result::failed;
  Token expected_{};  // What a publish must name; none: nothing is published.
  bool owns_lease_ = false;
  bool lease_in_doubt_ = false;
  bool store_told_ = false;  // In the last asked().
  bool may_keep_ = false;
  bool guarded_ = false;
  bool refused_ = false;
  bool outdates_ = false;
  bool is_stored_ = false;
  bool wants_refresh_ = false;
  bool store_on_error_ = false;
  int take_overs_ = 0;
  Duration pause_ = lease_wait_min;
  Token waited_for_{};        // The lease that was waited for last, ...
  Duration waited_{0};        // ... so long,
  Duration waited_total_{0};  // and for all together.
  Duration floor_pause_ = floor_wait_min;
};

}  // namespace headrace
