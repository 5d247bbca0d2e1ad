#include "sim/mover.h"

#include <utility>

#include "cache/policy_state.h"

namespace headrace::sim {

using std::chrono::milliseconds;

Mover::Mover(Store& from, Shelf& to, Link& to_new, Host& host, MovingPhase phase)
    : host_(host),
      from_(from),
      to_(to, to_new, host),
      moving_(make_moving_store({.phase = phase,
                                 .beside_lasts_max = beside_lasts_max,
                                 .copies_max = 3,
                                 .copy_lease_for = milliseconds(700)},
                                {.from = from, .to = to_, .clock = host, .random = host})) {}

bool Mover::is_quiet() const {
  return working_ == 0 && moving_->counters().copying == 0;
}

void Mover::fill_back(std::function<void()> emptied) {
  ++working_;
  start(work(std::move(emptied)), [this] { --working_; });
}

void Mover::stop() {
  stopped_ = true;
  for (const auto& one : walks_) one->stop();
  for (const auto& one : backfills_) one->stop();
}

Task<void> Mover::work(std::function<void()> emptied) {
  const moving::WalkOptions options{
      .at_once_max = 2, .page_keys_max = 3, .tries_max = 3, .retry_after = milliseconds(20)};
  walks_.push_back(std::make_unique<moving::Walk>(options, host_, host_));
  moving::Walk* const walk = walks_.back().get();
  std::vector<WatermarkId> everything{WatermarkId::of(cache_watermark)};
  auto emptying = moving::empty(walk, &to_, std::move(everything), &emptied_);
  const Result<void> is_empty = co_await std::move(emptying);
  if (!is_empty || stopped_) co_return;
  emptied();
  const moving::Copier copier({.from = from_, .to = to_, .clock = host_, .random = host_},
                              milliseconds(700));
  backfills_.push_back(std::make_unique<moving::Backfill>(copier, from_, options, host_, host_));
  moving::Backfill& backfill = *backfills_.back();
  auto filling = backfill.run();
  (void)co_await std::move(filling);
}

}  // namespace headrace::sim
