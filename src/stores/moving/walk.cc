#include "stores/moving/walk.h"

#include <algorithm>
#include <coroutine>
#include <utility>

#include "io/together.h"

namespace headrace::moving {

namespace {

// Awaits a moment, on the executor.
struct Until {
  Executor& executor;
  Instant when;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    executor.post_at(when, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

std::unexpected<Error> stopped() {
  return failure(Code::cancelled, "stopped");
}

}  // namespace

Task<Result<void>> Walk::run(Store* store, std::string from, const Steps* steps) {
  for (;;) {
    auto listing = list(store, from);
    Result<Store::Page> page = co_await std::move(listing);
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (steps->listed) steps->listed(page->keys.size());
    auto visiting = over(std::move(page->keys), steps);
    Result<void> visited = co_await std::move(visiting);
    if (!visited) co_return visited;
    from = std::move(page->next);
    if (steps->page_done) steps->page_done(from);
    if (from.empty()) co_return Result<void>();
  }
}

Task<Result<void>> Walk::over(std::vector<StoreKey> keys, const Steps* steps) {
  for (int tries = 1;; ++tries) {
    Round round{.keys = std::move(keys)};
    auto visiting = visit_all(&round, steps);
    co_await std::move(visiting);
    if (stopped_.load()) co_return stopped();
    if (round.again.empty()) co_return Result<void>();
    if (tries >= options_.tries_max) {
      if (round.failed) co_return std::unexpected(std::move(*round.failed));
      for (const StoreKey& key : round.again) {
        if (steps->given_up) steps->given_up(key);
      }
      co_return Result<void>();
    }
    auto resting = rest(tries);
    co_await std::move(resting);
    keys = std::move(round.again);
  }
}

Task<Result<Store::Page>> Walk::list(Store* store, std::string from) {
  for (int tries = 1;; ++tries) {
    if (stopped_.load()) co_return stopped();
    auto listing = store->list(from, options_.page_keys_max);
    Result<Store::Page> page = co_await std::move(listing);
    const bool again = !page && page.error().code == Code::store_unavailable;
    if (!again || tries >= options_.tries_max) co_return page;
    auto resting = rest(tries);
    co_await std::move(resting);
  }
}

Task<void> Walk::visit_all(Round* round, const Steps* steps) {
  std::vector<Task<void>> workers;
  const std::size_t count = std::min(options_.at_once_max, round->keys.size());
  for (std::size_t i = 0; i < count; ++i) workers.push_back(work(round, steps));
  io::Together together(std::move(workers));
  co_await together;
}

Task<void> Walk::work(Round* round, const Steps* steps) {
  for (;;) {
    const std::size_t at = round->next.fetch_add(1);
    if (at >= round->keys.size() || stopped_.load()) co_return;
    if (options_.per_second_max > 0) {
      auto pacing = keep_pace();
      co_await std::move(pacing);
    }
    const StoreKey key = round->keys[at];
    auto visiting = steps->visit(key);
    Result<Visited> visited = co_await std::move(visiting);
    if (visited && *visited == Visited::done) continue;
    const std::scoped_lock lock(round->mutex);
    round->again.push_back(key);
    if (!visited) round->failed = std::move(visited.error());
  }
}

Task<void> Walk::keep_pace() {
  const Instant now = clock_.now();
  Instant mine{};
  {
    const std::scoped_lock lock(mutex_);
    mine = std::max(next_visit_, now);
    next_visit_ = mine + Duration(static_cast<std::int64_t>(1e9 / options_.per_second_max));
  }
  if (mine <= now) co_return;
  const Until then{executor_, mine};
  co_await then;
}

Task<void> Walk::rest(int tries) const {
  const Until then{executor_, clock_.now() + options_.retry_after * (1 << (tries - 1))};
  co_await then;
}

}  // namespace headrace::moving
