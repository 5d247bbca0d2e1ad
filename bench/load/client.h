// load/client.h: many connections that send one request again and again.
//
// Each is greeted with one request before the time begins.  In the closed loop it sends `depth`
// requests at once, and the next when all of them are answered.  In the open one a request is due
// every 1/rate seconds, goes out on whichever connection has rested longest, and is timed from when
// it was due: what waits because the server or the loader is behind counts as the server's time, as
// it does for whoever waits.
//
// It never sleeps: a server should not be charged with waking it.
//
// Threads:   the caller's.
// Errors:    text for whoever looks at the terminal.
// Lifetimes: values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "load/latencies.h"

namespace headrace::bench {

struct Plan {
  std::uint16_t port = 0;  // Of this machine.
  std::string request{};
  std::string expected{};  // How each reply begins.
  std::size_t connections = 50;
  std::size_t depth = 1;
  std::uint64_t requests = 100'000;
  double rate = 0;  // Requests a second; 0: the closed loop.  With it depth is 1.
  std::chrono::seconds stall_max{10};  // Without any reply; then it fails.
};

struct Figures {
  double seconds = 0;
  double idle = 0;  // The share of it in which there was nothing to do here.
  Latencies latencies{};
};

[[nodiscard]] std::expected<Figures, std::string> load(const Plan& plan);

}  // namespace headrace::bench
