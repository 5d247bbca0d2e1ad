// config/units.h: durations and sizes as people write them.
//
// Threads: pure functions.  Errors: null for what is none, or too large.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "headrace/time.h"

namespace headrace::config {

// "250ms", "5m", "1h30m": whole numbers with d, h, m, s, ms, us or ns, the larger unit first.
// Zero may be without a unit.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// "5ms..20ms", or one duration for both ends.  The first is not the longer one.
[[nodiscard]] std::optional<std::pair<Duration, Duration>> parse_range(std::string_view text);

// "64MiB", "10kB", "512B": a whole number with B, a power of 1024 (KiB, MiB, GiB, TiB) or of 1000
// (kB, MB, GB, TB).  Zero may be without a unit.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace headrace::config
