// kit/slots.h: what a store holds, and what each command of its contract does to it, at once.
//
// A value: a copy is a replica of that moment.
#pragma once

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/floor_set.h"
#include "headrace/random.h"
#include "headrace/store.h"

namespace headrace::kit {

class Slots {
 public:
  struct Record {
    Token token{};
    bool leased = false;
    bool damaged = false;
    Instant until{};
    Instant stored_at{};
    Envelope envelope{};
  };

  Store::Claim get_or_lease(const StoreKey& key, Token lease, Duration lease_for,
                            const std::vector<WatermarkId>& watermarks, Instant now,
                            Random& random) {
    Store::Claim claim{.granted = false, .slot = view(key, watermarks, now, random)};
    if (claim.slot.state == Slot::State::empty) {
      claim.granted = true;
      records_[key] = {.token = lease, .leased = true, .until = now + lease_for};
    }
    return claim;
  }

  Published take_over(const StoreKey& key, Token expected, Token lease, Duration lease_for,
                      Instant now) {
    if (!holds(key, expected, now)) return Published::refused;
    records_[key] = {.token = lease, .leased = true, .until = now + lease_for};
    return Published::stored;
  }

  // `called` is when whoever publishes called, on the clock of `now`; never later than that.
  Published publish(const StoreKey& key, Token expected, Envelope envelope, Duration keep_for,
                    Instant called, Instant now) {
    if (!holds(key, expected, now)) return Published::refused;
    put(key, std::move(envelope), keep_for, called);
    return Published::stored;
  }

  void release(const StoreKey& key, Token lease, Instant now) {
    if (holds(key, lease, now)) records_.erase(key);
  }

  void put(const StoreKey& key, Envelope envelope, Duration keep_for, Instant called) {
    const Token id = envelope.id;
    records_[key] = {.token = id,
                     .until = called + keep_for,
                     .stored_at = called,
                     .envelope = std::move(envelope)};
  }

  void invalidate(const std::vector<StoreKey>& keys) {
    for (const StoreKey& key : keys) records_.erase(key);
  }

  void renew(const std::vector<WatermarkId>& watermarks, Random& random) {
    for (const WatermarkId& id : watermarks) watermarks_[{id.high, id.low}] = random.token();
  }

  // Beside other guards of the key; the same guard twice is one, which ends when the later does.
  void guard(const std::vector<StoreKey>& keys, Token guard, Instant until) {
    for (const StoreKey& key : keys) {
      Instant& end = guards_[key].try_emplace({guard.high, guard.low}, until).first->second;
      end = std::max(end, until);
    }
    invalidate(keys);
  }

  void unguard(const std::vector<StoreKey>& keys, Token guard) {
    for (const StoreKey& key : keys) {
      const auto at = guards_.find(key);
      if (at == guards_.end()) continue;
      at->second.erase({guard.high, guard.low});
      if (at->second.empty()) guards_.erase(at);
    }
  }

  // Beside other floors of the key, as many as one key has.
  void raise_floors(const std::vector<Store::Floor>& floors, Instant now) {
    for (const Store::Floor& floor : floors) {
      floors_[floor.key].add(floor.revision, now + floor.lasts);
    }
    for (const Store::Floor& floor : floors) records_.erase(floor.key);
  }

  // What the slot holds; watermarks that are not there are made.
  Slot view(const StoreKey& key, const std::vector<WatermarkId>& watermarks, Instant now,
            Random& random) {
    Slot slot;
    slot.guarded = guarded(key, now);
    slot.floors = floors(key, now);
    for (const WatermarkId& id : watermarks) {
      Token& token = watermarks_[{id.high, id.low}];
      if (token.is_none()) token = random.token();
      slot.watermarks.push_back(token);
    }
    const auto at = records_.find(key);
    if (at == records_.end()) return slot;
    const Record& record = at->second;
    if (record.until <= now) {
      records_.erase(at);
      return slot;
    }
    slot.token = record.token;
    if (record.leased) {
      slot.state = Slot::State::leased;
      slot.lease_left = record.until - now;
      return slot;
    }
    slot.state = record.damaged ? Slot::State::damaged : Slot::State::held;
    if (!record.damaged) slot.envelope = record.envelope;
    slot.stored_for = now - record.stored_at;
    slot.kept_for = record.until - now;
    return slot;
  }

