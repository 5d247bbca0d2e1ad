#include "cache/fill.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <ostream>
#include <vector>

#include "cache/fill_fixture.h"

namespace headrace {
namespace {

using namespace fill_fixture;

// What the store said, for whom, and what is to be done about it.
struct Asked {
  const char* name;
  Purpose purpose;
  Saw saw;
  State what;
  Token expected;
  Reason reason;
  bool store_on_error = false;
  bool wants_refresh = false;
};
void PrintTo(const Asked& row, std::ostream* out) {
  *out << row.name;
}

// Reads begin as cold, refreshes as stale, and who insists as forced.
constexpr Reason first_reason(Purpose purpose) {
  if (purpose == read) return Reason::cold;
  return purpose == refresh ? Reason::stale : Reason::forced;
}

const Asked asked_rows[] = {
    {"read_granted", read, granted, State::fetching, none, Reason::cold},
    {"read_fresh", read, holds(Verdict::fresh), State::landed, none, Reason::fresh},
    {"read_stale", read, holds(Verdict::stale), State::landed, none, Reason::stale, false, true},
    {"read_on_error", read, holds(Verdict::on_error), State::fetching, none, Reason::expired, true},
    {"read_expired", read, holds(Verdict::expired), State::taking_over, kept, Reason::expired},
    {"read_invalidated", read, holds(Verdict::invalidated), State::taking_over, kept,
     Reason::invalidated},
    {"read_foreign", read, holds(Verdict::foreign), State::taking_over, kept, Reason::cold},
    {"read_damaged", read, holds(Verdict::damaged), State::taking_over, kept, Reason::damaged},
    {"read_leased", read, leased(), State::waiting, kept, Reason::cold},
    {"read_idle", read, idle(), State::taking_over, kept, Reason::cold},
    {"read_idle_without_end", read, idle({}), State::taking_over, kept, Reason::cold},
    {"read_lease_without_end", read, leased({}), State::fetching, none, Reason::leased},
    {"read_lease_over", read, leased(seconds(-1)), State::fetching, none, Reason::leased},
    {"read_nothing_to_take", read, {}, State::fetching, none, Reason::leased},

    {"refresh_granted", refresh, granted, State::fetching, none, Reason::stale},
    {"refresh_fresh", refresh, holds(Verdict::fresh), State::landed, none, Reason::fresh},
    {"refresh_stale", refresh, holds(Verdict::stale), State::fetching, none, Reason::stale, true},
    {"refresh_on_error", refresh, holds(Verdict::on_error), State::fetching, none, Reason::stale,
     true},
    {"refresh_expired", refresh, holds(Verdict::expired), State::taking_over, kept,
     Reason::expired},
    {"refresh_invalidated", refresh, holds(Verdict::invalidated), State::taking_over, kept,
     Reason::invalidated},
    {"refresh_foreign", refresh, holds(Verdict::foreign), State::taking_over, kept, Reason::cold},
    {"refresh_damaged", refresh, holds(Verdict::damaged), State::taking_over, kept,
     Reason::damaged},
    {"refresh_leased", refresh, leased(), State::waiting, kept, Reason::stale},
    {"refresh_idle", refresh, idle(), State::taking_over, kept, Reason::stale},
    {"refresh_lease_without_end", refresh, leased({}), State::fetching, none, Reason::leased},

    {"forced_granted", forced, granted, State::fetching, none, Reason::forced},
    {"forced_fresh", forced, holds(Verdict::fresh), State::fetching, none, Reason::forced, true},
    {"forced_stale", forced, holds(Verdict::stale), State::fetching, none, Reason::forced, true},
    {"forced_on_error", forced, holds(Verdict::on_error), State::fetching, none, Reason::forced,
     true},
    {"forced_expired", forced, holds(Verdict::expired), State::taking_over, kept, Reason::forced},
    {"forced_invalidated", forced, holds(Verdict::invalidated), State::taking_over, kept,
     Reason::forced},
    {"forced_foreign", forced, holds(Verdict::foreign), State::taking_over, kept, Reason::forced},
    {"forced_damaged", forced, holds(Verdict::damaged), State::taking_over, kept, Reason::forced},
    {"forced_leased", forced, leased(), State::fetching, none, Reason::forced},
    {"forced_idle", forced, idle(), State::taking_over, kept, Reason::forced},
};

class AskedTest : public testing::TestWithParam<Asked> {};

TEST_P(AskedTest, IsAnsweredAsTheTableSays) {
  const Asked& row = GetParam();
  Fill fill = begun(setup(row.purpose, first_reason(row.purpose)));
  const Step step = fill.asked(row.saw);
  EXPECT_EQ(step.what, row.what);
  EXPECT_EQ(fill.state(), row.what);
  EXPECT_EQ(step.expected, row.expected);
  EXPECT_EQ(fill.reason(), row.reason);
  EXPECT_EQ(fill.store_on_error(), row.store_on_error);
  EXPECT_EQ(fill.wants_refresh(), row.wants_refresh);
  EXPECT_EQ(step.pause > Duration::zero(), row.what == State::waiting);
  EXPECT_FALSE(fill.refused());
  EXPECT_FALSE(fill.is_stored());
  if (row.what == State::landed) EXPECT_EQ(fill.result(), Fill::Result::stored);
}

INSTANTIATE_TEST_SUITE_P(All, AskedTest, testing::ValuesIn(asked_rows),
                         [](const auto& row) { return row.param.name; });

TEST(FillTest, BeginsWithTheStoreIfThereIsOne) {
  for (const Purpose purpose : {read, refresh, forced}) {
    Fill with(setup(purpose));
    EXPECT_EQ(with.begin().what, State::asking);
    EXPECT_TRUE(with.may_keep());
    Fill::Setup alone = setup(purpose);
    alone.has_store = false;
    Fill without(alone);
    EXPECT_EQ(without.begin().what, State::fetching);
    EXPECT_EQ(without.fetched(true).what, State::landed);
    EXPECT_EQ(without.result(), Fill::Result::fetched);
    EXPECT_TRUE(without.may_keep());
    EXPECT_FALSE(without.is_stored());
  }
}

TEST(FillTest, ABypassAsksOnlyTheSourceAndKeepsNothing) {
  for (const bool publishable : {true, false}) {
    Fill fill(setup(Purpose::bypass, Reason::quarantined));
    EXPECT_EQ(fill.begin().what, State::fetching);
    EXPECT_EQ(fill.fetched(publishable).what, State::landed);
    EXPECT_EQ(fill.result(), Fill::Result::fetched);
    EXPECT_EQ(fill.reason(), Reason::quarantined);
    EXPECT_FALSE(fill.may_keep());
    EXPECT_FALSE(fill.is_stored());
  }
}

TEST(FillTest, WithoutTheStoreTheSourceIsReadAndNothingPublished) {
  for (const Purpose purpose : {read, refresh, forced}) {
    const Reason reason = purpose == forced ? Reason::forced : Reason::store_down;
    Fill asking = begun(setup(purpose, first_reason(purpose)));
    EXPECT_EQ(asking.ask_failed().what, State::fetching);
    EXPECT_EQ(asking.reason(), reason);
    EXPECT_EQ(asking.fetched(true).what, State::landed);
    EXPECT_TRUE(asking.may_keep());
    EXPECT_FALSE(asking.is_stored());

    Fill taking = begun(setup(purpose, first_reason(purpose)));
    taking.asked(holds(Verdict::damaged));
    EXPECT_EQ(taking.take_over_failed().what, State::fetching);
    EXPECT_EQ(taking.reason(), reason);
    EXPECT_EQ(taking.fetched(true).what, State::landed);
  }
}

// The ways to the source: whose token a publish names, and whether a lease must be given back.
struct Way {
  const char* name;
  std::function<void(Fill&)> go;
  Token publishes_under;
  bool owns_lease;
  Purpose purpose = read;
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}

const Way ways[] = {
    {"granted", [](Fill& fill) { fill.asked(granted); }, lease, true},
    {"granted_to_the_forced", [](Fill& fill) { fill.asked(granted); }, lease, true, forced},
    {"taken_over",
     [](Fill& fill) {
       fill.asked(holds(Verdict::invalidated));
       fill.took_over(Published::stored);
     },
     lease, true},
    {"taken_from_the_idle",
     [](Fill& fill) {
       fill.asked(idle());
       fill.took_over(Published::stored);
     },
     lease, true, forced},
    {"granted_after_a_wait",
     [](Fill& fill) {
       fill.asked(leased());
       fill.waited();
       fill.asked(granted);
     },
     lease, true},
    {"granted_after_a_refusal",
     [](Fill& fill) {
       fill.asked(holds(Verdict::damaged));
       fill.took_over(Published::refused);
       fill.asked(granted);
     },
     lease, true},
    {"replacing_on_error", [](Fill& fill) { fill.asked(holds(Verdict::on_error)); }, kept, false},
    {"refreshing", [](Fill& fill) { fill.asked(holds(Verdict::stale)); }, kept, false, refresh},
    {"forcing", [](Fill& fill) { fill.asked(holds(Verdict::fresh)); }, kept, false, forced},
    {"store_down", [](Fill& fill) { fill.ask_failed(); }, none, false},
    {"leased", [](Fill& fill) { fill.asked(leased({})); }, none, false},
    {"bypass", [](Fill&) {}, none, false, Purpose::bypass},
};

class WayTest : public testing::TestWithParam<Way> {
 protected:
  [[nodiscard]] Fill fetching() const {
    Fill fill = begun(setup(GetParam().purpose));
    GetParam().go(fill);
    EXPECT_EQ(fill.state(), State::fetching);
    return fill;
  }
  [[nodiscard]] Fill publishing() const {
    Fill fill = fetching();
    fill.fetched(true);
    return fill;
  }
  [[nodiscard]] bool publishes() const { return !GetParam().publishes_under.is_none(); }
};

TEST_P(WayTest, WhatWasFetchedIsPublishedUnderTheRightTokenAndNoOther) {
  Fill fill = fetching();
  const Step step = fill.fetched(true);
  EXPECT_EQ(step.what, publishes() ? State::publishing : State::landed);
  EXPECT_EQ(step.expected, GetParam().publishes_under);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_EQ(fill.may_keep(), GetParam().purpose != Purpose::bypass);
}

TEST_P(WayTest, WhatMayNotBeKeptGivesItsLeaseBackOrVoidsWhatItOutdates) {
  Fill fill = fetching();
  const bool kept_in_store = fill.store_on_error();
  const Step step = fill.fetched(false);
  EXPECT_EQ(step.what, GetParam().owns_lease ? State::releasing
                       : kept_in_store       ? State::voiding
                                             : State::landed);
  EXPECT_EQ(step.expected, GetParam().owns_lease ? lease : kept_in_store ? kept : none);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_FALSE(fill.may_keep());
  EXPECT_EQ(fill.outdates(), GetParam().purpose != Purpose::bypass);
  if (GetParam().owns_lease) {
    EXPECT_EQ(fill.released().what, State::landed);
  } else if (kept_in_store) {
    EXPECT_EQ(fill.voided().what, State::landed);
  }
  EXPECT_EQ(fill.state(), State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_FALSE(fill.is_stored());
}

TEST_P(WayTest, AFailureGivesItsLeaseBack) {
  Fill fill = fetching();
  const bool kept_in_store = fill.store_on_error() && GetParam().purpose != forced;
  const Step step = fill.fetch_failed();
  EXPECT_EQ(step.what, GetParam().owns_lease ? State::releasing : State::landed);
  EXPECT_EQ(step.expected, GetParam().owns_lease ? lease : none);
  EXPECT_FALSE(fill.may_keep());
  if (GetParam().owns_lease) EXPECT_EQ(fill.released().what, State::landed);
  EXPECT_EQ(fill.result(), kept_in_store ? Fill::Result::kept_on_error : Fill::Result::failed);
}

TEST_P(WayTest, WhatTheStoreTookIsStored) {
  if (!publishes()) return;
  Fill fill = publishing();
  EXPECT_EQ(fill.published(Published::stored).what, State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_TRUE(fill.is_stored());
  EXPECT_TRUE(fill.may_keep());
  EXPECT_FALSE(fill.refused());
}

TEST_P(WayTest, WhatTheStoreRefusedIsAnsweredButNotKept) {
  if (!publishes()) return;
  Fill fill = publishing();
  EXPECT_EQ(fill.published(Published::refused).what, State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_TRUE(fill.refused());
  EXPECT_FALSE(fill.may_keep());
  EXPECT_FALSE(fill.is_stored());
}

TEST_P(WayTest, APublishOfUnknownOutcomeIsNoRefusal) {
  if (!publishes()) return;
  Fill fill = publishing();
  EXPECT_EQ(fill.publish_failed().what, State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::fetched);
  EXPECT_FALSE(fill.is_stored());
  EXPECT_FALSE(fill.refused());
  EXPECT_TRUE(fill.may_keep());  // The fence of the flight still decides.
}

INSTANTIATE_TEST_SUITE_P(All, WayTest, testing::ValuesIn(ways),
                         [](const auto& way) { return way.param.name; });

// What is answered when the source has failed.
TEST(FillTest, WhatWasKeptIsAnsweredAfterAFailureButNotToWhoInsists) {
  for (const Purpose purpose : {read, refresh, forced, Purpose::bypass}) {
    for (const bool in_memory : {false, true}) {
      for (const bool in_store : {false, true}) {
        if (in_store && purpose == Purpose::bypass) continue;  // It does not look there.
        Fill::Setup how = setup(purpose, first_reason(purpose));
        how.kept_on_error = in_memory;
        Fill fill = begun(how);
        if (purpose != Purpose::bypass) fill.asked(in_store ? holds(Verdict::on_error) : granted);
        const Reason before = fill.reason();
        fill.fetch_failed();
        const bool insists = purpose == forced || purpose == Purpose::bypass;
        const bool answered = (in_memory || in_store) && !insists;
        EXPECT_EQ(fill.result(), answered ? Fill::Result::kept_on_error : Fill::Result::failed)
            << static_cast<int>(purpose) << in_memory << in_store;
        EXPECT_EQ(fill.reason(), answered ? Reason::stale_on_error : before);
        EXPECT_FALSE(fill.may_keep());
      }
    }
  }
}

TEST(FillTest, WhatWasTakenOverIsNotKeptOnError) {
  Fill fill = begun(setup());
  fill.asked(holds(Verdict::expired));
  fill.took_over(Published::stored);
  EXPECT_FALSE(fill.store_on_error());
  fill.fetch_failed();
  EXPECT_EQ(fill.result(), Fill::Result::failed);
  EXPECT_EQ(fill.reason(), Reason::expired);
}

TEST(FillTest, ARefreshOfWhatIsKeptIsBecauseItIsStale) {
  for (const Verdict verdict : {Verdict::stale, Verdict::on_error}) {
    Fill fill = begun(setup(refresh, Reason::cold));
    fill.asked(holds(verdict));
    EXPECT_EQ(fill.reason(), Reason::stale);
  }
}

TEST(FillTest, TheReasonIsTheLastThatTheStoreGave) {
  Fill fill = begun(setup());
  fill.asked(holds(Verdict::invalidated));
  fill.took_over(Published::refused);
  EXPECT_EQ(fill.state(), State::asking);
  fill.asked(holds(Verdict::fresh));  // The other has filled it meanwhile.
  EXPECT_EQ(fill.state(), State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::stored);
  EXPECT_EQ(fill.reason(), Reason::fresh);
}

// Take-overs are tried so often and no more, and count together, whatever they take.
TEST(FillTest, TakeOversEnd) {
  for (const Saw& saw : {holds(Verdict::damaged), holds(Verdict::expired)}) {
    Fill fill = begun(setup());
    for (int i = 0; i < Fill::take_overs_max; ++i) {
      ASSERT_EQ(fill.asked(saw).what, State::taking_over) << i;
      ASSERT_EQ(fill.took_over(Published::refused).what, State::asking);
    }
    EXPECT_EQ(fill.asked(saw).what, State::fetching);
    EXPECT_EQ(fill.reason(), saw.verdict == Verdict::damaged ? Reason::damaged : Reason::expired);
    EXPECT_EQ(fill.fetched(true).what, State::landed);  // Nothing is published.
    EXPECT_TRUE(fill.may_keep());
  }
}

TEST(FillTest, WhenTakeOversHaveEndedAnIdleLeaseIsWaitedFor) {
  Fill fill = begun(setup());
  const Saw saws[] = {idle(), holds(Verdict::damaged), idle()};
  static_assert(Fill::take_overs_max == 3);
  for (const Saw& saw : saws) {
    ASSERT_EQ(fill.asked(saw).what, State::taking_over);
    fill.took_over(Published::refused);
  }
  EXPECT_EQ(fill.asked(idle()).what, State::waiting);
  fill.waited();
  EXPECT_EQ(fill.asked(idle({})).what, State::fetching);
  EXPECT_EQ(fill.fetched(true).what, State::landed);
}

// Each event belongs to one state; in any other it is a bug of the driver, and is caught.
struct Event {
  const char* name;
  State belongs_to;
  std::function<void(Fill&)> happen;
};
const Event events[] = {
    {"looked", State::looking, [](Fill& fill) { fill.looked(false); }},
    {"look_failed", State::looking, [](Fill& fill) { fill.look_failed(); }},
    {"asked", State::asking, [](Fill& fill) { fill.asked(granted); }},
    {"ask_failed", State::asking, [](Fill& fill) { fill.ask_failed(); }},
    {"took_over", State::taking_over, [](Fill& fill) { fill.took_over(Published::stored); }},
    {"take_over_failed", State::taking_over, [](Fill& fill) { fill.take_over_failed(); }},
    {"waited", State::waiting, [](Fill& fill) { fill.waited(); }},
    {"fetched", State::fetching, [](Fill& fill) { fill.fetched(true); }},
    {"fetch_failed", State::fetching, [](Fill& fill) { fill.fetch_failed(); }},
    {"too_old", State::fetching, [](Fill& fill) { fill.too_old(seconds(1)); }},
    {"held_off", State::holding_off, [](Fill& fill) { fill.held_off(); }},
    {"published", State::publishing, [](Fill& fill) { fill.published(Published::stored); }},
    {"publish_failed", State::publishing, [](Fill& fill) { fill.publish_failed(); }},
    {"voided", State::voiding, [](Fill& fill) { fill.voided(); }},
    {"released", State::releasing, [](Fill& fill) { fill.released(); }},
};

Fill fill_in(State state) {
  Fill::Setup how = setup(state == State::looking ? Purpose::bypass : Purpose::read);
  how.learns_floors = true;
  Fill fill = begun(how);
  switch (state) {
    case State::looking:
    case State::asking: break;
    case State::taking_over: fill.asked(holds(Verdict::damaged)); break;
    case State::waiting: fill.asked(leased()); break;
    case State::fetching: fill.asked(granted); break;
    case State::holding_off:
      fill.asked(granted);
      fill.too_old(seconds(1));
      break;
    case State::publishing:
      fill.asked(granted);
      fill.fetched(true);
      break;
    case State::voiding:
      fill.asked(holds(Verdict::on_error));
      fill.fetched(false);
      break;
    case State::releasing:
      fill.asked(granted);
      fill.fetched(false);
      break;
    case State::landed: fill.asked(holds(Verdict::fresh)); break;
  }
  EXPECT_EQ(fill.state(), state);
  return fill;
}

constexpr State states[] = {
    State::looking,     State::asking,     State::taking_over, State::waiting,   State::fetching,
    State::holding_off, State::publishing, State::voiding,     State::releasing, State::landed};

TEST(FillTest, EachEventMovesOnInItsState) {
  for (const Event& event : events) {
    Fill fill = fill_in(event.belongs_to);
    event.happen(fill);
    EXPECT_NE(fill.state(), event.belongs_to) << event.name;
  }
}

#ifndef NDEBUG
TEST(FillDeathTest, AnEventInAnotherStateIsABug) {
  for (const State state : states) {
    for (const Event& event : events) {
      if (event.belongs_to == state) continue;
      Fill fill = fill_in(state);
      EXPECT_DEATH(event.happen(fill), "state_ ==") << event.name << static_cast<int>(state);
    }
  }
}

TEST(FillDeathTest, ALeaseThatIsNoneIsABug) {
  Fill fill({.has_store = true});
  EXPECT_DEATH(fill.begin(), "lease.is_none");
}
#endif

}  // namespace
}  // namespace headrace
