#include "config/units.h"

#include <charconv>
#include <cstddef>
#include <limits>
#include <span>

namespace headrace::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// Durations must keep this order.
constexpr Unit times[] = {{"d", 86'400'000'000'000},
                          {"h", 3'600'000'000'000},
                          {"m", 60'000'000'000},
                          {"s", 1'000'000'000},
                          {"ms", 1'000'000},
                          {"us", 1'000},
                          {"ns", 1}};
constexpr Unit sizes[] = {{"B", 1},
                          {"kB", 1000},
                          {"KiB", 1ull << 10},
                          {"MB", 1'000'000},
                          {"MiB", 1ull << 20},
                          {"GB", 1'000'000'000},
                          {"GiB", 1ull << 30},
                          {"TB", 1'000'000'000'000},
                          {"TiB", 1ull << 40}};

// Takes "12ms" off the front of `text`: the product, and which unit it was.
std::optional<std::pair<std::uint64_t, std::size_t>> take_amount(std::string_view& text,
                                                                 std::span<const Unit> units) {
  std::uint64_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (fault != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].name != name) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / units[i].size) return std::nullopt;
    text.remove_prefix(name.size());
    return std::pair(count * units[i].size, i);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  constexpr std::uint64_t longest = std::numeric_limits<Duration::rep>::max();
  std::uint64_t total = 0;
  std::span<const Unit> units(times);
  do {
    const auto amount = take_amount(text, units);
    if (!amount || amount->first > longest - total) return std::nullopt;
    total += amount->first;
    units = units.subspan(amount->second + 1);
  } while (!text.empty());
  return Duration(static_cast<Duration::rep>(total));
}

std::optional<std::pair<Duration, Duration>> parse_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto from = parse_duration(text.substr(0, dots));
  const auto to = dots == std::string_view::npos ? from : parse_duration(text.substr(dots + 2));
  if (!from || !to || *from > *to) return std::nullopt;
  return std::pair(*from, *to);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  if (text == "0") return 0;
  const auto amount = take_amount(text, sizes);
  if (!amount || !text.empty()) return std::nullopt;
  return amount->first;
}

}  // namespace headrace::config
