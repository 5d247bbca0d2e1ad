// bench/hit_ratio/order.h: ids in a row, the newest at one end and the oldest at the other.
#pragma once

#include <cassert>
#include <cstddef>
#include <vector>

#include "hit_ratio/policy.h"

namespace headrace::bench {

inline constexpr Id nobody = ~Id{0};

class Order {
 public:
  explicit Order(std::size_t ids) : newer_(ids, nobody), older_(ids, nobody) {}

  // REQUIRES: `id` is not in it.
  void push(Id id) {
    newer_[id] = nobody;
    older_[id] = newest_;
    (newest_ == nobody ? oldest_ : newer_[newest_]) = id;
    newest_ = id;
    ++size_;
  }
  // REQUIRES: `id` is in it.
  void unlink(Id id) {
    assert(size_ > 0);
    (newer_[id] == nobody ? newest_ : older_[newer_[id]]) = older_[id];
    (older_[id] == nobody ? oldest_ : newer_[older_[id]]) = newer_[id];
    --size_;
  }
  void renew(Id id) {
    unlink(id);
    push(id);
  }
  // Takes out the oldest.  REQUIRES: not empty.
  Id pop() {
    const Id id = oldest_;
    unlink(id);
    return id;
  }

  [[nodiscard]] Id oldest() const { return oldest_; }
  [[nodiscard]] Id newer_than(Id id) const { return newer_[id]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::vector<Id> newer_;
  std::vector<Id> older_;
  Id newest_ = nobody;
  Id oldest_ = nobody;
  std::size_t size_ = 0;
};

}  // namespace headrace::bench
