// chaos/history.h: what was seen of a run, each with its moment on one machine's monotonic clock.
//
// Whoever sees something notes it for itself; afterwards all of it is put in the order of time.  A
// client knows of an answer only that it was made between its question and its return.
//
// Threads: a Notes belongs to one thread.  Errors: none.  Lifetimes: values.
#pragma once

#include <ctime>
#include <string_view>
#include <vector>

#include "headrace/policy.h"
#include "headrace/time.h"
#include "sim/oracle.h"

namespace headrace::chaos {

using sim::EntityNumber;
using sim::HostId;
using sim::Version;

// The policies that every instance has, by their numbers.
enum class Kept : std::uint8_t {
  bounded,  // Memory answers by itself; each commit is followed by an invalidation.
  strict,   // The same at the level strict.
  brief,    // Never invalidated, and kept for a short time: the hard bound alone protects it.
};
inline constexpr std::size_t kept_count = 3;
[[nodiscard]] constexpr std::string_view name_of(Kept kept) noexcept {
  return kept == Kept::bounded ? "bounded" : kept == Kept::strict ? "strict" : "brief";
}

enum class From : std::uint8_t { memory, store, source };
[[nodiscard]] constexpr std::string_view name_of(From from) noexcept {
  return from == From::memory ? "memory" : from == From::store ? "store" : "source";
}

enum class What : std::uint8_t {
  commit,       // `entity` has `version` from now on, at the source.
  source_read,  // The source was asked: `read` is its number.
  source_told,  // And has answered.
  started,      // The process `host` serves.
  died,         // It does no more.
  forgetting,   // From now on the store may forget what it has confirmed ...
  forgotten,    // ... and from now on nobody relies on what it confirmed before.
  invalidated,  // `host` has replied to an invalidation of all up to `version`.
  answered,     // `host` has answered a read.
  quiet,        // All is healed and at rest.
};

// Processes of one place are numbered from a multiple of this.
inline constexpr HostId starts_max = 100'000;

// How far an invalidation goes, by its reply.
enum class Told : std::uint8_t { everywhere, soon, pending };

struct Event {
  Instant at{};     // When it happened, or when its caller knew.
  Instant began{};  // When its caller asked.
  What what = What::commit;
  Kept kept = Kept::bounded;
  From from = From::source;
  Told told = Told::soon;
  HostId host = 0;
  std::uint32_t entity = 0;
  Version version = 0;
  std::uint64_t read = 0;
  Duration age{0};
};

using Notes = std::vector<Event>;

[[nodiscard]] inline Instant clock_now() noexcept {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return Instant(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

// The longest that the kernel's coarse clock has been behind in this process's sight, beyond what
// the program allows for: a virtual machine that had no processor.  Nobody who reads that clock can
// be held to more.
[[nodiscard]] Duration coarse_clock_excess() noexcept;

[[nodiscard]] inline double seconds_of(Duration time) noexcept {
  return std::chrono::duration<double>(time).count();
}

// Lets time pass between two things that are to be done, for this thread alone.
void pass_until(Instant when);

}  // namespace headrace::chaos
