// cache/trust.h: whether what the store says counts: it may have gone back to an older state.
//
// A store that fails over to a replica, or is restored, forgets what it had acknowledged since: a
// voided key lives again, and so do leases and watermarks.  Its incarnation tells.  What another
// incarnation says counts once this instance has sent it all recent invalidations that it knows of;
// until then reads go to the source.
//
// Threads: any member from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "headrace/token.h"

namespace headrace {

class StoreTrust {
 public:
  // Ends with every replay: what was asked before may have been answered before the replay came.
  using Epoch = std::uint64_t;
  [[nodiscard]] Epoch epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  // Whether an answer of `incarnation` counts that was asked for in `epoch`.  If not,
  // replay_is_due() may have become true.
  [[nodiscard]] bool counts(Token incarnation, Epoch epoch);
  // Whether an acknowledgement of `incarnation` does: that is the one that is trusted, or will be.
  [[nodiscard]] bool acknowledges(Token incarnation);
  // Something was acknowledged elsewhere, by `incarnation`.  It may not hold here.
  void heard_of(Token incarnation);

  // True for one caller, who has to replay until adopt() says that it is done.
  [[nodiscard]] bool replay_is_due();
  // Whom to replay to.  REQUIRES: a replay is under way.
  [[nodiscard]] Token target() const;
  // All is replayed to `incarnation`.  False if another has been seen meanwhile.
  [[nodiscard]] bool adopt(Token incarnation);
  // The replay is given up; it stays due.
  void give_up();

  [[nodiscard]] bool is_replaying() const noexcept {
    return replaying_.load(std::memory_order_acquire);
  }

 private:
  // REQUIRES: mutex_ is held.
  bool is_known(Token incarnation);

  mutable std::mutex mutex_;
  std::optional<Token> trusted_;  // None before anything is known of the store.
  std::optional<Token> target_;   // Set while something has to be replayed.
  bool somebody_replays_ = false;
  std::atomic<bool> replaying_{false};
  std::atomic<Epoch> epoch_{0};
};

}  // namespace headrace
