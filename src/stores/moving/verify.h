// moving/verify.h: compares what two stores hold, while both are in use.
//
// First each key of the old store: what it would answer, the new one must hold as well, of the same
// id and content, by its own watermarks, as old and for as long.  Then each key of the new store:
// what it would answer the old one must hold too, else something that was voided may have come
// back. Under traffic a difference may be a change on its way, so each is looked at again, some
// times, and only one that stays is counted.
//
// What the new store lacks is copied when a second look has not found it either, and looked at once
// more.  For the copy behind a fill may come to nothing, which does no harm and mends by itself
// only with the next fill: a fill between the halves of what voids is in the old store alone, for
// the second half takes its copy; a slot was taken, a floor stood, or a store did not answer. Where
// more are missing than traffic leaves behind nothing is copied: the new store may lose what it is
// given.
//
// Threads:   run() once; all else from any thread.
// Errors:    as Walk.
// Lifetimes: borrows its ports, which must outlive its tasks.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "stores/moving/copier.h"
#include "stores/moving/walk.h"

namespace headrace::moving {

class Verify {
 public:
  static constexpr std::size_t suspects_max = 65536;  // More are counted at once.
  // Where the first looks miss more than these in the new store none is copied.
  static constexpr std::size_t missing_max = 1024;

  struct Report {
    std::uint64_t listed = 0;    // By the old store.
    std::uint64_t compared = 0;  // Of those, what it would answer; the four below are part of it.
    std::uint64_t lost = 0;      // Not in the new store, and not to be brought there.
    std::uint64_t different = 0;
    std::uint64_t time_left_differs = 0;  // By more than the tolerance.
    std::uint64_t unsettled = 0;  // Not compared: a guard, a floor, or changing all the time.
    std::uint64_t copied = 0;     // Had been missing in the new store.
    bool new_was_listed = false;  // Not where the new store cannot list its keys.
    std::uint64_t listed_new = 0;
    std::uint64_t resurrected = 0;  // Held by the new store, and not by the old one.
    Duration time_left_difference_max{0};
    bool is_done = false;

    [[nodiscard]] std::uint64_t faults() const noexcept {
      return lost + different + time_left_differs + resurrected;
    }
  };

  struct Ports {
    Store& from;
    Store& to;
    Clock& clock;
    Executor& executor;
  };
  // `copier`: from the same store to the same.
  // `tolerance`: by how much the times that are left, and the ages, may differ.
  Verify(Copier copier, Ports ports, WalkOptions options,
         Duration tolerance = std::chrono::seconds(1));

  Task<Result<void>> run();
  [[nodiscard]] Report report() const;
  void stop() noexcept { walk_.stop(); }

 private:
  enum class Verdict : std::uint8_t {
    same,
    gone,
    unsettled,
    lost,
    different,
    time_left_differs,
    resurrected,
  };
  struct Compared {
    Verdict verdict = Verdict::gone;
    Duration time_left_difference{0};
  };
  // Of which store the keys are.
  using Judge = Task<Result<Compared>> (Verify::*)(StoreKey);

  Task<Result<void>> pass(Store* listing, Judge judge);
  Task<Result<Walk::Visited>> first_look(StoreKey key, Judge judge);
  Task<Result<Walk::Visited>> next_look(StoreKey key, Judge judge);
  Task<Result<Compared>> bring(StoreKey key);
  Task<Result<Compared>> of_old(StoreKey key);
  Task<Result<Compared>> of_new(StoreKey key);
  // REQUIRES: mutex_ is held.
  void count(const Compared& compared);

  const Copier copier_;
  Ports ports_;
  const Duration tolerance_;
  Walk walk_;
  mutable std::mutex mutex_;
  Report report_;
  std::unordered_map<StoreKey, Compared, StoreKeyHash> suspects_;
  bool copies_ = false;  // Set between looks.
};

}  // namespace headrace::moving
