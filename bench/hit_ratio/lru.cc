// Drops what has not been read for the longest time.
#include "hit_ratio/order.h"

namespace headrace::bench {

namespace {

class Lru final : public Policy {
 public:
  Lru(std::size_t capacity, std::size_t ids) : capacity_(capacity), held_(ids), order_(ids) {}

  bool access(Id id) override {
    if (held_[id]) {
      order_.renew(id);
      return true;
    }
    if (order_.size() == capacity_) held_[order_.pop()] = false;
    held_[id] = true;
    order_.push(id);
    return false;
  }

 private:
  std::size_t capacity_;
  std::vector<bool> held_;
  Order order_;
};

}  // namespace

std::unique_ptr<Policy> make_lru(std::size_t capacity, std::size_t ids) {
  return std::make_unique<Lru>(capacity, ids);
}

}  // namespace headrace::bench
