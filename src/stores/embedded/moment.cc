#include "stores/embedded/moment.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/hash.h"

namespace headrace::embedded {

namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t number_max = std::numeric_limits<std::int64_t>::max();

// `now - then`; nothing if it is negative or more than a number holds, as in a damaged row.
std::optional<std::int64_t> forward(std::int64_t then, std::int64_t now) noexcept {
  if (then > now) return std::nullopt;
  const auto difference = static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(then);
  if (difference > static_cast<std::uint64_t>(number_max)) return std::nullopt;
  return static_cast<std::int64_t>(difference);
}

}  // namespace

Moment Moment::read(const Clock& clock, std::int64_t boot) noexcept {
  return {.boot = boot,
          .instant = clock.now().time_since_epoch().count(),
          .wall = clock.wall_now().time_since_epoch().count()};
}

std::optional<Duration> elapsed(const Moment& then, const Moment& now) noexcept {
  if (then.boot == now.boot) {
    const auto ns = forward(then.instant, now.instant);
    return ns ? std::optional(Duration(*ns)) : std::nullopt;
  }
  const auto ms = forward(then.wall, now.wall);
  if (!ms || *ms >= number_max / ns_per_ms) return std::nullopt;
  return Duration((*ms + 1) * ns_per_ms);  // Both were rounded down: up to 1 ms is missing.
}

std::int64_t expiry_wall(const Moment& written, Duration keep_for) noexcept {
  const std::int64_t keep_ms = std::max<std::int64_t>(0, keep_for.count() / ns_per_ms) + 2;
  return written.wall > number_max - keep_ms ? number_max : written.wall + keep_ms;
}

std::optional<std::int64_t> this_boot() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  if (id.empty()) return std::nullopt;
  return static_cast<std::int64_t>(hash64(id));
}

}  // namespace headrace::embedded
