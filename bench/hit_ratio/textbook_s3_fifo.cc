// A small queue on trial, a main queue, and a memory of what the small one has dropped.
//
// Source: Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP
// 2023, algorithm 1: a tenth for the small queue, as many ghosts as the main queue holds entries,
// promotion of what was read more than once, at most three reads counted.
#include <algorithm>

#include "hit_ratio/order.h"

namespace headrace::bench {

namespace {

enum class Place : std::uint8_t { nowhere, small, main, ghost };

class S3Fifo final : public Policy {
 public:
  S3Fifo(std::size_t capacity, std::size_t ids)
      : capacity_(capacity),
        small_max_(std::max<std::size_t>(1, capacity / 10)),
        ghosts_max_(capacity - std::min(capacity, small_max_)),
        place_(ids, Place::nowhere),
        reads_(ids),
        small_(ids),
        main_(ids),
        ghosts_(ids) {}

  bool access(Id id) override {
    if (place_[id] == Place::small || place_[id] == Place::main) {
      reads_[id] = static_cast<std::uint8_t>(std::min(reads_[id] + 1, 3));
      return true;
    }
    while (small_.size() + main_.size() >= capacity_) {
      small_.size() >= small_max_ || main_.size() == 0 ? turn_small() : turn_main();
    }
    const bool is_known = place_[id] == Place::ghost;
    if (is_known) ghosts_.unlink(id);
    reads_[id] = 0;
    enter(id, is_known ? Place::main : Place::small);
    return false;
  }

 private:
  void enter(Id id, Place place) {
    place_[id] = place;
    (place == Place::small ? small_ : main_).push(id);
  }
  void turn_small() {
    const Id id = small_.pop();
    if (reads_[id] > 1) {
      reads_[id] = 0;
      enter(id, Place::main);
      return;
    }
    place_[id] = Place::nowhere;
    if (ghosts_max_ == 0) return;
    if (ghosts_.size() == ghosts_max_) place_[ghosts_.pop()] = Place::nowhere;
    place_[id] = Place::ghost;
    ghosts_.push(id);
  }
  void turn_main() {
    const Id id = main_.pop();
    if (reads_[id] > 0) {
      --reads_[id];
      main_.push(id);
      return;
    }
    place_[id] = Place::nowhere;
  }

  std::size_t capacity_;
  std::size_t small_max_;
  std::size_t ghosts_max_;
  std::vector<Place> place_;
  std::vector<std::uint8_t> reads_;
  Order small_;
  Order main_;
  Order ghosts_;
};

}  // namespace

std::unique_ptr<Policy> make_textbook_s3_fifo(std::size_t capacity, std::size_t ids) {
  return std::make_unique<S3Fifo>(capacity, ids);
}

}  // namespace headrace::bench
