// sim/mover.h: one host's part in a move from one shelf to another.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "headrace/stores/moving.h"
#include "sim/host.h"
#include "sim/shelf.h"
#include "stores/moving/backfill.h"

namespace headrace::sim {

class Mover {
 public:
  // Guards and floors of a world's engines last no longer, by any host's clock.
  static constexpr Duration beside_lasts_max = std::chrono::seconds(4);

  Mover(Store& from, Shelf& to, Link& to_new, Host& host, MovingPhase phase);

  [[nodiscard]] MovingStore& store() noexcept { return *moving_; }
  // Whether none of its work is under way.
  [[nodiscard]] bool is_quiet() const;

  // Empties the new shelf, and copies what the old one holds; `emptied` is called in between, if
  // that went well.
  void fill_back(std::function<void()> emptied);
  // Ends that; it is quiet soon.
  void stop();

 private:
  Task<void> work(std::function<void()> emptied);

  Host& host_;
  Store& from_;
  ShelfStore to_;
  std::unique_ptr<MovingStore> moving_;
  std::vector<std::unique_ptr<moving::Walk>> walks_;
  std::vector<std::unique_ptr<moving::Backfill>> backfills_;
  std::atomic<std::uint64_t> emptied_{0};
  int working_ = 0;
  bool stopped_ = false;
};

}  // namespace headrace::sim
