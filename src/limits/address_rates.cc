#include "limits/address_rates.h"

#include <algorithm>
#include <cassert>

#include "core/hash.h"

namespace headrace {

AddressRates::AddressRates(Gcra rule, std::size_t addresses_max, std::uint64_t seed)
    : rule_(rule), seed_(seed), table_(std::max(addresses_max, places)) {
  assert(rule.is_sound());
}

RateDecision AddressRates::spend(std::string_view address, Instant now) {
  const Hash128 hash = hash128(address, seed_);
  const std::uint64_t whose = hash.low | 1;
  const RateTime at = std::max(now.time_since_epoch(), Duration(0));
  const std::scoped_lock lock(mutex_);
  Place* place = nullptr;
  for (std::size_t i = 0; i < places; ++i) {
    Place& one = table_[(hash.high + i) % table_.size()];
    if (one.whose == whose) {
      place = &one;
      break;
    }
    if (place == nullptr || one.paid_until < place->paid_until) place = &one;
  }
  if (place->whose != whose) *place = {.whose = whose};
  return rule_.spend(place->paid_until, 1, at);
}

}  // namespace headrace
