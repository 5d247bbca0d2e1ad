#include "stores/moving/backfill.h"

#include <utility>

namespace headrace::moving {

Backfill::Backfill(Copier copier, Store& from, WalkOptions options, Clock& clock,
                   Executor& executor, Progress so_far)
    : copier_(copier), from_(from), walk_(options, clock, executor), progress_(std::move(so_far)) {
  steps_.visit = [this](StoreKey key) { return visit(key); };
  steps_.listed = [this](std::size_t keys) {
    const std::scoped_lock lock(mutex_);
    progress_.listed += keys;
  };
  steps_.page_done = [this](const std::string& next) {
    const std::scoped_lock lock(mutex_);
    progress_.next = next;
  };
  later_ = progress_.later_keys;
  again_steps_.visit = [this](StoreKey key) { return visit_again(key); };
  again_steps_.given_up = [this](StoreKey key) {
    const std::scoped_lock lock(mutex_);
    count(why_[key]);
    --progress_.later;
  };
}

// What another run had put off beyond those that it noted is known no more: all is listed once
// more, and found there already.
Task<Result<void>> Backfill::run() {
  const Progress before = progress();
  if (before.is_done) co_return Result<void>();
  auto walking = walk_.run(&from_, before.next, &steps_);
  Result<void> walked = co_await std::move(walking);
  const std::uint64_t forgotten = before.later - before.later_keys.size();
  if (walked && forgotten > 0) {
    {
      const std::scoped_lock lock(mutex_);
      progress_.later -= forgotten;
    }
    auto walking_again = walk_.run(&from_, "", &steps_);
    walked = co_await std::move(walking_again);
  }
  if (!walked) co_return walked;
  auto trying = try_again();
  Result<void> tried = co_await std::move(trying);
  if (tried) {
    const std::scoped_lock lock(mutex_);
    progress_.is_done = true;
    progress_.later_keys.clear();
  }
  co_return tried;
}

Task<Result<void>> Backfill::try_again() {
  std::vector<StoreKey> keys;
  {
    const std::scoped_lock lock(mutex_);
    keys.swap(later_);
  }
  return walk_.over(std::move(keys), &again_steps_);
}

// What cannot be copied now is put off, for the page is not to wait for it.
Task<Result<Walk::Visited>> Backfill::visit(StoreKey key) {
  auto copying = copier_.copy(key);
  const Result<Copied> copied = co_await std::move(copying);
  if (!copied) co_return std::unexpected(copied.error());
  const bool is_open = copied->outcome == Outcome::busy || copied->outcome == Outcome::unsettled;
  const std::scoped_lock lock(mutex_);
  if (is_open && later_.size() < later_max) {
    later_.push_back(key);
    ++progress_.later;
    if (progress_.later_keys.size() < Progress::kept_max) progress_.later_keys.push_back(key);
  } else {
    count(copied->outcome);
  }
  co_return Walk::Visited::done;
}

Task<Result<Walk::Visited>> Backfill::visit_again(StoreKey key) {
  auto copying = copier_.copy(key);
  const Result<Copied> copied = co_await std::move(copying);
  if (!copied) co_return std::unexpected(copied.error());
  const std::scoped_lock lock(mutex_);
  if (copied->outcome == Outcome::busy || copied->outcome == Outcome::unsettled) {
    why_[key] = copied->outcome;
    co_return Walk::Visited::again;
  }
  count(copied->outcome);
  --progress_.later;
  co_return Walk::Visited::done;
}

void Backfill::count(Outcome outcome) {
  switch (outcome) {
    case Outcome::copied: ++progress_.copied; break;
    case Outcome::there_already: ++progress_.there_already; break;
    case Outcome::gone: ++progress_.gone; break;
    case Outcome::unsettled: ++progress_.unsettled; break;
    case Outcome::busy: ++progress_.left_out; break;
  }
}

Backfill::Progress Backfill::progress() const {
  const std::scoped_lock lock(mutex_);
  return progress_;
}

Task<Result<void>> empty(Store* store, std::vector<WatermarkId> everything,
                         std::size_t page_keys_max, std::atomic<std::uint64_t>* emptied) {
  auto renewing = store->renew(std::move(everything));
  const Result<Token> renewed = co_await std::move(renewing);
  if (!renewed) co_return std::unexpected(renewed.error());
  std::string from;
  do {
    auto listing = store->list(std::move(from), page_keys_max);
    Result<Store::Page> page = co_await std::move(listing);
    if (!page && page.error().code == Code::not_allowed) co_return Result<void>();
    if (!page) co_return std::unexpected(std::move(page.error()));
    from = std::move(page->next);
    const std::size_t count = page->keys.size();
    auto voiding = store->invalidate(std::move(page->keys));
    const Result<Token> voided = co_await std::move(voiding);
    if (!voided) co_return std::unexpected(voided.error());
    emptied->fetch_add(count);
  } while (!from.empty());
  co_return Result<void>();
}

Task<Result<void>> count_keys(Store* store, std::size_t page_keys_max,
                              std::atomic<std::uint64_t>* keys) {
  std::string from;
  do {
    auto listing = store->list(std::move(from), page_keys_max);
    Result<Store::Page> page = co_await std::move(listing);
    if (!page) co_return std::unexpected(std::move(page.error()));
    keys->fetch_add(page->keys.size());
    from = std::move(page->next);
  } while (!from.empty());
  co_return Result<void>();
}

}  // namespace headrace::moving
