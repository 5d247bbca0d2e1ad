// cache/tags.h: what this instance knows of tags: one cell per tag that something here depends on.
//
// A cell lives while an entry or a flight holds it.  A tag that nothing holds needs no cell: what
// comes later gets a new one, and nothing older is left to be answered.
//
// Threads: any member from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "headrace/entry.h"

namespace headrace {

struct WatermarkIdHash {
  std::size_t operator()(const WatermarkId& id) const noexcept { return id.low; }
};

class Tags {
 public:
  // The tags as they are now, in the order of `ids`.
  [[nodiscard]] std::vector<Stamp> stamp(std::span<const WatermarkId> ids);

  // Outdates every stamp of this tag.
  void move(WatermarkId id);

  [[nodiscard]] std::size_t known() const;

 private:
  void sweep_if_due();

  static constexpr std::size_t sweep_min = 1024;
  mutable std::mutex mutex_;
  std::unordered_map<WatermarkId, std::weak_ptr<TagCell>, WatermarkIdHash> cells_;
  std::size_t sweep_at_ = sweep_min;
};

}  // namespace headrace
