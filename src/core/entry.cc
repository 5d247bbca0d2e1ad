#include "headrace/entry.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "core/blocks.h"
#include "core/pins.h"
#include "headrace/key.h"

namespace headrace {

const Entry::Rare& Entry::no_rare() noexcept {
  static const Rare none;
  return none;
}

Entry::Entry(Parts parts)
    : gone_at_(parts.gone_at),
      fresh_until_(parts.fresh_until),
      value_(std::move(parts.value)),
      scope_(parts.scope),
      entity_size_(static_cast<std::uint16_t>(parts.entity.size())),
      kind_(static_cast<std::uint8_t>(parts.kind)),
      has_stamps_(!parts.stamps.empty()),
      is_dear_(parts.billed > 1),
      entity_{},
      hash_(parts.hash),
      read_at_(parts.read_at),
      value_bytes_(static_cast<std::uint32_t>(std::min<std::size_t>(parts.value_bytes, ~0u))) {
  assert(parts.entity.size() <= entity_bytes_max);
  const bool is_long = entity_size_ > inline_bytes_max;
  if (!is_long) std::ranges::copy(parts.entity, entity_);
  const bool may_be_stale = parts.stale_until != fresh_until_ || gone_at_ != fresh_until_;
  if (is_long || has_stamps_ || is_dear_ || may_be_stale || !parts.revision.empty() ||
      !parts.id.is_none()) {
    rare_ = std::make_unique<Rare>();
    if (is_long) rare_->long_entity = parts.entity;
    rare_->revision = std::move(parts.revision);
    rare_->stamps = std::move(parts.stamps);
    rare_->id = parts.id;
    rare_->stale_until = parts.stale_until;
    rare_->billed = parts.billed;
  }
  assert((parts.kind == Kind::value) == (value_ != nullptr));
  assert(fresh_until_ <= parts.stale_until);
  assert(parts.stale_until <= gone_at_);
}

#ifdef HEADRACE_SANITIZED  // So that the sanitizer sees who uses a freed entry.

void* Entry::operator new(std::size_t size) {
  return ::operator new(size, std::align_val_t(alignof(Entry)));
}
void Entry::operator delete(void* block) noexcept {
  ::operator delete(block, std::align_val_t(alignof(Entry)));
}

#else

namespace {
constinit Blocks entry_blocks(sizeof(Entry));
}

void* Entry::operator new([[maybe_unused]] std::size_t size) {
  assert(size == sizeof(Entry));
  return entry_blocks.take();
}
void Entry::operator delete(void* block) noexcept {
  entry_blocks.give_back(block);
}

#endif

EntryRef Entry::make(Parts parts) {
  return EntryRef::share(std::make_unique<Entry>(std::move(parts)).release());
}

std::size_t Entry::charge() const noexcept {
  // An allocation costs its header too (here the value's), and a slot of the hash table at its
  // usual fill.
  constexpr std::size_t allocation_overhead = 16;
  constexpr std::size_t table_slot = 24;
  std::size_t bytes = sizeof(Entry) + allocation_overhead + table_slot + value_bytes_;
  if (!rare_) return bytes;
  bytes += sizeof(Rare) + allocation_overhead;
  for (const std::string* text : {&rare_->long_entity, &rare_->revision}) {
    if (text->capacity() > 15) bytes += text->capacity() + allocation_overhead;
  }
  if (has_stamps_) bytes += rare_->stamps.capacity() * sizeof(Stamp) + allocation_overhead;
  return bytes;
}

// A pin may become a counted reference at any moment, also of an entry whose count is zero.  So the
// last count and the mark that the entry waits to be freed change in one step: whoever comes after
// it knows that it is not the one to free.
bool Entry::drop_last() noexcept {
  std::uint32_t before = references_.load(std::memory_order_relaxed);
  while (true) {
    const bool is_last = (before & ~is_published) == 1;
    const std::uint32_t after = is_last ? is_retired | (before & is_published) : before - 1;
    if (references_.compare_exchange_weak(before, after, std::memory_order_acq_rel)) return is_last;
  }
}

void Entry::dispose(Entry* entry) noexcept {
  if ((entry->references_.load(std::memory_order_relaxed) & is_published) == 0) {
    return std::default_delete<Entry>()(entry);
  }
  Pins::retire({.what = entry,
                .free = [](void* what) { std::default_delete<Entry>()(static_cast<Entry*>(what)); },
                .is_held =
                    [](const void* what) {
                      const auto count = static_cast<const Entry*>(what)->references_.load();
                      return (count & ~(is_published | is_retired)) != 0;
                    },
                .bytes = entry->charge()});
}

void Entry::let_go() noexcept {
  if (drop_last()) dispose(this);
}

void EntryRef::drop(Entry* entry) noexcept {
  if (!entry->drop_last()) return;
  Entry::dispose(entry);
  Pins::reclaim_if_due();
}

}  // namespace headrace