  // Whether a guard stands on the key; those that have ended are forgotten.
  bool guarded(const StoreKey& key, Instant now) {
    const auto at = guards_.find(key);
    if (at == guards_.end()) return false;
    std::erase_if(at->second, [now](const auto& one) { return one.second <= now; });
    if (!at->second.empty()) return true;
    guards_.erase(at);
    return false;
  }

  // The floors of the key; those that have ended are forgotten.
  std::vector<std::string> floors(const StoreKey& key, Instant now) {
    std::vector<std::string> names;
    const auto at = floors_.find(key);
    if (at == floors_.end()) return names;
    at->second.expire(now);
    at->second.tell(now, names);
    if (at->second.empty()) floors_.erase(at);
    return names;
  }
  [[nodiscard]] std::size_t floors(Instant now) const {
    std::size_t count = 0;
    for (const auto& [key, set] : floors_) count += set.standing(now);
    return count;
  }

  // How many guards stand.
  [[nodiscard]] std::size_t guards(Instant now) const {
    std::size_t count = 0;
    for (const auto& [key, standing] : guards_) {
      for (const auto& [guard, until] : standing) count += until > now ? 1 : 0;
    }
    return count;
  }

  // Whether list() can go on from there.
  static bool is_next(std::string_view from) {
    return from.empty() || from.size() == sizeof(StoreKey::words);
  }
  // In the order of the keys; a page goes on after the last key of the one before.
  [[nodiscard]] Store::Page list(const std::string& from, std::size_t keys_max, Instant now) const {
    std::vector<StoreKey> held;
    for (const auto& [key, record] : records_) {
      if (!record.leased && record.until > now) held.push_back(key);
    }
    std::ranges::sort(held, {}, &StoreKey::bytes);
    const auto at = std::ranges::upper_bound(held, std::string_view(from), {}, &StoreKey::bytes);
    const auto left = static_cast<std::size_t>(held.end() - at);
    Store::Page page;
    page.keys.assign(at, at + static_cast<std::ptrdiff_t>(std::min(left, keys_max)));
    if (left > keys_max) page.next = page.keys.back().bytes();
    return page;
  }

  // Loses a slot, as an eviction would.
  void lose(const StoreKey& key) { records_.erase(key); }
  void damage(const StoreKey& key) { records_.at(key).damaged = true; }

  // Loses the n-th of all records, watermarks counted after slots; guards and floors are never
  // among them. REQUIRES: n < size().
  void lose(std::size_t n) {
    if (n < records_.size()) {
      records_.erase(std::next(records_.begin(), static_cast<std::ptrdiff_t>(n)));
    } else {
      n -= records_.size();
      watermarks_.erase(std::next(watermarks_.begin(), static_cast<std::ptrdiff_t>(n)));
    }
  }
  [[nodiscard]] std::size_t size() const { return records_.size() + watermarks_.size(); }
  [[nodiscard]] std::size_t slots() const { return records_.size(); }

 private:
  [[nodiscard]] bool holds(const StoreKey& key, Token token, Instant now) const {
    const auto at = records_.find(key);
    return at != records_.end() && at->second.until > now && at->second.token == token;
  }

  std::unordered_map<StoreKey, Record, StoreKeyHash> records_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Token> watermarks_;
  std::unordered_map<StoreKey, std::map<std::pair<std::uint64_t, std::uint64_t>, Instant>,
                     StoreKeyHash>
      guards_;
  std::unordered_map<StoreKey, FloorSet, StoreKeyHash> floors_;
};

}  // namespace headrace::kit
