#include "cache/outbox.h"

#include <algorithm>
#include <cassert>

#include "core/rare.h"

namespace headrace {

bool Outbox::push(BusMessage message, Taken taken) {
  {
    const std::scoped_lock lock(mutex_);
    if (message.kind == BusMessage::Kind::invalidation) ++sequence_;
    message.sequence = sequence_;
    // A second beat behind a first would say nothing more.
    const bool says_nothing = message.kind == BusMessage::Kind::beat && !items_.empty() &&
                              items_.back().message.kind == BusMessage::Kind::beat;
    if (items_.size() < messages_max_ && !says_nothing && !rarely(Rare::full_outbox)) {
      items_.push_back({std::move(message), std::move(taken)});
      return !std::exchange(emptying_, true);
    }
  }
  taken(failure(Code::bus_unavailable, "too much waits for the bus already"));
  return false;
}

std::vector<BusMessage> Outbox::next(std::size_t messages_max) {
  const std::scoped_lock lock(mutex_);
  std::vector<BusMessage> batch;
  const std::size_t count = std::min(items_.size(), messages_max);
  batch.reserve(count);
  for (std::size_t i = 0; i < count; ++i) batch.push_back(items_[i].message);
  if (batch.empty()) emptying_ = false;
  return batch;
}

void Outbox::taken(std::size_t count) {
  std::vector<Taken> told;
  {
    const std::scoped_lock lock(mutex_);
    assert(count <= items_.size());
    for (std::size_t i = 0; i < count; ++i) {
      told.push_back(std::move(items_.front().taken));
      items_.pop_front();
    }
  }
  for (const Taken& one : told) one({});
}

void Outbox::give_up() {
  const std::scoped_lock lock(mutex_);
  emptying_ = false;
}

}  // namespace headrace
