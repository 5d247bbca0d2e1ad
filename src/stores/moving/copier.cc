#include "stores/moving/copier.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mutants.h"
#include "stores/moving/held.h"

namespace headrace::moving {

namespace {

using Outcome = Copied::Outcome;
using State = Slot::State;
// What a step comes to: how the copy ends; or nothing, and it goes on.
using Step = Result<std::optional<Outcome>>;

std::unexpected<Error> failed(std::string_view which, const Error& error) {
  return failure(Code::store_unavailable, std::string(which) + error.what);
}
constexpr std::string_view old_store = "the old store: ";
constexpr std::string_view new_store = "the new store: ";

// One copy under way.  Its steps are awaited by whoever owns it.
class Attempt {
 public:
  Attempt(Copier::Ports ports, StoreKey key)
      : ports_(ports), key_(key), lease_(ports.random.token()) {}

  Task<Step> look();
  // Takes the new slot, looks again, and publishes; gives back what it has taken in vain.
  Task<Step> fill(Duration lease_for);

  // The old store holds another entry by now, with watermarks of other names.
  [[nodiscard]] bool was_replaced() const noexcept { return was_replaced_; }
  [[nodiscard]] Copied ended(Outcome outcome) const {
    return {.outcome = outcome, .from = from_, .to = to_};
  }

 private:
  Task<Step> take(Duration lease_for);
  Task<Step> take_over(Token expected, Duration lease_for);
  Task<Step> carry();
  [[nodiscard]] bool is_as_good(const Slot& there) const;
  Step note_marks(Slot* under_lease);

  Copier::Ports ports_;
  StoreKey key_;
  Token lease_;
  std::vector<WatermarkId> ids_;  // Of what the old store held at first.
  Token id_{};
  Duration age_{0};
  std::vector<Token> marks_;  // What they are in the new store, read under the lease.
  Token from_{};
  Token to_{};
  bool was_replaced_ = false;
  std::optional<Result<Slot>> early_;  // Only a mutant looks so early.
  Instant early_at_{};
};

// What the entry depends on, so that the new store can be asked for that with the lease.
Task<Step> Attempt::look() {
  auto looking = ports_.from.look(key_, {}, Store::Payload::without);
  const Result<Slot> slot = co_await std::move(looking);
  if (!slot) co_return failed(old_store, slot.error());
  from_ = slot->incarnation;
  if (!is_settled(*slot)) co_return Outcome::unsettled;
  if (slot->state != State::held) co_return Outcome::gone;
  ids_ = ids_of(slot->envelope);
  id_ = slot->envelope.id;
  age_ = age_of(*slot);
  co_return std::nullopt;
}

// Takes the new slot, whatever it holds, unless that is a lease or as good as the original.
Task<Step> Attempt::take(Duration lease_for) {
  auto claiming = ports_.to.get_or_lease(key_, lease_, lease_for, ids_);
  Result<Store::Claim> claim = co_await std::move(claiming);
  if (!claim) co_return failed(new_store, claim.error());
  to_ = claim->slot.incarnation;
  if (claim->granted) co_return note_marks(&claim->slot);
  if (claim->slot.state == State::leased || claim->slot.state == State::empty) {
    co_return Outcome::busy;
  }
  if (is_as_good(claim->slot)) co_return Outcome::there_already;
  auto taking = take_over(claim->slot.token, lease_for);
  co_return co_await std::move(taking);
}

// What holds in the new store stays if it is the original's copy, or was read from the source later
// than the original: an instance that already reads there may have filled it.
bool Attempt::is_as_good(const Slot& there) const {
  return is_held(there, ids_) && (there.envelope.id == id_ || age_of(there) < age_);
}

// The watermarks that came with what was there are of before the lease; they are read again.
Task<Step> Attempt::take_over(Token expected, Duration lease_for) {
  auto taking = ports_.to.take_over(key_, expected, lease_, lease_for);
  const Result<Published> taken = co_await std::move(taking);
  if (!taken) co_return failed(new_store, taken.error());
  if (*taken == Published::refused) co_return Outcome::busy;
  auto looking = ports_.to.look(key_, ids_, Store::Payload::without);
  Result<Slot> slot = co_await std::move(looking);
  if (!slot) co_return failed(new_store, slot.error());
  to_ = slot->incarnation;
  co_return note_marks(&*slot);
}

Step Attempt::note_marks(Slot* under_lease) {
  if (!is_settled(*under_lease)) return Outcome::unsettled;
  marks_ = std::move(under_lease->watermarks);
  return std::nullopt;
}

// The look that counts, and the publish of what it has seen.
Task<Step> Attempt::carry() {
  Instant looked = ports_.clock.now();
  auto looking = ports_.from.look(key_, ids_, Store::Payload::with);
  Result<Slot> slot = co_await std::move(looking);
  if (early_) {
    slot = *std::move(early_);
    looked = early_at_;
  }
  if (!slot) co_return failed(old_store, slot.error());
  // Another incarnation may have brought back what was voided, and is about to be told again.
  if (slot->incarnation != from_) co_return Outcome::busy;
  if (!is_settled(*slot)) co_return Outcome::unsettled;
  if (slot->state != State::held) co_return Outcome::gone;
  Envelope& envelope = slot->envelope;
  was_replaced_ = ids_of(envelope) != ids_;
  if (was_replaced_) co_return Outcome::busy;
  if (!holds_at(envelope, slot->watermarks)) co_return Outcome::gone;
  // The way back from the old store counts as age, and against what is left.
  const Duration since = ports_.clock.now() - looked;
  const Duration keep_for = slot->kept_for - since;
  if (keep_for <= Duration(0)) co_return Outcome::gone;
  envelope.lease = lease_;
  if (!removed(Mechanism::copy_age)) envelope.age_at_publish += slot->stored_for + since;
  for (std::size_t i = 0; i < marks_.size(); ++i) envelope.watermarks[i].token = marks_[i];
  auto publishing = ports_.to.publish(key_, lease_, std::move(envelope), keep_for);
  const Result<Published> published = co_await std::move(publishing);
  if (!published) co_return failed(new_store, published.error());
  co_return *published == Published::stored ? Outcome::copied : Outcome::busy;
}

Task<Step> Attempt::fill(Duration lease_for) {
  if (removed(Mechanism::copy_lease_first)) {
    early_at_ = ports_.clock.now();
    auto looking = ports_.from.look(key_, ids_, Store::Payload::with);
    early_ = co_await std::move(looking);
  }
  auto taking = take(lease_for);
  Step step = co_await std::move(taking);
  if (step && !*step) {
    auto carrying = carry();
    step = co_await std::move(carrying);
  }
  if (step && (*step == Outcome::copied || *step == Outcome::there_already)) co_return step;
  // Does nothing where the lease is not ours; one that stays runs out by itself.
  auto releasing = ports_.to.release(key_, lease_);
  (void)co_await std::move(releasing);
  co_return step;
}

}  // namespace

Task<Result<Copied>> Copier::copy(StoreKey key) const {
  for (int round = 1;; ++round) {
    Attempt attempt(ports_, key);
    auto looking = attempt.look();
    Step step = co_await std::move(looking);
    if (step && !*step) {
      auto filling = attempt.fill(lease_for_);
      step = co_await std::move(filling);
    }
    if (!step) co_return std::unexpected(std::move(step.error()));
    if (!attempt.was_replaced() || round == rounds_max) co_return attempt.ended(**step);
  }
}

}  // namespace headrace::moving
