#include "allowance/grants.h"

#include <cassert>

namespace headrace {

void Grants::add(Amount amount, Instant now) {
  assert(amount >= 0);
  if (amount == 0) return;
  (void)reported(now);
  total_ += amount;
  if (!young_.empty() && now - young_.back().first < reported_within_ / Duration::rep(lots_max)) {
    young_.back().last = now;
    young_.back().amount += amount;
    return;
  }
  young_.push_back({.first = now, .last = now, .amount = amount});
  assert(young_.size() <= 2 * lots_max);
}

Amount Grants::reported(Instant now) {
  while (!young_.empty() && young_.front().last + reported_within_ <= now) {
    reported_ += young_.front().amount;
    young_.pop_front();
  }
  assert(reported_ <= total_);
  return reported_;
}

void Grants::forget(Amount amount) {
  assert(amount <= reported_);
  total_ -= amount;
  reported_ -= amount;
}

}  // namespace headrace
