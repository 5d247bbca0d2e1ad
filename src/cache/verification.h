// cache/verification.h: what the verification of a policy may spend, and what it has found.
//
// Decides, and does nothing: verify.cc obeys.  A budget of billed reads is a bucket into which the
// day's share falls drop by drop; it holds an hour's at most.  What a read was billed beyond the
// one that it was allowed has to be earned back.
//
// Threads: any member from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/engine.h"

namespace headrace {

// What is known of a mismatch besides that nobody has invalidated the entry.
struct Evidence {
  Duration age{0};  // Of the answer ...
  Duration bound{0};
  bool watermark_replaced = false;  // In the store, and those who share it must tell.
  bool feed_told_all = false;       // That covers the policy, of later changes too.
};
// What of the promises has not held, as a sentence; empty: the bound allows for it.
[[nodiscard]] std::string_view violation_of(const Evidence& evidence) noexcept;

// How many of the answers pass until the next one is drawn, that too: of each the chance is
// `share`.  REQUIRES: 0 < share <= 1.
[[nodiscard]] std::uint64_t answers_until_drawn(double share, std::uint64_t chance) noexcept;

class Verification {
 public:
  static constexpr std::size_t at_once_max = 16;  // Comparisons under way.

  // Takes part in the comparisons under way; false: the entry is being compared, or too many are.
  [[nodiscard]] bool begin(std::uint64_t hash);
  void end(std::uint64_t hash);

  // Takes one read out of the budget; false if it is spent.
  [[nodiscard]] bool spend(const Policy& policy, Instant now);
  // What the source has billed for it.
  void charge(const Policy& policy, std::uint32_t billed);

  // Keeps the story and gives it its number.  Returns why the policy must be switched to shadow;
  // empty: it need not.
  [[nodiscard]] std::string note(const Policy& policy, Mismatch mismatch, Instant now);
  // From here on nothing is held against the policy.
  void forgive();

  // The last mismatches, the newest first.
  [[nodiscard]] std::vector<Mismatch> last() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> under_way_;  // Up to at_once_max.
  double left_ = 0;                       // Reads of the budget ...
  double per_day_ = -1;                   // ... with this limit, none known yet ...
  Instant left_at_{};                     // ... at that moment.
  std::uint64_t numbers_ = 0;
  std::deque<Mismatch> last_;    // Up to mismatches_kept_max.
  std::deque<Instant> counted_;  // In the window; up to mismatches_most and one.
};

}  // namespace headrace
