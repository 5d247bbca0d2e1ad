#include "cache/fill.h"

#include <algorithm>
#include <cassert>

#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

Fill::Step Fill::go(State state, Token expected, Duration pause) {
  state_ = state;
  return {.what = state, .expected = expected, .pause = pause};
}

Fill::Step Fill::land(Result result) {
  result_ = result;
  return go(State::landed);
}

Fill::Step Fill::begin() {
  assert(!setup_.lease.is_none());
  if (setup_.purpose == Purpose::bypass) {
    const bool looks = setup_.has_store && setup_.learns_floors;
    return go(looks ? State::looking : State::fetching);
  }
  may_keep_ = true;
  return go(setup_.has_store ? State::asking : State::fetching);
}

Fill::Step Fill::fetch_unpublished(Reason reason) {
  expected_ = {};
  owns_lease_ = false;
  if (setup_.purpose != Purpose::forced) setup_.reason = reason;
  return go(State::fetching);
}

Fill::Step Fill::looked(bool guarded) {
  assert(state_ == State::looking);
  store_told_ = true;
  guarded_ = guarded;
  return go(State::fetching);
}

Fill::Step Fill::look_failed() {
  assert(state_ == State::looking);
  return go(State::fetching);
}

Fill::Step Fill::asked(const StoreSaw& saw) {
  assert(state_ == State::asking);
  store_on_error_ = false;
  store_told_ = true;
  if (saw.guarded && !removed(Mechanism::guard_met)) return guarded(saw.granted);
  if (saw.granted) {
    expected_ = setup_.lease;
    owns_lease_ = true;
    return go(State::fetching);
  }
  const bool has_envelope = saw.slot == Slot::State::held || saw.slot == Slot::State::damaged;
  return has_envelope ? held(saw) : leased(saw);
}

// Somebody is writing: the source answers, and what it says is kept nowhere.
Fill::Step Fill::guarded(bool granted) {
  sometimes(Mark::guard_met);
  guarded_ = true;
  may_keep_ = false;
  if (!granted) return fetch_unpublished(Reason::guarded);
  if (setup_.purpose != Purpose::forced) setup_.reason = Reason::guarded;
  expected_ = setup_.lease;
  owns_lease_ = true;
  return go(State::fetching);
}

// The store has an envelope: answer with it, refresh it, or take its place.
Fill::Step Fill::held(const StoreSaw& saw) {
  const bool usable = saw.verdict == Verdict::fresh || saw.verdict == Verdict::stale;
  if (saw.verdict == Verdict::fresh && setup_.purpose != Purpose::forced) {
    setup_.reason = Reason::fresh;
    return land(Result::stored);
  }
  if (saw.verdict == Verdict::stale && setup_.purpose == Purpose::read) {
    setup_.reason = Reason::stale;
    wants_refresh_ = true;
    return land(Result::stored);
  }
  if (usable || saw.verdict == Verdict::on_error) {
    // It stays in its slot until what replaces it is there.
    store_on_error_ = true;
    if (setup_.purpose == Purpose::read) setup_.reason = Reason::expired;
    if (setup_.purpose == Purpose::refresh) setup_.reason = Reason::stale;
    expected_ = saw.token;
    return go(State::fetching);
  }
  if (saw.verdict == Verdict::invalidated) sometimes(Mark::envelope_outdated);
  if (setup_.purpose != Purpose::forced) {
    setup_.reason = saw.verdict == Verdict::expired       ? Reason::expired
                    : saw.verdict == Verdict::invalidated ? Reason::invalidated
                    : saw.verdict == Verdict::foreign     ? Reason::cold
                                                          : Reason::damaged;
  }
  if (++take_overs_ > take_overs_max) return fetch_unpublished(setup_.reason);
  return go(State::taking_over, saw.token);
}

Fill::Step Fill::leased(const StoreSaw& saw) {
  if (saw.lease_is_idle && ++take_overs_ <= take_overs_max) {
    sometimes(Mark::lease_taken_over);
    return go(State::taking_over, saw.token);
  }
  if (saw.token != waited_for_) {
    waited_for_ = saw.token;
    waited_ = {};
    pause_ = lease_wait_min;
  }
  const Duration patience =
      std::min(saw.owner_is_present ? setup_.present_waits_max : setup_.lease_waits_max - waited_,
               setup_.present_waits_max - waited_total_);
  // Without a lease that could end there is nothing to wait for.
  if (saw.lease_left <= Duration::zero() || setup_.purpose == Purpose::forced ||
      patience <= Duration::zero()) {
    if (waited_total_ > Duration::zero()) sometimes(Mark::lease_waited_out);
    return fetch_unpublished(Reason::leased);
  }
  sometimes(Mark::lease_of_another);
  // Between half and all of the pause, so that those who wait do not all come back at once.
  const double share = 0.5 + static_cast<double>(setup_.chance >> 12) * 0x1.0p-53;
  const auto jittered =
      Duration(static_cast<Duration::rep>(static_cast<double>(pause_.count()) * share));
  // Not shorter than the shortest, whatever the store says is left: the waits are bounded in
  // number.
  const Duration pause =
      std::min(std::max(std::min(jittered, saw.lease_left), lease_wait_shortest), patience);
  waited_ += pause;
  waited_total_ += pause;
  pause_ = std::min(pause_ * 2, lease_wait_max);
  return go(State::waiting, saw.token, pause);
}

