#include "sim/outbox.h"

#include <algorithm>
#include <string>
#include <utility>

namespace headrace::sim {

void Outbox::record(std::size_t entity) {
  if (off_ > 0) return;
  open_.push_back({.number = ++newest_, .entity = entity});
}

void Outbox::switch_off() {
  ++off_;
  ++state_;
}

void Outbox::switch_on() {
  --off_;
  ++state_;
}

void Outbox::truncate() {
  open_.clear();
  ++state_;
}

bool Outbox::is_consumer(HostId who) {
  const Instant now = timeline_.now();
  if (!consumer_ || now > heard_of_ + silent_max) consumer_ = who;
  if (*consumer_ == who) heard_of_ = now;
  return *consumer_ == who;
}

Outbox::Seen Outbox::look(HostId who) {
  Seen seen{.is_consumer = is_consumer(who),
            .is_lacking = off_ > 0,
            .is_lost = acknowledged_ != state_,
            .state = state_,
            .newest = newest_,
            .oldest_open = open_.empty() ? 0 : open_.front().number,
            .open = open_.size()};
  if (seen.is_consumer) {
    const auto some = static_cast<std::ptrdiff_t>(std::min(rows_max, open_.size()));
    seen.rows.assign(open_.begin(), open_.begin() + some);
  }
  return seen;
}

bool Outbox::acknowledge(HostId who, const std::vector<Row>& rows, std::uint64_t state) {
  if (!is_consumer(who)) return false;
  std::erase_if(open_, [&rows](const Row& one) {
    return std::ranges::count(rows, one.number, &Row::number) > 0;
  });
  acknowledged_ = std::max(acknowledged_, state);
  return true;
}

void OutboxFeed::begin(FeedListener& listener) {
  listener_ = &listener;
  look_at(host_.now());
}

void OutboxFeed::look_at(Instant when) {
  host_.post_at(when, [this] {
    if (closed_) return;
    ++looking_;
    start(look(), [this] {
      --looking_;
      if (!closed_) look_at(host_.now() + look_every_);
    });
  });
}

Task<void> OutboxFeed::look() {
  const Instant asked = host_.now();
  auto call = link_.call<Outbox::Seen>(
      [this]() -> Result<Outbox::Seen> { return outbox_.look(host_.id()); });
  Result<Outbox::Seen> seen = co_await std::move(call);
  if (!seen || closed_) co_return;
  health_.is_consumer = seen->is_consumer;
  bool all_told = false;
  if (seen->is_consumer) {
    auto telling = tell(*seen);
    all_told = co_await std::move(telling);
  }
  if (!closed_) prove(asked, *seen, all_told);
}

// A loss first: what is told of after it may be what is lost.
Task<bool> OutboxFeed::tell(Outbox::Seen seen) {
  if (seen.is_lost) {
    ++health_.losses;
    auto losing = listener_->lost("simulated");
    const Result<void> lost = co_await std::move(losing);
    if (!lost || closed_) co_return false;
  }
  if (!seen.rows.empty()) {
    std::vector<SourceChange> changes;
    for (const Outbox::Row& row : seen.rows) {
      changes.push_back({.database = "simulated",
                         .collection = "entities",
                         .entity = std::to_string(row.entity)});
    }
    auto telling = listener_->changed(std::move(changes));
    const Result<void> told = co_await std::move(telling);
    if (!told || closed_) co_return false;
  }
  if (!seen.is_lost && seen.rows.empty()) co_return true;
  auto call = link_.call<bool>([this, seen]() -> Result<bool> {
    return outbox_.acknowledge(host_.id(), seen.rows, seen.state);
  });
  const Result<bool> acknowledged = co_await std::move(call);
  if (!acknowledged || !*acknowledged) co_return false;
  health_.changes += seen.rows.size();
  co_return seen.rows.size() == seen.open;
}

void OutboxFeed::prove(Instant asked, const Outbox::Seen& seen, bool all_told) {
  if (seen.is_lacking || (seen.is_lost && !all_told)) return;
  if (all_told || seen.open == 0) {
    before_.reset();
    return listener_->proved(asked);
  }
  if (before_ && seen.oldest_open > before_->newest) {
    listener_->proved(before_->asked);
    before_.reset();
  }
  if (!before_) before_ = Open{.asked = asked, .newest = seen.newest};
}

}  // namespace headrace::sim
