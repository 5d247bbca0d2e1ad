// limits/address_rates.h: how many of something come from each of many addresses.
//
// The table has room for so many addresses and never grows: an address looks at the few places that
// its hash names, and takes the one whose last user has least to pay off.  So those who come most
// stay remembered, and who is forgotten begins anew.
//
// Threads:   any; for what is rare: members wait for each other.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "headrace/rate.h"

namespace headrace {

class AddressRates {
 public:
  // `seed` keeps others from choosing addresses that meet.  REQUIRES: rule.is_sound().
  AddressRates(Gcra rule, std::size_t addresses_max, std::uint64_t seed);

  // Counts one.
  RateDecision spend(std::string_view address, Instant now);

 private:
  static constexpr std::size_t places = 4;
  struct Place {
    std::uint64_t whose = 0;
    RateTime paid_until{0};
  };

  const Gcra rule_;
  const std::uint64_t seed_;
  std::mutex mutex_;
  std::vector<Place> table_;
};

}  // namespace headrace
