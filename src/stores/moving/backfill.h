// moving/backfill.h: copies all that an old store holds to a new one, while both are in use.
//
// Fills that come after `dual` began are copied by whoever makes them, as far as that goes at that
// moment (what is left behind Verify brings); the back-fill brings what was there before. Before it
// the new store has to be emptied, for what it held from before that was not kept true.
//
// Threads:   run() once; all else from any thread.
// Errors:    as Walk; the text names the store.
// Lifetimes: borrows its ports, which must outlive its tasks.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "stores/moving/copier.h"
#include "stores/moving/walk.h"

namespace headrace::moving {

struct BackfillProgress {
  static constexpr std::size_t kept_max = 1024;

  std::uint64_t listed = 0;
  std::uint64_t copied = 0;
  std::uint64_t there_already = 0;
  std::uint64_t gone = 0;              // Ran out, or was voided, before its turn.
  std::uint64_t unsettled = 0;         // A guard or a floor stood there to the end.
  std::uint64_t left_out = 0;          // Somebody else filled the new slot each time.
  std::uint64_t later = 0;             // To be tried again at the end.
  std::vector<StoreKey> later_keys{};  // Of those, the first BackfillProgress::kept_max.
  std::string next{};                  // Where to go on.
  bool is_done = false;

  friend bool operator==(const BackfillProgress&, const BackfillProgress&) = default;
};

class Backfill {
 public:
  // How many keys that could not be copied at once are remembered, to be tried again at the end.
  static constexpr std::size_t later_max = 65536;

  using Progress = BackfillProgress;

  // Goes on from `so_far`.
  Backfill(Copier copier, Store& from, WalkOptions options, Clock& clock, Executor& executor,
           Progress so_far = {});

  Task<Result<void>> run();
  [[nodiscard]] Progress progress() const;
  void stop() noexcept { walk_.stop(); }

 private:
  using Outcome = Copied::Outcome;

  Task<Result<Walk::Visited>> visit(StoreKey key);
  Task<Result<Walk::Visited>> visit_again(StoreKey key);
  Task<Result<void>> try_again();
  // REQUIRES: mutex_ is held.
  void count(Outcome outcome);

  const Copier copier_;
  Store& from_;
  Walk walk_;
  Walk::Steps steps_;
  Walk::Steps again_steps_;
  mutable std::mutex mutex_;
  Progress progress_;
  std::vector<StoreKey> later_;
  std::unordered_map<StoreKey, Outcome, StoreKeyHash> why_;  // Of those, when tried last.
};

// Empties `store`: first the watermark that everything depends on gets a fresh token, so that
// nothing that is there counts any more, nor what a copy under way publishes; then the slots go.  A
// store that cannot list its keys keeps them, void.  `emptied` is told how many slots went.
// Copies to `store` that began before may leave entries behind, all void.
Task<Result<void>> empty(Walk* walk, Store* store, std::vector<WatermarkId> everything,
                         std::atomic<std::uint64_t>* emptied);

// Adds to `keys` how many `store` lists.
Task<Result<void>> count_keys(Walk* walk, Store* store, std::atomic<std::uint64_t>* keys);

}  // namespace headrace::moving
