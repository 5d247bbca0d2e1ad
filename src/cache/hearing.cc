#include "cache/hearing.h"

#include <algorithm>

#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

Hearing::Hearing(Limits limits, Token self, bool has_bus)
    : limits_(limits), self_(self), live_until_(has_bus ? Instant::min() : Instant::max()) {}

Hearing::News Hearing::heard(const BusMessage& message, Instant now) {
  const std::scoped_lock lock(mutex_);
  if (message.origin != self_) {
    const News news = heard_other(message, now);
    return news == News::gap && removed(Mechanism::gap_detection) ? News::next : news;
  }
  if (message.kind == BusMessage::Kind::beat) {
    own_beat_heard_ = std::max(own_beat_heard_, message.beat);
  }
  return News::own;
}

// REQUIRES: mutex_ is held.
Hearing::News Hearing::heard_other(const BusMessage& message, Instant now) {
  const bool is_new = message.kind == BusMessage::Kind::invalidation;
  if (message.kind == BusMessage::Kind::farewell) {
    const auto at = origins_.find(message.origin);
    const std::uint64_t last = at == origins_.end() ? 0 : at->second.sequence;
    if (at != origins_.end()) origins_.erase(at);
    note_gone(message.origin);
    return last < message.sequence ? News::gap : News::known;
  }
  const auto [at, first] = origins_.try_emplace(message.origin);
  if (first) std::erase(gone_, message.origin.high);
  Origin& origin = at->second;
  const std::uint64_t last = origin.sequence;
  origin.sequence = std::max(last, message.sequence);
  origin.heard_at = std::max(origin.heard_at, now);
  bool forgot = false;
  const bool too_many = origins_.size() > limits_.origins_max ||
                        (origins_.size() > 1 && rarely(Rare::forgotten_origin));
  if (first && too_many) {
    const auto oldest = std::ranges::min_element(origins_, [](const auto& a, const auto& b) {
      return a.second.heard_at < b.second.heard_at;
    });
    origins_.erase(oldest);
    forgot = true;
  }
  if (message.sequence > last + (is_new ? 1 : 0) || forgot) return News::gap;
  return is_new && message.sequence > last ? News::next : News::known;
}

bool Hearing::proved(Instant began, std::uint64_t beat) {
  {
    const std::scoped_lock lock(mutex_);
    if (own_beat_heard_ < beat && !removed(Mechanism::canary)) return false;
  }
  Instant until = live_until_.load(std::memory_order_relaxed);
  const Instant proved_until = began + limits_.proof_lasts;
  while (until < proved_until &&
         !live_until_.compare_exchange_weak(until, proved_until, std::memory_order_acq_rel)) {
  }
  return true;
}

bool Hearing::somebody_fell_silent(Instant now) {
  const std::scoped_lock lock(mutex_);
  const auto silent = [&](const auto& known) {
    if (known.second.heard_at >= now - limits_.silence_max) return false;
    note_gone(known.first);
    return true;
  };
  return std::erase_if(origins_, silent) > 0 && !removed(Mechanism::silence);
}

bool Hearing::met_all(Instant now) {
  const std::scoped_lock lock(mutex_);
  if (!first_proved_) first_proved_ = now;
  if (has_met_all_ || *first_proved_ >= now - limits_.silence_max) return false;
  has_met_all_ = true;
  return !removed(Mechanism::silence);
}

// REQUIRES: mutex_ is held.
void Hearing::note_gone(Token origin) {
  constexpr std::size_t gone_max = 256;
  std::erase(gone_, origin.high);
  gone_.push_back(origin.high);
  if (gone_.size() > gone_max) gone_.pop_front();
}

Hearing::Presence Hearing::presence_of(std::uint64_t origin_high) const {
  const std::scoped_lock lock(mutex_);
  if (std::ranges::find(gone_, origin_high) != gone_.end()) return Presence::gone;
  const bool is_known = std::ranges::any_of(
      origins_, [origin_high](const auto& known) { return known.first.high == origin_high; });
  return is_known ? Presence::present : Presence::unknown;
}

std::size_t Hearing::origins() const {
  const std::scoped_lock lock(mutex_);
  return origins_.size();
}

}  // namespace headrace
