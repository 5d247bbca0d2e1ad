#include "kit/loopback_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>

namespace headrace::kit {

namespace {

constexpr int lowest = 18'000;
constexpr int highest = 31'999;
constexpr int tries_max = 200;

bool nobody_listens(int port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A connection of a server that was killed may linger on a port that is free all the same.
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool is_free = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(probe, 1) == 0;
  ::close(probe);
  return is_free;
}

// Binds the abstract name of a port, which is gone with the process; -1 if somebody has it.
int hold(int port) {
  const std::string name = "headrace-test-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(name, address.sun_path + 1);
  const int held = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const std::size_t size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
  if (::bind(held, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size)) == 0) {
    return held;
  }
  ::close(held);
  return -1;
}

}  // namespace

LoopbackPort::LoopbackPort() {
  std::random_device random;
  std::uniform_int_distribution<int> any(lowest, highest);
  for (int i = 0; i < tries_max; ++i) {
    const int port = any(random);
    held_ = hold(port);
    if (held_ < 0) continue;
    number_ = port;
    if (nobody_listens(port)) return;
    ::close(std::exchange(held_, -1));
  }
  ADD_FAILURE() << "no free port from " << lowest << " to " << highest;
}

LoopbackPort::~LoopbackPort() {
  if (held_ >= 0) ::close(held_);
}

}  // namespace headrace::kit