Fill::Step Fill::ask_failed() {
  assert(state_ == State::asking);
  store_told_ = false;
  lease_in_doubt_ = true;
  if (removed(Mechanism::lease_acknowledged)) {
    expected_ = setup_.lease;
    owns_lease_ = true;
    return go(State::fetching);
  }
  return fetch_unpublished(Reason::store_down);
}

Fill::Step Fill::took_over(Published outcome) {
  assert(state_ == State::taking_over);
  if (outcome == Published::refused) return go(State::asking);
  expected_ = setup_.lease;
  owns_lease_ = true;
  return go(State::fetching);
}

Fill::Step Fill::take_over_failed() {
  assert(state_ == State::taking_over);
  store_told_ = false;
  lease_in_doubt_ = true;
  return fetch_unpublished(Reason::store_down);
}

Fill::Step Fill::waited() {
  assert(state_ == State::waiting);
  return go(State::asking);
}

Fill::Step Fill::fetched(bool publishable) {
  assert(state_ == State::fetching);
  result_ = Result::fetched;
  if (guarded_) return owns_lease_ ? go(State::releasing, expected_) : go(State::landed);
  if (!publishable) {
    outdates_ = may_keep_;
    may_keep_ = false;
    if (owns_lease_) return go(State::releasing, expected_);
    return expected_.is_none() ? go(State::landed) : go(State::voiding, expected_);
  }
  if (expected_.is_none()) return go(State::landed);
  return go(State::publishing, expected_);
}

bool Fill::floors_in_doubt() const noexcept {
  return (!store_told_ || guarded_) && !removed(Mechanism::primary_in_doubt);
}

bool Fill::heeds_floors() const noexcept {
  if (removed(Mechanism::floor)) return false;
  return !expected_.is_none() || !removed(Mechanism::floor_without_lease);
}

// Asked again until there is no time left: the next pause would take all of it.
Fill::Step Fill::too_old(Duration time_left) {
  assert(state_ == State::fetching);
  sometimes(Mark::floor_not_met);
  const Duration pause = floor_pause_;
  if (time_left <= pause) return fetch_failed();
  floor_pause_ = std::min(floor_pause_ * 2, floor_wait_max);
  return go(State::holding_off, {}, pause);
}

Fill::Step Fill::held_off() {
  assert(state_ == State::holding_off);
  return go(State::fetching);
}

Fill::Step Fill::fetch_failed() {
  assert(state_ == State::fetching);
  // Who insists on the source is told that it failed.
  const bool insists = setup_.purpose == Purpose::forced || setup_.purpose == Purpose::bypass;
  const bool kept = store_on_error_ || setup_.kept_on_error;
  result_ = kept && !insists ? Result::kept_on_error : Result::failed;
  if (result_ == Result::kept_on_error) setup_.reason = Reason::stale_on_error;
  may_keep_ = false;
  return owns_lease_ ? go(State::releasing, expected_) : go(State::landed);
}

Fill::Step Fill::published(Published outcome) {
  assert(state_ == State::publishing);
  refused_ = outcome == Published::refused;
  if (refused_) sometimes(Mark::fill_refused);
  is_stored_ = !refused_;
  if (refused_) may_keep_ = false;
  return go(State::landed);
}

Fill::Step Fill::publish_failed() {
  // It may have happened or not; either way the store only holds what the lease allowed.
  assert(state_ == State::publishing);
  lease_in_doubt_ = owns_lease_;
  return go(State::landed);
}

Fill::Step Fill::voided() {
  assert(state_ == State::voiding);
  return go(State::landed);
}

Fill::Step Fill::released() {
  assert(state_ == State::releasing);
  return go(State::landed);
}

Fill::Step Fill::release_failed() {
  assert(state_ == State::releasing);
  lease_in_doubt_ = true;
  return go(State::landed);
}

}  // namespace headrace
