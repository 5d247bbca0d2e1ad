#include "headrace/entry.h"

#include <cassert>

namespace headrace {

Entry::Entry(Parts parts)
    : scope_(parts.scope),
      gone_at_(parts.gone_at),
      fresh_until_(parts.fresh_until),
      entity_(parts.entity),
      stamps_(std::move(parts.stamps)),
      value_(std::move(parts.value)),
      kind_(parts.kind),
      hash_(parts.hash),
      stale_until_(parts.stale_until),
      read_at_(parts.read_at),
      id_(parts.id),
      value_bytes_(parts.value_bytes),
      revision_(std::move(parts.revision)) {
  assert((kind_ == Kind::value) == (value_ != nullptr));
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
  if (entity_.heap_bytes() > 0) bytes += entity_.heap_bytes() + allocation_overhead;
  if (!stamps_.empty()) bytes += stamps_.capacity() * sizeof(Stamp) + allocation_overhead;
  if (revision_.capacity() > 15) bytes += revision_.capacity() + allocation_overhead;
  return bytes;
}

void EntryRef::free(Entry* entry) noexcept { std::default_delete<Entry>()(entry); }

}  // namespace headrace
