// Invalidations that the store has not confirmed: kept in their order, and sent again until it has.
#include "cache/impl.h"
#include "core/marks.h"

namespace headrace {

void Engine::Impl::keep_pending(Outdating what) {
  {
    const std::scoped_lock lock(pending_mutex_);
    // Past its limit the list folds into one order that covers all: the cache's own watermark.
    const bool fold = pending_.size() >= limits_.pending_max;
    if (fold) {
      Outdating all{.names = {.everything = true},
                    .orders = {.watermarks = {WatermarkId::of(cache_watermark)},
                               .floors = floors_.standing(ports_.clock.now())}};
      all.one_by_one = quarantine_.hold(all.orders);
      for (const Outdating& one : pending_) quarantine_.release(one.orders, one.one_by_one);
      pending_.clear();
      quarantine_.release(what.orders, what.one_by_one);
      pending_.push_back(std::move(all));
    } else {
      pending_.push_back(std::move(what));
    }
    if (retrying_) return;
    retrying_ = true;
  }
  gate_.enter();
  start(retry_pending(), [self = shared_from_this()] { self->gate_.leave(); });
}

Task<void> Engine::Impl::retry_pending() {
  while (true) {
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
    std::vector<Outdating> batch;
    {
      const std::scoped_lock lock(pending_mutex_);
      batch.swap(pending_);
    }
    std::size_t delivered = 0;
    for (const Outdating& one : batch) {
      const Result<void> sent = co_await send(one.orders);
      if (!sent) break;
      quarantine_.release(one.orders, one.one_by_one);
      sometimes(Mark::pending_delivered);
      spread_behind(message_of(one));
      ++delivered;
    }
    const std::scoped_lock lock(pending_mutex_);
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(delivered));
    pending_.insert(pending_.begin(), std::make_move_iterator(batch.begin()),
                    std::make_move_iterator(batch.end()));
    if (pending_.empty() || closed_.load()) {
      retrying_ = false;
      co_return;
    }
  }
}

}  // namespace headrace
