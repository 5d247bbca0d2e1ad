// A window of one hundredth takes what is new; what leaves it has to have been read more often than
// what the main part would drop for it.  The main part is segmented: what is read again there is
// protected, four fifths of it.
//
// Source: Einziger, Friedman, Manes: TinyLFU, a highly efficient cache admission policy, ACM
// Transactions on Storage 13(4), 2017.
#include <algorithm>
#include <bit>

#include "hit_ratio/order.h"

namespace headrace::bench {

namespace {

// How often each id was read lately, roughly: four rows of small counters, all of them halved when
// ten times as many reads have been counted as there is room for entries.
class Sketch {
 public:
  explicit Sketch(std::size_t capacity)
      : width_(std::bit_ceil(std::max<std::size_t>(16, capacity)) * 4),
        reads_max_(10 * std::max<std::size_t>(1, capacity)),
        counters_(width_ * rows) {}

  void count(Id id) {
    for (std::size_t row = 0; row < rows; ++row) {
      std::uint8_t& counter = counters_[slot(id, row)];
      if (counter < 15) ++counter;
    }
    if (++reads_ < reads_max_) return;
    for (std::uint8_t& counter : counters_) counter /= 2;
    reads_ /= 2;
  }
  [[nodiscard]] std::uint8_t estimate(Id id) const {
    std::uint8_t least = 15;
    for (std::size_t row = 0; row < rows; ++row) {
      least = std::min(least, counters_[slot(id, row)]);
    }
    return least;
  }

 private:
  static constexpr std::size_t rows = 4;

  [[nodiscard]] std::size_t slot(Id id, std::size_t row) const {
    std::uint64_t mixed = (id + 1) * 0x9E3779B97F4A7C15u + row * 0xD1B54A32D192ED03u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return row * width_ + ((mixed ^ (mixed >> 31)) & (width_ - 1));
  }

  std::size_t width_;
  std::size_t reads_max_;
  std::size_t reads_ = 0;
  std::vector<std::uint8_t> counters_;
};

enum class Part : std::uint8_t { nowhere, window, probation, protection };

class WTinyLfu final : public Policy {
 public:
  WTinyLfu(std::size_t capacity, std::size_t ids)
      : window_max_(std::max<std::size_t>(1, capacity / 100)),
        main_max_(capacity - std::min(capacity, window_max_)),
        protected_max_(main_max_ * 8 / 10),
        sketch_(capacity),
        part_(ids, Part::nowhere),
        window_(ids),
        probation_(ids),
        protected_(ids) {}

  bool access(Id id) override {
    sketch_.count(id);
    switch (part_[id]) {
      case Part::window: window_.renew(id); return true;
      case Part::protection: protected_.renew(id); return true;
      case Part::probation: promote(id); return true;
      case Part::nowhere: break;
    }
    part_[id] = Part::window;
    window_.push(id);
    if (window_.size() > window_max_) contest(window_.pop());
    return false;
  }

 private:
  void promote(Id id) {
    probation_.unlink(id);
    part_[id] = Part::protection;
    protected_.push(id);
    if (protected_.size() <= protected_max_) return;
    const Id demoted = protected_.pop();
    part_[demoted] = Part::probation;
    probation_.push(demoted);
  }
  void contest(Id candidate) {
    part_[candidate] = Part::nowhere;
    if (main_max_ == 0) return;
    if (probation_.size() + protected_.size() == main_max_) {
      Order& losers = probation_.size() > 0 ? probation_ : protected_;
      if (sketch_.estimate(candidate) <= sketch_.estimate(losers.oldest())) return;
      part_[losers.pop()] = Part::nowhere;
    }
    part_[candidate] = Part::probation;
    probation_.push(candidate);
  }

  std::size_t window_max_;
  std::size_t main_max_;
  std::size_t protected_max_;
  Sketch sketch_;
  std::vector<Part> part_;
  Order window_;
  Order probation_;
  Order protected_;
};

}  // namespace

std::unique_ptr<Policy> make_w_tiny_lfu(std::size_t capacity, std::size_t ids) {
  return std::make_unique<WTinyLfu>(capacity, ids);
}

}  // namespace headrace::bench
