#include "io/bell.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

namespace headrace::io {

void Bell::rest(const Clock& clock, Instant until) const {
  while (!is_stopped() && clock.now() < until) {
    pollfd watched{descriptor_, POLLIN, 0};
    if (::poll(&watched, 1, poll_milliseconds(until, clock.now())) > 0) quiet();
  }
}

int poll_milliseconds(Instant until, Instant now) {
  constexpr std::int64_t longest = 3'600'000;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

}  // namespace headrace::io
