// Waiting for a lease of somebody else's, and telling those who wait for one of ours.
#include "cache/impl.h"
#include "core/marks.h"

namespace headrace {

// Ends after `pause` at the latest.  The first look again costs nobody else anything: only who
// finds the lease still there has it said that somebody waits.
Task<void> Engine::Impl::wait_for_lease(LoadRef load, Token lease, Duration pause) {
  Error unused{.code = Code::timed_out, .what = "the lease is not over yet"};
  auto race = std::make_shared<detail::Race<void>>(ports_.executor, std::move(unused));
  // Not on the thread on which the bus is heard, which has more to hear.
  const Wakes::Id id = wakes_.add(lease, [this, race] {
    ports_.executor.post([race] {
      if (race->settle({})) sometimes(Mark::lease_woken);
    });
  });
  if (load->lease_met == lease && !load->lease_met_again) {
    load->lease_met_again = true;
    ask_to_be_told(lease);
  }
  if (load->lease_met != lease) load->lease_met_again = false;
  load->lease_met = lease;
  detail::WithinAwaiter<void> over{ports_.executor, std::move(race), ports_.clock.now() + pause};
  (void)co_await over;
  wakes_.forget(lease, id);
}

void Engine::Impl::ask_to_be_told(Token lease) {
  if (lease.high == hearing_.self().high) {
    somebody_waits(lease);
  } else if (hearing_.presence_of(lease.high) == Hearing::Presence::present) {
    spread_behind({.kind = BusMessage::Kind::wait, .lease = lease});
  }
}

// It may be over by now: then nobody else will say so.
void Engine::Impl::somebody_waits(Token lease) {
  if (wakes_.note_awaited(lease) && !flights_.needs(lease)) tell_who_waits(lease);
}

// REQUIRES: the flight that had the lease does not need it any more.
void Engine::Impl::tell_who_waits(Token lease) {
  if (!wakes_.take_awaited(lease)) return;
  wakes_.wake(lease);
  spread_behind({.kind = BusMessage::Kind::wake, .lease = lease});
}

}  // namespace headrace
