// bus/postgres/pool_fixture.h: a proxy that pools transactions.
//
// It has as many server sessions as clients, so that each gets the same one again, as PgBouncer
// does then; and what a server sends between two transactions goes to nobody.
//
// Threads: works on threads of its own.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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
    std::vector<std::jthread> clients;
    while (!stopped_) {
      auto client = listener_.accept(std::chrono::milliseconds(20));
      if (!client) continue;
      clients.emplace_back([this, own = *std::move(client)]() mutable { serve(own); });
    }
  }

  // REQUIRES: the client asks neither for TLS nor for Kerberos, and the server trusts it.
  void serve(Socket& client) {
    auto server = Socket::connect(server_port_);
    const auto head = client.read_exactly(4);
    if (!server || !head) return;
    const auto greeting = client.read_exactly(length_of(*head) - 4);
    if (!greeting || !server->send(*head + *greeting)) return;
    while (pass_answer(*server, client) && next_is_here(client, *server)) {
      const auto asked = client.read_some();
      if (!asked || !server->send(*asked)) return;
    }
  }

  // All that the server says until it is ready for another transaction.
  static bool pass_answer(Socket& from, Socket& to) {
    while (true) {
      const auto head = from.read_exactly(5);
      if (!head) return false;
      const auto body = from.read_exactly(length_of(head->substr(1)) - 4);
      if (!body || !to.send(*head + *body)) return false;
      if (head->front() == 'Z') return true;
    }
  }

  // False: somebody has gone.
  bool next_is_here(const Socket& client, Socket& server) const {
    while (!stopped_) {
      pollfd watched[] = {{client.native(), POLLIN, 0}, {server.native(), POLLIN, 0}};
      if (::poll(watched, 2, 20) <= 0) continue;
      if (watched[1].revents != 0 && !server.read_some()) return false;
      if (watched[0].revents != 0) return true;
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
