// bus/postgres/pool_fixture.h: a proxy that pools transactions, for one client that never ends its
// session: the first transaction runs on one server session, all others on a second.
//
// Threads: works on a thread of its own.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "kit/blocking_socket.h"

namespace headrace::postgres {

class TransactionPool {
 public:
  explicit TransactionPool(int server_port)
      : server_port_(server_port), thread_([this] { serve(); }) {}
  ~TransactionPool() {
    stopped_ = true;
    thread_.join();
  }
  TransactionPool(const TransactionPool&) = delete;
  TransactionPool& operator=(const TransactionPool&) = delete;

  [[nodiscard]] int port() const noexcept { return listener_.port(); }

 private:
  using Socket = kit::BlockingSocket;

  void serve() {
    while (!stopped_) {
      auto client = listener_.accept(std::chrono::milliseconds(20));
      if (client) serve(*std::move(client));
    }
  }

  // REQUIRES: the client asks neither for TLS nor for Kerberos, and the server trusts it.
  void serve(Socket client) {
    auto first = Socket::connect(server_port_);
    auto second = Socket::connect(server_port_);
    const auto head = client.read_exactly(4);
    if (!first || !second || !head) return;
    const auto greeting = client.read_exactly(length_of(*head) - 4);
    if (!greeting) return;
    for (Socket* const server : {&*first, &*second}) (void)server->send(*head + *greeting);
    if (!pass_answer(*first, &client) || !pass_answer(*second, nullptr)) return;
    for (Socket* server = &*first; next_is_here(client); server = &*second) {
      const auto asked = client.read_some();
      if (!asked || !server->send(*asked) || !pass_answer(*server, &client)) return;
    }
  }

  // All that the server says until it is ready for another transaction.
  static bool pass_answer(Socket& from, Socket* to) {
    while (true) {
      const auto head = from.read_exactly(5);
      if (!head) return false;
      const auto body = from.read_exactly(length_of(head->substr(1)) - 4);
      if (!body || (to != nullptr && !to->send(*head + *body))) return false;
      if (head->front() == 'Z') return true;
    }
  }

  bool next_is_here(const Socket& client) const {
    while (!stopped_) {
      pollfd watched{client.native(), POLLIN, 0};
      if (::poll(&watched, 1, 20) > 0) return true;
    }
    return false;
  }

  static std::size_t length_of(const std::string& head) {
    std::uint32_t length = 0;
    for (const char byte : head) length = length << 8 | static_cast<std::uint8_t>(byte);
    return length;
  }

  const int server_port_;
  kit::BlockingListener listener_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace headrace::postgres
