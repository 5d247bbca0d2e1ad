#include <algorithm>
#include <cassert>
#include <utility>

#include "headrace/keyspace.h"

namespace headrace {

Workspace::Workspace(const std::vector<RecordKey>& keys, const std::vector<RecordRef>& found,
                     WallTime now)
    : keys_(&keys), now_(now) {
  assert(keys.size() == found.size());
  slots_.reserve(found.size());
  for (const RecordRef& record : found) {
    Slot slot;
    if (record && is_live(*record, now)) {
      slot.found = record;
    } else {
      slot.was_dead = record != nullptr;
    }
    slots_.push_back(std::move(slot));
  }
}

std::size_t Workspace::index_of(const RecordKey& key) const {
  const auto found = std::ranges::find(*keys_, key);
  assert(found != keys_->end());
  return static_cast<std::size_t>(found - keys_->begin());
}

const Record* Workspace::find(std::size_t at) const noexcept {
  const Slot& slot = slots_[at];
  if (slot.removed) return nullptr;
  // What was written may have ended meanwhile: an end in the past is how a client removes.
  if (slot.written) return is_live(*slot.written, now_) ? &*slot.written : nullptr;
  return slot.found.get();
}

Record& Workspace::change(std::size_t at) {
  Slot& slot = slots_[at];
  if (const Record* present = find(at); present == nullptr) {
    slot.written.emplace(Record{.created = now_, .accessed = now_});
  } else if (!slot.written) {
    slot.written = *present;
  }
  slot.removed = false;
  slot.written->updated = now_;
  slot.written->content_version = 0;
  return *slot.written;
}

Record& Workspace::touch(std::size_t at) {
  Slot& slot = slots_[at];
  assert(find(at) != nullptr);
  if (!slot.written) {
    slot.written = *slot.found;
    slot.written->content_version = content_version_of(*slot.found);
  }
  return *slot.written;
}

void Workspace::put(std::size_t at, Record record) {
  const Record* present = find(at);
  record.created = present == nullptr ? now_ : present->created;
  record.updated = record.accessed = now_;
  record.content_version = 0;
  slots_[at].written = std::move(record);
  slots_[at].removed = false;
}

void Workspace::remove(std::size_t at) {
  slots_[at].written.reset();
  slots_[at].removed = true;
}

std::uint64_t Workspace::version_found(std::size_t at) const noexcept {
  return slots_[at].found ? slots_[at].found->version : 0;
}

bool Workspace::is_changed() const noexcept {
  return std::ranges::any_of(slots_, [](const Slot& slot) {
    return slot.written || (slot.removed && slot.found != nullptr);
  });
}

std::vector<Records::Change> Workspace::take() && {
  using What = Records::Change::What;
  std::vector<Records::Change> changes;
  changes.reserve(slots_.size());
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    Slot& slot = slots_[at];
    const bool is_there = slot.found != nullptr || slot.was_dead;
    if (slot.written && find(at) != nullptr) {
      changes.push_back({.what = What::put, .record = *std::move(slot.written)});
    } else if (is_there && (slot.removed || slot.written)) {
      changes.push_back({.what = What::remove, .record = {}});
    } else {
      changes.push_back({});
    }
  }
  return changes;
}

}  // namespace headrace
