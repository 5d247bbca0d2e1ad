// server/resp/moment.h: moments as commands give them: seconds or milliseconds, from now or not.
//
// Threads:   any.
// Errors:    said to the client, as Redis says them.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/resp/act.h"

namespace headrace::resp {

struct Clockwork {
  bool in_seconds = true;
  bool from_now = true;

  friend bool operator==(const Clockwork&, const Clockwork&) = default;
};

// The unit of an option: "EX", "PX", "EXAT", "PXAT".
[[nodiscard]] std::optional<Clockwork> clockwork_of(std::string_view option) noexcept;

// The moment that an argument names; else says what is wrong with it.
[[nodiscard]] std::optional<WallTime> moment_in(Act& act, std::size_t arg, Clockwork unit);
// The same for those that want it to be after the beginning of all time, or after now.
[[nodiscard]] std::optional<WallTime> later_moment_in(Act& act, std::size_t arg, Clockwork unit);

// The only end that the record has from here on.
inline void set_end(Record& record, WallTime end) noexcept {
  record.expires = end;
  record.idle = Duration::zero();
  record.ends = Record::never;
}

}  // namespace headrace::resp
