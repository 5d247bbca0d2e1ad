// Each shard is a table with open addressing, and a hand that goes round it when room is needed.
// What was asked for since the hand was last here stays, for at most visits_max rounds; what was
// not goes.  A record begins with no visit, so that a long walk over many of them pushes out its
// own and not those that are asked for again and again.  Places are hashes, so the hand comes to
// the records in no order that their keys have.
//
// A read of the file may be slow, and end when what it found has been changed since.  The epoch of
// a key is odd while it is being changed and differs afterwards.  It is made odd before the commit:
// from there on the file may show the new record while memory still shows the old one, and filling
// memory with either would let somebody see the new one and then the old one again.
#include "records/embedded/front.h"

#include <algorithm>
#include <random>
#include <utility>

#include "core/hash.h"

namespace headrace::embedded_records {

namespace {

constexpr std::uint32_t visits_max = 3;
constexpr std::size_t slots_min = 64;
constexpr std::size_t largest_part = 4;   // Of a shard's bytes, that one record may have.
constexpr std::size_t around_bytes = 96;  // Of a reference's count and a slot that is half empty.

std::size_t charge_of(const Kept& kept) noexcept {
  const std::size_t own = sizeof(Kept) + around_bytes;
  return own + charged_bytes(kept.key(), kept.record());
}

}  // namespace

Front::Front(std::size_t bytes_max)
    : seed_(std::random_device()()),
      shard_bytes_max_(bytes_max / shards),
      shards_(std::make_unique<std::array<Shard, shards>>()) {}

std::uint64_t Front::hash_of(std::string_view key) const noexcept {
  return hash64(key, seed_);
}

KeptRef Front::find(std::string_view key) noexcept {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  if (shard.slots.empty()) return nullptr;
  Slot& slot = shard.slots[place_of(shard, hash, key)];
  if (slot.kept && slot.visits < visits_max) ++slot.visits;
  return slot.kept;
}

Front::Ticket Front::ticket(std::string_view key) noexcept {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  return Ticket(epoch_of(shard, hash));
}

void Front::fill(const KeptRef& kept, Ticket ticket) {
  const std::uint64_t hash = hash_of(kept->key());
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const std::uint64_t epoch = epoch_of(shard, hash);
  if (epoch % 2 == 0 && epoch == ticket.epoch_) put(shard, hash, kept);
}

void Front::begin_change(std::span<const KeptRef> changed) {
  for (const KeptRef& kept : changed) {
    const std::uint64_t hash = hash_of(kept->key());
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    epoch_of(shard, hash) |= 1;
  }
}

void Front::publish(std::span<const KeptRef> changed) {
  for (const KeptRef& kept : changed) {
    const std::uint64_t hash = hash_of(kept->key());
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    put(shard, hash, kept);
  }
}

// Only when all have been published, for keys share epochs.
void Front::end_change(std::span<const KeptRef> changed) {
  for (const KeptRef& kept : changed) {
    const std::uint64_t hash = hash_of(kept->key());
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    std::uint64_t& epoch = epoch_of(shard, hash);
    epoch += epoch % 2;
  }
}

std::size_t Front::bytes() const {
  std::size_t bytes = 0;
  for (const Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.bytes;
  }
  return bytes;
}

// Where the key is, or where it would be.
std::size_t Front::place_of(const Shard& shard, std::uint64_t hash, std::string_view key) noexcept {
  const std::size_t mask = shard.slots.size() - 1;
  std::size_t at = hash & mask;
  while (shard.slots[at].kept) {
    if (shard.slots[at].hash == hash && shard.slots[at].kept->key() == key) break;
    at = (at + 1) & mask;
  }
  return at;
}

void Front::put(Shard& shard, std::uint64_t hash, const KeptRef& kept) {
  if (shard.used * 4 >= shard.slots.size() * 3) grow(shard);
  const std::size_t charge = charge_of(*kept);
  const std::size_t at = place_of(shard, hash, kept->key());
  const bool fits = charge <= shard_bytes_max_ / largest_part;
  Slot& slot = shard.slots[at];
  if (!fits) {
    if (slot.kept) erase(shard, at);
    return;
  }
  if (slot.kept) {
    shard.bytes -= charge_of(*slot.kept);
  } else {
    slot.hash = hash;
    slot.visits = 0;
    ++shard.used;
  }
  shard.bytes += charge;
  slot.kept = kept;
  make_room(shard);
}

// Those behind move up, so that no search ends at the gap.
void Front::erase(Shard& shard, std::size_t at) {
  const std::size_t mask = shard.slots.size() - 1;
  shard.bytes -= charge_of(*shard.slots[at].kept);
  --shard.used;
  std::size_t next = at;
  for (;;) {
    next = (next + 1) & mask;
    if (!shard.slots[next].kept) break;
    const std::size_t home = shard.slots[next].hash & mask;
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    shard.slots[at] = std::move(shard.slots[next]);
    at = next;
  }
  shard.slots[at] = Slot();
}

void Front::grow(Shard& shard) {
  std::vector<Slot> old(std::max(slots_min, shard.slots.size() * 2));
  old.swap(shard.slots);
  const std::size_t mask = shard.slots.size() - 1;
  for (Slot& slot : old) {
    if (!slot.kept) continue;
    std::size_t at = slot.hash & mask;
    while (shard.slots[at].kept) at = (at + 1) & mask;
    shard.slots[at] = std::move(slot);
  }
}

void Front::make_room(Shard& shard) {
  const std::size_t mask = shard.slots.size() - 1;
  while (shard.bytes > shard_bytes_max_) {
    shard.hand &= mask;
    Slot& slot = shard.slots[shard.hand];
    if (slot.kept && slot.visits == 0) {
      erase(shard, shard.hand);  // Another may have moved here.
      continue;
    }
    if (slot.kept) --slot.visits;
    ++shard.hand;
  }
}

}  // namespace headrace::embedded_records
