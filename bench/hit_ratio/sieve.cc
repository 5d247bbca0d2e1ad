// One queue and a hand that moves from the oldest to the newest: it takes the mark from what was
// read and drops the first that has none.
//
// Source: Zhang, Yang, Yue, Vigfusson, Rashmi: SIEVE is simpler than LRU, NSDI 2024.
#include "hit_ratio/order.h"

namespace headrace::bench {

namespace {

class Sieve final : public Policy {
 public:
  Sieve(std::size_t capacity, std::size_t ids)
      : capacity_(capacity), held_(ids), read_(ids), order_(ids) {}

  bool access(Id id) override {
    if (held_[id]) {
      read_[id] = true;
      return true;
    }
    if (order_.size() == capacity_) drop();
    held_[id] = true;
    read_[id] = false;
    order_.push(id);
    return false;
  }

 private:
  void drop() {
    Id at = hand_ == nobody ? order_.oldest() : hand_;
    while (read_[at]) {
      read_[at] = false;
      at = order_.newer_than(at);
      if (at == nobody) at = order_.oldest();
    }
    hand_ = order_.newer_than(at);
    held_[at] = false;
    order_.unlink(at);
  }

  std::size_t capacity_;
  std::vector<bool> held_;
  std::vector<bool> read_;
  Order order_;
  Id hand_ = nobody;
};

}  // namespace

std::unique_ptr<Policy> make_sieve(std::size_t capacity, std::size_t ids) {
  return std::make_unique<Sieve>(capacity, ids);
}

}  // namespace headrace::bench
