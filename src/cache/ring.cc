#include "cache/ring.h"

#include <algorithm>

#include "cache/policy_state.h"
#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

void Ring::push(const Orders& orders, Token incarnation, Instant now) {
  const std::scoped_lock lock(mutex_);
  forget_old(now);
  items_.push_back({++last_, orders, incarnation, now});
  names_ += orders.size();
  while ((names_ > limits_.names_max || rarely(Rare::small_ring)) && items_.size() > 1) {
    lost_until_ = std::max(lost_until_, items_.front().at + limits_.remembers_for);
    lost_replayed_ = {};
    names_ -= items_.front().orders.size();
    items_.pop_front();
  }
}

void Ring::forget_old(Instant now) {
  while (!items_.empty() && items_.front().at + limits_.remembers_for <= now) {
    names_ -= items_.front().orders.size();
    items_.pop_front();
  }
}

Ring::Owed Ring::owed(Token incarnation, std::size_t names_max, Instant now) {
  const std::scoped_lock lock(mutex_);
  forget_old(now);
  Owed owed{.last = last_};
  const bool lost = now < lost_until_ && !(lost_replayed_ == incarnation);
  if (lost && !removed(Mechanism::ring_overflow)) {
    owed.everything = true;
    owed.orders.watermarks.push_back(WatermarkId::of(cache_watermark));
    return owed;
  }
  for (const Item& item : items_) {
    if (item.incarnation == incarnation) continue;
    if (owed.orders.size() > 0 && owed.orders.size() + item.orders.size() > names_max) {
      owed.last = item.number - 1;
      break;
    }
    std::ranges::copy(item.orders.keys, std::back_inserter(owed.orders.keys));
    std::ranges::copy(item.orders.watermarks, std::back_inserter(owed.orders.watermarks));
    std::ranges::copy(item.orders.floors, std::back_inserter(owed.orders.floors));
  }
  return owed;
}

void Ring::acknowledged(const Owed& owed, Token incarnation) {
  const std::scoped_lock lock(mutex_);
  if (owed.everything) lost_replayed_ = incarnation;
  for (Item& item : items_) {
    if (item.number <= owed.last) item.incarnation = incarnation;
  }
}

bool Ring::is_empty(Instant now) {
  const std::scoped_lock lock(mutex_);
  forget_old(now);
  return items_.empty() && lost_until_ <= now;
}

}  // namespace headrace
