#include "cache/trust.h"

#include <cassert>
#include <utility>

namespace headrace {

// Whether `incarnation` is the present one, as far as anybody here knows; another becomes it.
bool StoreTrust::is_known(Token incarnation) {
  if (!trusted_) trusted_ = incarnation;
  if (incarnation == target_.value_or(*trusted_)) return true;
  target_ = incarnation;
  replaying_.store(true, std::memory_order_release);
  return false;
}

bool StoreTrust::counts(Token incarnation, Epoch epoch) {
  const std::scoped_lock lock(mutex_);
  return is_known(incarnation) && !target_ && epoch == epoch_.load(std::memory_order_relaxed);
}

bool StoreTrust::acknowledges(Token incarnation) {
  const std::scoped_lock lock(mutex_);
  return is_known(incarnation);
}

void StoreTrust::heard_of(Token incarnation) {
  const std::scoped_lock lock(mutex_);
  // Who has not been answered yet knows of the store what others do.
  if (!trusted_) trusted_ = incarnation;
  if (target_ || incarnation == *trusted_) return;
  target_ = trusted_;
  replaying_.store(true, std::memory_order_release);
}

bool StoreTrust::replay_is_due() {
  const std::scoped_lock lock(mutex_);
  return target_.has_value() && !std::exchange(somebody_replays_, true);
}

Token StoreTrust::target() const {
  const std::scoped_lock lock(mutex_);
  assert(target_);
  return *target_;
}

bool StoreTrust::adopt(Token incarnation) {
  const std::scoped_lock lock(mutex_);
  if (target_ != incarnation) return false;
  trusted_ = incarnation;
  target_.reset();
  epoch_.fetch_add(1, std::memory_order_release);
  somebody_replays_ = false;
  replaying_.store(false, std::memory_order_release);
  return true;
}

void StoreTrust::give_up() {
  const std::scoped_lock lock(mutex_);
  somebody_replays_ = false;
}

}  // namespace headrace
