// Invalidations that the store has not confirmed: kept in their order, and sent again until it has.
#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

// Written down first, where there is a journal: whoever is told that it is pending may rely on it.
Task<void> Engine::Impl::leave_pending(Outdating what) {
  sometimes(Mark::invalidation_pending);
  if (ports_.journal != nullptr && !removed(Mechanism::journal)) {
    auto adding = journal_call(
        ports_.journal->add(what.orders.keys, what.orders.watermarks, what.orders.floors));
    const Result<std::uint64_t> number = co_await adding;
    if (number) what.records.push_back(*number);
  }
  keep_pending(std::move(what));
}

void Engine::Impl::keep_pending(Outdating what) {
  {
    const std::scoped_lock lock(pending_mutex_);
    // Past its limit the list folds into one order that covers all: the cache's own watermark.
    const bool fold = pending_.size() >= limits_.pending_max || rarely(Rare::full_pending);
    if (fold) {
      Outdating all{.names = {.everything = true},
                    .orders = {.watermarks = {WatermarkId::of(cache_watermark)},
                               .floors = floors_.standing(ports_.clock.now())}};
      all.one_by_one = quarantine_.hold(all.orders);
      pending_.push_back(std::move(what));
      for (const Outdating& one : pending_) {
        quarantine_.release(one.orders, one.one_by_one);
        all.records.insert(all.records.end(), one.records.begin(), one.records.end());
      }
      pending_.clear();
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
      auto sending = send(one.orders);
      const Result<Token> sent = co_await std::move(sending);
      if (!sent) break;
      remember(one.orders, *sent);
      quarantine_.release(one.orders, one.one_by_one);
      sometimes(Mark::pending_delivered);
      spread_behind(message_of(one, *sent));
      auto striking = strike(one.records);
      co_await std::move(striking);
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

Task<void> Engine::Impl::strike(std::vector<std::uint64_t> records) {
  if (records.empty()) co_return;
  auto asked = journal_call(ports_.journal->strike(std::move(records)));
  (void)co_await asked;  // What is not struck is sent once more by the next engine.
}

// What an engine before this one had to leave pending.
void Engine::Impl::recover() {
  if (ports_.journal == nullptr || ports_.store == nullptr) return;
  recovering_.store(!removed(Mechanism::journal_first));
  gate_.enter();
  start(read_journal(), [self = shared_from_this()] { self->gate_.leave(); });
}

// Its names are not known here: other memories are told to drop all.  What is lost may have named
// anything, a floor too, whose name nobody knows now.
void Engine::Impl::take_up(Journal::Record one) {
  const Instant now = ports_.clock.now();
  Outdating what{.names = {.everything = true},
                 .orders = {.keys = std::move(one.keys),
                            .watermarks = std::move(one.watermarks),
                            .floors = std::move(one.floors)},
                 .records = {one.number}};
  if (one.lost && !removed(Mechanism::journal_lost)) {
    sometimes(Mark::journal_lost);
    what.orders.watermarks.push_back(WatermarkId::of(cache_watermark));
    floors_.doubt(now + limits_.floor_lasts);
  }
  what.one_by_one = quarantine_.hold(what.orders);
  floors_.raise(what.orders.floors, now);
  keep_pending(std::move(what));
}

Task<void> Engine::Impl::read_journal() {
  while (!closed_.load()) {
    auto asked = journal_call(ports_.journal->read());
    Result<std::vector<Journal::Record>> records = co_await asked;
    if (records) {
      for (Journal::Record& one : *records) {
        sometimes(Mark::journal_replayed);
        take_up(std::move(one));
      }
      recovering_.store(false);
      co_return;
    }
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
  }
}

}  // namespace headrace
