#include "headrace/entry.h"

#include <algorithm>
#include <cassert>

#include "headrace/key.h"

namespace headrace {

const Entry::Rare& Entry::no_rare() noexcept {
  static const Rare none;
  return none;
}

Entry::Entry(Parts parts)
    : scope_(parts.scope),
      gone_at_(parts.gone_at),
      fresh_until_(parts.fresh_until),
      plain_value_(parts.value.get()),
      entity_size_(static_cast<std::uint16_t>(parts.entity.size())),
      kind_(parts.kind),
      has_stamps_(!parts.stamps.empty()),
      is_dear_(parts.billed > 1),
      entity_{},
      value_(std::move(parts.value)),
      hash_(parts.hash),
      stale_until_(parts.stale_until),
      read_at_(parts.read_at),
      id_(parts.id),
      value_bytes_(parts.value_bytes) {
  assert(parts.entity.size() <= entity_bytes_max);
  const bool is_long = entity_size_ > inline_bytes_max;
  if (!is_long) std::ranges::copy(parts.entity, entity_);
  if (is_long || has_stamps_ || is_dear_ || !parts.revision.empty()) {
    Rare rare{.revision = std::move(parts.revision),
              .stamps = std::move(parts.stamps),
              .billed = parts.billed};
    if (is_long) rare.long_entity = parts.entity;
    rare_ = std::make_unique<const Rare>(std::move(rare));
  }
  assert((kind_ == Kind::value) == (plain_value_ != nullptr));
  assert(fresh_until_ <= stale_until_);
  assert(stale_until_ <= gone_at_);
}

EntryRef Entry::make(Parts parts) {
  return EntryRef::share(std::make_unique<Entry>(std::move(parts)).release());
}

std::size_t Entry::charge() const noexcept {
  // An allocation costs its header too, and a slot of the hash table at its usual fill.
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

void EntryRef::free(Entry* entry) noexcept {
  std::default_delete<Entry>()(entry);
}

}  // namespace headrace
