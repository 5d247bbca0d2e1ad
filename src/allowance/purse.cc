// What a purse decides.
//
// Of the ledger it keeps what it saw there last.  All that it counts with is
//
//   free = figure - what others have taken - what was granted here and is not counted
//
// which is what it may still have in all.  A touch writes `taken = granted + room`, with as much
// room as is wanted and free: that takes a lease, renews it, and gives back what it has too much
// of. Room may be granted while `lease_ends_` lies ahead; it counts from before the ledger was
// asked.
//
// What a read of the source contains is known when its ticket is drawn, before it begins: of this
// instance what is reported by then; of others what the ledger had said by then; of a share that
// nobody has changed for as long as a lease lasts and a report takes, all (`Sighting`; its clock is
// this instance's).
#include "allowance/purse.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/mutants.h"

namespace headrace {

namespace {

constexpr unsigned lateness_parts = 256;
// Two clocks differ by less than one part of this.
constexpr int drift_parts = 256;

bool has_figure(const Ledger& ledger) {
  return !std::holds_alternative<Unknown>(ledger.figure.balance);
}

}  // namespace

Purse::Purse(const AllowancePolicy& policy, Random& random, Token instance, bool shared,
             Instant now)
    : policy_(policy),
      random_(random),
      instance_(instance),
      shared_(shared),
      born_(now),
      owner_(random.token()),
      grants_(policy.reported_within) {}

// Spending.

std::optional<Spent> Purse::spend(Amount amount, Instant now) {
  amount = std::clamp(amount, Amount(0), amount_max);
  asked_at_ = now;
  if (amount > 0) spent_at_ = now;
  if (read_failures_ == 0 && (is_alarmed() || !has_figure(ledger_))) {
    // The next read is to be waited for, but by what is granted anyway.
    const bool leased = std::holds_alternative<Amount>(ledger_.figure.balance);
    if (!leased || usable(now) < amount) return std::nullopt;
  }
  if (std::holds_alternative<Amount>(ledger_.figure.balance)) {
    const Amount can = usable(now);
    if (can < amount && can < free(ledger_) && now >= touch_retry_at_) return std::nullopt;
  }
  return spend_at_once(amount, now);
}

Spent Purse::spend_at_once(Amount amount, Instant now) {
  Amount granted = std::clamp(amount, Amount(0), amount_max);
  const Balance& balance = ledger_.figure.balance;
  if (std::holds_alternative<Amount>(balance)) {
    granted = std::min(granted, usable(now));
  } else if (std::holds_alternative<Unknown>(balance)) {
    if (policy_.when_unknown == WhenUnknown::refuse) granted = 0;
  }
  granted = std::min(granted, Ledger::taken_max - grants_.total());
  grants_.add(granted, now);
  taken_ = std::max(taken_, grants_.total());
  const View after = view(now);
  assert(granted >= 0);
  return {.granted = granted, .left = after.left, .open = after.open};
}

Purse::View Purse::view(Instant now) const {
  View view{.left = ledger_.figure.balance, .open = true, .changes = changes_};
  if (std::holds_alternative<Unknown>(view.left)) {
    view.open = policy_.when_unknown == WhenUnknown::allow;
  } else if (std::holds_alternative<Amount>(view.left)) {
    const Amount left = std::max(free(ledger_), Amount(0));
    view.left = left;
    view.open = (now < touch_retry_at_ ? usable(now) : left) > 0;
  }
  return view;
}

// What this instance may still have of `ledger`, with what it has already.
Amount Purse::free(const Ledger& ledger) const {
  const auto* const amount = std::get_if<Amount>(&ledger.figure.balance);
  if (amount == nullptr) return 0;
  Amount free = *amount - grants_.total();
  for (const Ledger::Share& share : ledger.shares) {
    free += share.owner == owner_ ? share.counted : -share.open();
  }
  return free;
}

// What may be granted without asking anybody.
Amount Purse::usable(Instant now) const {
  const Amount limit = std::max(free(ledger_), Amount(0));
  if (!shared_ || removed(Mechanism::leased_first)) return limit;
  const bool is_over = now >= lease_ends_ && !removed(Mechanism::lease_end);
  return is_over ? 0 : std::min(taken_ - grants_.total(), limit);
}

void Purse::signal() noexcept {
  ++signals_;
  ++alarms_;
  same_ = 0;
  read_failures_ = 0;
  read_retry_at_ = {};
}

// What is due.

bool Purse::is_spending(Instant now) const {
  return waiting_ > 0 || (spent_at_ && now - *spent_at_ < policy_.lease_lasts);
}
bool Purse::is_in_use(Instant now) const {
  return watched_ || waiting_ > 0 || (asked_at_ && now - *asked_at_ < policy_.lease_lasts);
}
// The figure of those who were there before may be older than a signal that this instance was not
// told of: nothing is leased of it before the first read, if there is one to be had.
bool Purse::may_take() const noexcept {
  return answered_ > 0 || read_failures_ > 0;
}

// The ledger knows all that was granted, and that it was reported.
bool Purse::is_declared() const noexcept {
  if (!declared_) return taken_ == 0;
  return declared_->taken == declared_->reported && declared_->taken == grants_.total();
}

bool Purse::is_idle(Instant now) {
  if (watched_ || waiting_ > 0 || touching_ || reading_ || fetched_) return false;
  return shared_ ? is_declared() : grants_.reported(now) == grants_.total();
}

Amount Purse::wanted(Instant now) const {
  return std::max(waiting_, is_spending(now) ? policy_.lease_amount : Amount(0));
}

Purse::Next Purse::next(Instant now) const {
  Next next{.step = Step::none, .at = Instant::max()};
  const auto offer = [&next](Step step, Instant at) {
    if (at < next.at) next = {.step = step, .at = at};
  };
  if (const auto due = touch_due(now); due && !touching_) {
    offer(Step::touch, std::max(*due, touch_retry_at_));
  }
  if (reading_ || fetched_ || !is_in_use(now)) return next;
  const Instant due = read_due(ledger_);
  if (!shared_ || ticket_ || touch_failures_ > 0) {
    offer(Step::read, due);
  } else if (!touching_) {
    offer(Step::touch, due);  // Which draws a ticket, unless somebody else has read.
  }
  return next;
}

// Times that have passed mean: now.
std::optional<Instant> Purse::touch_due(Instant now) const {
  if (!shared_) return std::nullopt;
  if (fetched_ || (touch_failures_ > 0 && is_in_use(now))) return Instant{};
  std::optional<Instant> due;
  if (looked_ && std::holds_alternative<Amount>(ledger_.figure.balance) && is_in_use(now)) {
    const Amount can = usable(now);
    const Amount few = is_spending(now) ? (policy_.lease_amount + 1) / 2 : 0;
    if (may_take() && can < std::max(waiting_, few) && can < free(ledger_)) return Instant{};
    due = touch_ended_ + policy_.lease_lasts;  // Others take, and give back.
  }
  if (!is_declared()) {
    const Instant renewal = touch_ended_ + policy_.lease_lasts / 4 * 3;
    due = due ? std::min(*due, renewal) : renewal;
  }
  return due;
}

Instant Purse::read_due(const Ledger& ledger) const {
  if (is_alarmed() || !has_figure(ledger)) return read_retry_at_;
  Duration pause = policy_.refresh_after;
  if (std::holds_alternative<Amount>(ledger.figure.balance) && free(ledger) <= 0) {
    pause = std::min(policy_.refresh_exhausted_after, policy_.refresh_after);
    for (std::uint32_t i = 0; i < same_ && pause < policy_.refresh_after; ++i) pause *= 2;
    pause = std::min(pause, policy_.refresh_after);
  }
  // Whoever has read it reads it again; the others only if that one does not.
  if (ledger.figure.reader != instance_) {
    pause += pause / 8 + pause / 8 / lateness_parts * lateness_;
  }
  return std::max(ledger.figure.read_at + pause, read_retry_at_);
}

Duration Purse::pause_after(std::uint32_t failures) const {
  Duration pause = policy_.retry_after;
  for (std::uint32_t i = 1; i < failures && pause < policy_.retry_after_max; ++i) pause *= 2;
  return std::min(pause, policy_.retry_after_max);
}

// The ledger.

// A share that is not there any more was wholly counted, or is lost with the ledger.
void Purse::find_own(const Ledger& ledger) {
  if (!declared_ || ledger.find(owner_) != nullptr) return;
  if (declared_->taken == declared_->reported) {
    begin_anew(declared_->taken);
    return;
  }
  // What the ledger's figure contains of it nobody knows: all of it is declared again, as if that
  // were nothing, and the source is read.
  declared_.reset();
  ++lost_;
  ++alarms_;
}

void Purse::begin_anew(Amount counted) {
  grants_.forget(counted);
  taken_ -= counted;
  owner_ = random_.token();  // What others have seen of the old one must not count for this.
  declared_.reset();
}

// What the source says from now on contains this much of each share.
Purse::Ticket Purse::draw(const Ledger& ledger, Instant now) {
  Ticket ticket{
      .ledger = ledger.id, .number = ledger.tickets, .alarms = alarms_, .signals = signals_};
  Duration lasts = policy_.lease_lasts + policy_.reported_within;
  lasts += lasts / drift_parts;
  if (removed(Mechanism::dead_share)) lasts = Duration::zero();
  for (const Ledger::Share& share : ledger.shares) {
    if (share.owner == owner_) continue;
    const auto seen = std::ranges::find(sightings_, share.owner, &Sighting::owner);
    const bool is_same = seen != sightings_.end() && seen->turn == share.turn;
    ticket.seen.push_back({.owner = share.owner,
                           .turn = share.turn,
                           .reported = share.reported,
                           .abandoned = is_same && looked_at_ - seen->since >= lasts});
  }
  ticket.seen.push_back({.owner = owner_, .reported = grants_.reported(now)});
  return ticket;
}

void Purse::put_figure(Ledger& ledger, Instant now) {
  if (!fetched_) return;
  const Ticket& ticket = fetched_->ticket;
  const bool is_alone = !shared_ || touch_failures_ > 0;
  const bool has_place = ticket.number > 0 && ticket.ledger == ledger.id;
  fetched_->is_settled = true;
  // A later ticket was drawn after this one, and so after what this one answers.
  fetched_->is_answer = is_alone || has_place;
  if (!is_alone && (!has_place || ticket.number <= ledger.figure.ticket)) return;
  const bool is_late = removed(Mechanism::ticket_first);
  ledger.count(fetched_->figure, is_late ? draw(ledger, now).seen : ticket.seen);
}

bool Purse::write(Ledger& ledger, Instant now) {
  find_own(ledger);
  if (ledger.id.is_none()) ledger.id = random_.token();
  const Token figure_before = ledger.figure.id;
  Ledger::Share* mine = ledger.find(owner_);
  const Ledger::Share before = mine == nullptr ? Ledger::Share{.owner = owner_} : *mine;
  if (mine == nullptr && ledger.shares.size() < Ledger::shares_max) {
    mine = &ledger.shares.emplace_back(before);
  }
  written_ = before;
  if (mine != nullptr) {
    mine->reported = std::max(mine->reported, grants_.reported(now));
    mine->taken = std::max(mine->taken, grants_.total());
  }
  put_figure(ledger, now);
  Amount room = 0;
  if (mine != nullptr) {
    const bool has_read = fetched_ && fetched_->is_answer;
    if (may_take() || has_read) room = std::max(std::min(wanted(now), free(ledger)), Amount(0));
    mine->taken = grants_.total() + room;
    written_ = *mine;
  }
  taken_ = std::min(taken_, grants_.total() + room);  // What goes back is granted no more.
  const bool is_new = written_ != before || room > 0;
  if (mine != nullptr && is_new) written_.turn = ++mine->turn;
  drawn_.reset();
  if (shared_ && !reading_ && !fetched_ && is_in_use(now) && read_due(ledger) <= now) {
    ++ledger.tickets;
    drawn_ = draw(ledger, now);
  }
  ledger.drop_counted();
  return is_new || drawn_ || ledger.figure.id != figure_before;
}

void Purse::adopt(Ledger ledger, Instant now) {
  const Ledger::Figure& before = ledger_.figure;
  if (ledger.figure.id != before.id) {
    same_ = ledger.figure.balance == before.balance && free(ledger) <= 0 ? same_ + 1 : 0;
    lateness_ = static_cast<unsigned>(random_.bits() % lateness_parts);
  }
  ledger_ = std::move(ledger);
  std::vector<Sighting> sightings;
  for (const Ledger::Share& share : ledger_.shares) {
    const auto seen = std::ranges::find(sightings_, share.owner, &Sighting::owner);
    const bool is_same = seen != sightings_.end() && seen->turn == share.turn;
    sightings.push_back({share.owner, share.turn, is_same ? seen->since : now});
  }
  sightings_ = std::move(sightings);
}

void Purse::touched(Ledger ledger, bool written, Instant called, Instant now) {
  assert(touching_ && called <= now);
  touching_ = false;
  touch_failures_ = 0;
  touch_retry_at_ = {};
  touch_ended_ = now;
  if (!looked_ && has_figure(ledger) && ledger.figure.read_at >= born_) {
    answered_ = std::max(answered_, std::uint64_t(1));
  }
  looked_ = true;
  looked_at_ = called;
  if (written) lease_ends_ = called + policy_.lease_lasts;
  if (written || ledger.find(owner_) != nullptr) declared_ = written_;
  adopt(std::move(ledger), now);
  if (written) taken_ = std::max(written_.taken, grants_.total());
  find_own(ledger_);
  if (fetched_ && fetched_->is_settled) {
    if (fetched_->is_answer) answer_alarms();
    fetched_.reset();
  }
  if (std::exchange(is_apart_, false)) ++alarms_;
  ticket_.reset();
  if (read_due(ledger_) <= now) ticket_ = std::exchange(drawn_, std::nullopt);
  // No room among the shares: that is tried again, but not at once.
  const bool is_crowded = ledger_.shares.size() >= Ledger::shares_max;
  if (is_crowded && ledger_.find(owner_) == nullptr) touch_retry_at_ = now + policy_.retry_after;
}

void Purse::answer_alarms() {
  if (removed(Mechanism::signal_first)) fetched_->ticket.alarms = alarms_;
  answered_ = std::max(answered_, fetched_->ticket.alarms);
  changes_ = std::max(changes_, fetched_->ticket.signals);
}

void Purse::touch_failed(Instant now) {
  assert(touching_);
  touching_ = false;
  ++touch_failures_;
  touch_retry_at_ = now + pause_after(touch_failures_);
  touch_ended_ = now;
  go_on_alone(now);
}

// Without the store this instance goes on with what it knows: what it has leased, as long as that
// lasts, and if it may, a lease that nobody knows of.
void Purse::go_on_alone(Instant now) {
  const Amount leased = std::max(taken_ - grants_.total(), Amount(0));
  Ledger ledger = ledger_;
  (void)write(ledger, now);  // A share that begins anew begins at zero, and its grants with it.
  adopt(std::move(ledger), now);
  ticket_.reset();
  if (fetched_) {
    // Known here, and nowhere else: what was urgent is asked again once the ledger can be told.
    is_apart_ = is_apart_ || answered_ < fetched_->ticket.alarms;
    answer_alarms();
    fetched_.reset();
  }
  const Amount limit = std::max(free(ledger_), Amount(0));
  taken_ = grants_.total() + std::min(leased, limit);
  if (policy_.without_store != WithoutStore::spend_on) return;
  if (limit == 0 || now < lease_without_store_at_) return;
  taken_ = grants_.total() + std::min(policy_.lease_amount, limit);
  lease_ends_ = lease_without_store_at_ = now + policy_.lease_lasts;
}

// The source.

void Purse::begin_read(Instant now) {
  assert(!reading_);
  Reading reading{.figure = {.id = random_.token(), .reader = instance_, .read_at = now}};
  reading.ticket = ticket_ ? *std::exchange(ticket_, std::nullopt) : draw(ledger_, now);
  if (!shared_ || touch_failures_ > 0) reading.ticket.number = 0;
  reading.figure.ticket = reading.ticket.number;
  reading_ = std::move(reading);
}

void Purse::read(Balance balance, Instant now) {
  assert(reading_);
  if (std::holds_alternative<Unknown>(balance)) {
    read_failed(now);
    return;
  }
  if (auto* const amount = std::get_if<Amount>(&balance)) {
    *amount = std::clamp(*amount, -amount_max, amount_max);
  }
  read_failures_ = 0;
  read_retry_at_ = {};
  fetched_ = std::exchange(reading_, std::nullopt);
  fetched_->figure.balance = balance;
  if (shared_) {
    if (touch_failures_ > 0) go_on_alone(now);
    return;
  }
  Ledger ledger = ledger_;
  (void)write(ledger, now);
  declared_ = written_;
  adopt(std::move(ledger), now);
  find_own(ledger_);
  answer_alarms();
  fetched_.reset();
}

void Purse::read_failed(Instant now) {
  assert(reading_);
  reading_.reset();
  ++read_failures_;
  read_retry_at_ = now + pause_after(read_failures_);
}

}  // namespace headrace
