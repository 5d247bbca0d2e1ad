// headrace/meter.h: what a tenant has used of its rates.
//
// Up to three policies at once: so many in a second ("burst"), in a minute ("sustained") and in a
// day ("daily"), each a Gcra whose burst is its quota.  What passes counts in all of them; what one
// refuses costs nothing in any.  A cost above a quota passes when that is unused, and is paid off.
//
// A spend looks at all policies before it takes from one, so a refusal changes nothing that others
// could see.  Only if another took the last of a policy between the look and the taking, what was
// taken of the others is given back, and for that instant was missing there.
//
// Each instance meters by itself and begins anew with its process.  Where k instances serve a
// tenant, up to k times its rates pass in all, unless each is given its share of them: then never
// more passes than they say, and less where the requests are spread unevenly.
//
// Threads:   any; no member waits for another.
// Errors:    none.
// Lifetimes: values behind a shared pointer; rates may change while it is used.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "headrace/rate.h"
#include "headrace/time.h"

namespace headrace {

// What may pass; zero: as many as come.
struct Rates {
  std::uint64_t burst = 0;      // In a second.
  std::uint64_t sustained = 0;  // In a minute.
  std::uint64_t daily = 0;      // In a day.

  // What each of so many instances may let pass; at least 1 of what is limited at all.
  [[nodiscard]] Rates share_of(std::uint64_t instances) const noexcept;
  friend bool operator==(const Rates&, const Rates&) = default;
};

class Meter {
 public:
  static constexpr std::size_t policies_max = 3;
  static constexpr std::uint64_t quota_max = Gcra::quota_max;
  struct Window {
    std::string_view name;
    Duration length;
  };
  static constexpr std::array<Window, policies_max> windows = {
      {{"burst", std::chrono::seconds(1)},
       {"sustained", std::chrono::minutes(1)},
       {"daily", std::chrono::days(1)}}};

  // Quotas above quota_max count as that.
  explicit Meter(const Rates& rates) noexcept { set(rates); }

  // What was used stays used.
  void set(const Rates& rates) noexcept;
  // In the order of `windows`; zero: no limit.
  [[nodiscard]] std::array<std::uint64_t, policies_max> quotas() const noexcept;

  struct Reading {
    bool allowed = true;
    bool is_limited = false;  // There is a policy at all; else the rest says nothing.
    // The policy that has least left; of a refusal the one that makes wait longest.
    std::size_t tightest = 0;
    std::uint64_t remaining = 0;
    Duration reset{0};
    Duration retry_after{0};
    std::array<bool, policies_max> refused{};
  };
  // REQUIRES: cost at most cost_max.
  static constexpr std::uint64_t cost_max = 1'000'000;
  Reading spend(std::uint64_t cost, Instant now) noexcept;
  [[nodiscard]] Reading look(Instant now) const noexcept;
  // Whether a spend that began now, with no other at once, would be allowed.  Counts nothing.
  [[nodiscard]] bool would_allow(std::uint64_t cost, Instant now) const noexcept;
  // What was spent for nothing.
  void give_back(std::uint64_t cost, Instant now) noexcept;

  struct Counts {
    std::uint64_t spent = 0;
    std::uint64_t limited = 0;                          // Refusals ...
    std::array<std::uint64_t, policies_max> refused{};  // ... and by which policies.
  };
  [[nodiscard]] Counts counts() const noexcept;

 private:
  struct Policy {
    std::atomic<std::uint64_t> quota{0};
    std::atomic<Duration::rep> paid_until{0};
    std::atomic<std::uint64_t> refused{0};
  };

  [[nodiscard]] Reading look_for(std::uint64_t cost, RateTime now) const noexcept;
  [[nodiscard]] static bool take(Policy& policy, Duration window, std::int64_t cost,
                                 RateTime now) noexcept;

  std::array<Policy, policies_max> policies_{};
  std::atomic<std::uint64_t> spent_{0};
  std::atomic<std::uint64_t> limited_{0};
};

}  // namespace headrace
