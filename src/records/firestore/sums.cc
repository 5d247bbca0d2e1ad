#include "records/firestore/sums.h"

#include <algorithm>
#include <limits>

namespace headrace::firestore_records {

namespace {

constexpr auto sums_count = static_cast<std::int64_t>(firestore_sums);

// All parts together are the whole; the first have what cannot be divided.
std::int64_t part_of(std::int64_t whole, std::size_t number) {
  std::int64_t rest = whole % sums_count;
  if (rest < 0) rest += sums_count;
  return (whole - rest) / sums_count + (static_cast<std::int64_t>(number) < rest ? 1 : 0);
}

bool fits(std::int64_t amount, std::int64_t growth, std::int64_t most) {
  return growth <= 0 || amount <= most - growth;
}

bool is_over(std::int64_t amount, std::int64_t ceiling) {
  return ceiling != unlimited && amount > ceiling;
}

std::int64_t bounded(std::uint64_t number) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, most));
}

}  // namespace

Amount amount_of(const Records::Ceiling& ceiling) {
  return {.records = bounded(ceiling.records_max), .bytes = bounded(ceiling.bytes_max)};
}

Amount total_of(const AllSums& all) {
  Amount total;
  for (const Sums& sums : all) total += sums.amount;
  return total;
}

bool has_room(const Sums& sums, std::size_t number, const Amount& growth, const Amount& ceiling) {
  if (sums.ceiling != ceiling) return false;
  const auto holds = [number](std::int64_t amount, std::int64_t more, std::int64_t most) {
    return most == unlimited || fits(amount, more, part_of(most, number));
  };
  return holds(sums.amount.records, growth.records, ceiling.records) &&
         holds(sums.amount.bytes, growth.bytes, ceiling.bytes);
}

Over over_by(const Amount& total, const Amount& growth, const Amount& ceiling) {
  const auto is_passed = [](std::int64_t amount, std::int64_t more, std::int64_t most) {
    return most != unlimited && !fits(amount, more, most);
  };
  if (is_passed(total.records, growth.records, ceiling.records)) return Over::records;
  if (is_passed(total.bytes, growth.bytes, ceiling.bytes)) return Over::bytes;
  return Over::nothing;
}

AllSums share_out(const Amount& total, const Amount& ceiling) {
  const bool holds =
      !is_over(total.records, ceiling.records) && !is_over(total.bytes, ceiling.bytes);
  const Amount under = holds ? ceiling : Amount{.records = not_shared_out, .bytes = not_shared_out};
  AllSums all;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = {.amount = {.records = part_of(total.records, i), .bytes = part_of(total.bytes, i)},
              .ceiling = under};
  }
  return all;
}

}  // namespace headrace::firestore_records
