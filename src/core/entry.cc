#include "headrace/entry.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "core/blocks.h"
#include "core/hash.h"
#include "core/pins.h"
#include "headrace/key.h"

namespace headrace {

namespace {

constexpr std::size_t value_bytes_max = 0x7fffffff;

constexpr std::size_t in_lines(std::size_t bytes) noexcept {
  return (bytes + 63) / 64 * 64;
}

}  // namespace

const Entry::Rare& Entry::no_rare() noexcept {
  static const Rare none;
  return none;
}

std::unique_ptr<Entry::Rare> Entry::rare_of(Parts& parts) {
  const bool is_long = parts.entity.size() > inline_bytes_max;
  const bool has_ages =
      parts.stale_until != parts.fresh_until || parts.gone_at != parts.fresh_until;
  if (!is_long && !has_ages && parts.stamps.empty() && parts.billed <= 1 &&
      parts.revision.empty() && parts.id.is_none()) {
    return nullptr;
  }
  auto rare = std::make_unique<Rare>();
  if (is_long) rare->long_entity = parts.entity;
  rare->revision = std::move(parts.revision);
  rare->stamps = std::move(parts.stamps);
  rare->id = parts.id;
  rare->stale_until = parts.stale_until;
  rare->gone_at = parts.gone_at;
  rare->billed = parts.billed;
  return rare;
}

Entry::Entry(Parts parts, bool is_plain, std::unique_ptr<Rare> rare)
    : fresh_until_(parts.fresh_until),
      scope_(parts.scope),
      entity_size_(static_cast<std::uint16_t>(parts.entity.size() & 0x7ff)),
      kind_(static_cast<std::uint8_t>(parts.kind) & 3),
      has_stamps_(rare != nullptr && !rare->stamps.empty()),
      is_dear_(parts.billed > 1),
      has_rare_(rare != nullptr),
      entity_{},
      value_bytes_(static_cast<std::uint32_t>(std::min(parts.value_bytes, value_bytes_max))),
      is_plain_(is_plain),
      read_at_(parts.read_at) {
  assert(parts.entity.size() <= entity_bytes_max);
  assert((parts.kind == Kind::value) == (parts.value != nullptr));
  assert(fresh_until_ <= parts.stale_until);
  assert(parts.stale_until <= parts.gone_at);
  if (parts.entity.size() <= inline_bytes_max) std::ranges::copy(parts.entity, entity_);
  auto* const end = const_cast<std::byte*>(after());
  auto* const place = const_cast<std::byte*>(place_of_value());
  if (rare) new (end) Rare*(rare.release());
  if (is_plain_) {
    std::memcpy(place, parts.value.get(), value_bytes_);
  } else if (parts.value) {
    new (place) Pointer(std::move(parts.value));
  }
}

Entry::~Entry() {
  if (!is_plain_ && kind() == Kind::value) std::destroy_at(&pointer());
  if (has_rare_) std::default_delete<Rare>()(&own_rare());
}

std::size_t Entry::room() const noexcept {
  std::size_t bytes = sizeof(Entry) + (has_rare_ ? sizeof(Rare*) : 0);
  if (is_plain_) {
    bytes += value_bytes_;
  } else if (kind() == Kind::value) {
    bytes += sizeof(Pointer);
  }
  return in_lines(bytes);
}

void Entry::destroy(Entry* entry) noexcept {
  const std::size_t bytes = entry->room();
  entry->~Entry();
  give_room(entry, bytes);
}

std::uint64_t Entry::hash() const noexcept {
  return hash_of(scope_, entity());
}

bool Entry::is_entity(std::string_view other) const noexcept {
  return entity() == other;
}

std::shared_ptr<const void> Entry::shared_value() const {
  if (kind() != Kind::value) return nullptr;
  if (!is_plain_) return pointer();
  std::shared_ptr<void> copy(::operator new(value_bytes_),
                             [](void* bytes) { ::operator delete(bytes); });
  std::memcpy(copy.get(), place_of_value(), value_bytes_);
  return copy;
}

#ifdef HEADRACE_SANITIZED  // So that the sanitizer sees who uses a freed entry.

void* Entry::take_room(std::size_t bytes) {
  return ::operator new(bytes, std::align_val_t(line_bytes));
}
void Entry::give_room(void* room, [[maybe_unused]] std::size_t bytes) noexcept {
  ::operator delete(room, std::align_val_t(line_bytes));
}

#else

namespace {
// Never ended: who holds an entry may be a static object too.
union Rooms {
  Blocks blocks;
  explicit constexpr Rooms(std::size_t bytes) noexcept : blocks(bytes) {}
  ~Rooms() {}
};
constinit Rooms of_two_lines(128);
constinit Rooms of_three_lines(192);

Blocks& rooms_of(std::size_t bytes) noexcept {
  return bytes > of_two_lines.blocks.size() ? of_three_lines.blocks : of_two_lines.blocks;
}
}  // namespace

void* Entry::take_room(std::size_t bytes) {
  assert(bytes == 2 * line_bytes || bytes == room_max);
  return rooms_of(bytes).take();
}
void Entry::give_room(void* room, std::size_t bytes) noexcept {
  rooms_of(bytes).give_back(room);
}

#endif

EntryRef Entry::make(Parts parts) {
  std::unique_ptr<Rare> rare = rare_of(parts);
  const std::size_t bytes = sizeof(Entry) + (rare ? sizeof(Rare*) : 0);
  const bool is_plain = parts.is_plain && parts.value && bytes + parts.value_bytes <= room_max;
  const std::size_t value = is_plain ? parts.value_bytes : parts.value ? sizeof(Pointer) : 0;
  void* const room = take_room(in_lines(bytes + value));
  return EntryRef::share(new (room) Entry(std::move(parts), is_plain, std::move(rare)));
}

std::size_t Entry::charge() const noexcept {
  // An allocation costs its header too, and an entry a slot of the hash table at its usual fill.
  constexpr std::size_t allocation_overhead = 16;
  constexpr std::size_t table_slot = 24;
  std::size_t bytes = room() + table_slot;
  if (!is_plain_) bytes += allocation_overhead + value_bytes_;
  if (!has_rare_) return bytes;
  bytes += sizeof(Rare) + allocation_overhead;
  for (const std::string* text : {&rare().long_entity, &rare().revision}) {
    if (text->capacity() > 15) bytes += text->capacity() + allocation_overhead;
  }
  // A tag's cell and its place among the tags; shared tags are charged to each who has them.
  constexpr std::size_t tag_cell = 88;
  if (has_stamps_) {
    bytes += rare().stamps.capacity() * (sizeof(Stamp) + tag_cell) + allocation_overhead;
  }
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
    return destroy(entry);
  }
  Pins::retire({.what = entry,
                .free = [](void* what) { destroy(static_cast<Entry*>(what)); },
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
