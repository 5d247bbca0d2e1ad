#include "sim/meter.h"

#include <utility>

namespace headrace::sim {

Result<Balance> metered(const AnyAnswer& answer) {
  return Amount(std::stoll(*static_cast<const std::string*>(answer.entry().value())));
}

Task<Result<Fetched>> MeterSource::fetch(Fetch fetch) {
  auto call =
      link_.call<Amount>([&meter = meter_, entity = std::stoul(fetch.entity)]() -> Result<Amount> {
        return meter.figure(entity);
      });
  const Result<Amount> figure = co_await std::move(call);
  if (!figure) co_return std::unexpected(figure.error());
  co_return Fetched{.payload = std::to_string(*figure)};
}

// Balances are read one by one.
Task<std::vector<Result<Fetched>>> MeterSource::fetch_many(std::vector<Fetch>) {
  co_return std::vector<Result<Fetched>>();
}

}  // namespace headrace::sim
