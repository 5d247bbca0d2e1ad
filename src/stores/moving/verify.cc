#include "stores/moving/verify.h"

#include <algorithm>
#include <utility>

#include "stores/moving/held.h"

namespace headrace::moving {

namespace {

bool is_same(const Envelope& a, const Envelope& b) {
  return a.id == b.id && a.kind == b.kind && a.key == b.key && a.revision == b.revision &&
         a.payload == b.payload && ids_of(a) == ids_of(b);
}

}  // namespace

Verify::Verify(Copier copier, Ports ports, WalkOptions options, Duration tolerance)
    : copier_(copier),
      ports_(ports),
      tolerance_(tolerance),
      walk_(options, ports.clock, ports.executor) {}

Task<Result<void>> Verify::run() {
  auto passing = pass(&ports_.from, &Verify::of_old);
  Result<void> passed = co_await std::move(passing);
  if (!passed) co_return passed;
  auto passing_new = pass(&ports_.to, &Verify::of_new);
  passed = co_await std::move(passing_new);
  const bool cannot_list = !passed && passed.error().code == Code::not_allowed;
  const std::scoped_lock lock(mutex_);
  if (cannot_list) passed = {};
  report_.new_was_listed = !cannot_list;
  report_.is_done = passed.has_value();
  co_return passed;
}

Task<Result<void>> Verify::pass(Store* listing, Judge judge) {
  Walk::Steps steps;
  steps.visit = [this, judge](StoreKey key) { return first_look(key, judge); };
  steps.listed = [this, listing](std::size_t keys) {
    const std::scoped_lock lock(mutex_);
    (listing == &ports_.from ? report_.listed : report_.listed_new) += keys;
  };
  auto walking = walk_.run(listing, "", &steps);
  Result<void> walked = co_await std::move(walking);
  if (!walked) co_return walked;
  std::vector<StoreKey> keys;
  std::size_t missing = 0;
  for (const auto& [key, compared] : suspects_) {
    keys.push_back(key);
    missing += compared.verdict == Verdict::lost ? 1 : 0;
  }
  copies_ = missing <= missing_max;
  steps.visit = [this, judge](StoreKey key) { return next_look(key, judge); };
  auto looking = walk_.over(std::move(keys), &steps);
  walked = co_await std::move(looking);
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, compared] : suspects_) count(compared);
  suspects_.clear();
  co_return walked;
}

Task<Result<Walk::Visited>> Verify::first_look(StoreKey key, Judge judge) {
  auto judging = (this->*judge)(key);
  const Result<Compared> compared = co_await std::move(judging);
  if (!compared) co_return std::unexpected(compared.error());
  const bool is_fine = compared->verdict == Verdict::same || compared->verdict == Verdict::gone;
  const std::scoped_lock lock(mutex_);
  if (is_fine || suspects_.size() >= suspects_max) {
    count(*compared);
  } else {
    suspects_[key] = *compared;
  }
  co_return Walk::Visited::done;
}

Task<Result<Walk::Visited>> Verify::next_look(StoreKey key, Judge judge) {
  auto judging = (this->*judge)(key);
  Result<Compared> compared = co_await std::move(judging);
  if (compared && compared->verdict == Verdict::lost && copies_) {
    auto bringing = bring(key);
    compared = co_await std::move(bringing);
  }
  if (!compared) co_return std::unexpected(compared.error());
  const std::scoped_lock lock(mutex_);
  suspects_[key] = *compared;
  const bool is_fine = compared->verdict == Verdict::same || compared->verdict == Verdict::gone;
  co_return is_fine ? Walk::Visited::done : Walk::Visited::again;
}

// Looked at again at once, for a floor may have kept it from being copied until the last look.
Task<Result<Verify::Compared>> Verify::bring(StoreKey key) {
  auto copying = copier_.copy(key);
  const Result<Copied> copied = co_await std::move(copying);
  if (!copied) co_return std::unexpected(copied.error());
  if (copied->outcome == Copied::Outcome::copied) {
    const std::scoped_lock lock(mutex_);
    ++report_.copied;
  }
  auto judging = of_old(key);
  co_return co_await std::move(judging);
}

// The old store is looked at before and after the new one: only what it held all the time must be
// there.
Task<Result<Verify::Compared>> Verify::of_old(StoreKey key) {
  auto looking = ports_.from.look(key, {}, Store::Payload::with);
  const Result<Slot> seen = co_await std::move(looking);
  if (!seen) co_return std::unexpected(seen.error());
  if (seen->state != Slot::State::held) co_return Compared{.verdict = Verdict::gone};
  const std::vector<WatermarkId> ids = ids_of(seen->envelope);
  const Instant looked = ports_.clock.now();
  auto looking_there = ports_.to.look(key, ids, Store::Payload::with);
  const Result<Slot> there = co_await std::move(looking_there);
  if (!there) co_return std::unexpected(there.error());
  auto looking_again = ports_.from.look(key, ids, Store::Payload::without);
  const Result<Slot> here = co_await std::move(looking_again);
  if (!here) co_return std::unexpected(here.error());
  const Duration took = ports_.clock.now() - looked;

  if (!is_settled(*here)) co_return Compared{.verdict = Verdict::unsettled};
  if (!is_held(*here, ids)) co_return Compared{.verdict = Verdict::gone};
  if (here->envelope.id != seen->envelope.id) co_return Compared{.verdict = Verdict::unsettled};
  if (!is_held(*there, ids)) {
    co_return Compared{.verdict = is_settled(*there) ? Verdict::lost : Verdict::unsettled};
  }
  Compared compared{.verdict = Verdict::same};
  // It may seem older than it is, and never younger.
  const bool is_younger = age_of(*there) + took + tolerance_ < age_of(*here);
  if (!is_same(seen->envelope, there->envelope) || is_younger) {
    compared.verdict = Verdict::different;
    co_return compared;
  }
  const Duration differs = there->kept_for - here->kept_for;
  compared.time_left_difference = std::max(Duration(0), std::max(differs - took, -differs));
  if (compared.time_left_difference > tolerance_) {
    compared.verdict = Verdict::time_left_differs;
  }
  co_return compared;
}

Task<Result<Verify::Compared>> Verify::of_new(StoreKey key) {
  auto looking = ports_.to.look(key, {}, Store::Payload::without);
  const Result<Slot> seen = co_await std::move(looking);
  if (!seen) co_return std::unexpected(seen.error());
  if (seen->state != Slot::State::held) co_return Compared{.verdict = Verdict::gone};
  const std::vector<WatermarkId> ids = ids_of(seen->envelope);
  auto looking_there = ports_.from.look(key, ids, Store::Payload::without);
  const Result<Slot> there = co_await std::move(looking_there);
  if (!there) co_return std::unexpected(there.error());
  // Another entry, which the first pass has compared.
  const bool is_another = there->state == Slot::State::held && ids_of(there->envelope) != ids;
  if (is_another || is_held(*there, ids)) co_return Compared{.verdict = Verdict::gone};
  auto looking_again = ports_.to.look(key, ids, Store::Payload::without);
  const Result<Slot> here = co_await std::move(looking_again);
  if (!here) co_return std::unexpected(here.error());
  co_return Compared{.verdict = is_held(*here, ids) ? Verdict::resurrected : Verdict::gone};
}

void Verify::count(const Compared& compared) {
  switch (compared.verdict) {
    case Verdict::gone: return;
    case Verdict::unsettled: ++report_.unsettled; return;
    case Verdict::resurrected: ++report_.resurrected; return;
    case Verdict::lost: ++report_.lost; break;
    case Verdict::different: ++report_.different; break;
    case Verdict::time_left_differs: ++report_.time_left_differs; break;
    case Verdict::same: break;
  }
  ++report_.compared;
  report_.time_left_difference_max =
      std::max(report_.time_left_difference_max, compared.time_left_difference);
}

Verify::Report Verify::report() const {
  const std::scoped_lock lock(mutex_);
  return report_;
}

}  // namespace headrace::moving
