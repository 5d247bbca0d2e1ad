// kit/tcp_gate.h: a gate between clients and one server of this machine, which makes the network
// bad.
//
// Clients connect to the gate's port and the gate to the server's; what is set holds for all
// connections, those that are open and those to come, until it is set otherwise.  While the server
// is down a client is accepted and reset at once.
//
// Threads:   any member from any thread; what it sets is in force when it returns.  The gate works
//            on a thread of its own.
// Lifetimes: all connections end with the gate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

namespace headrace::kit {

// A direction, by whom the bytes go to.
enum class Toward : std::uint8_t { server, client };

// To name parameterised tests.
[[nodiscard]] inline std::string name_of(Toward where) {
  return where == Toward::server ? "server" : "client";
}
inline void PrintTo(Toward where, std::ostream* to) {
  *to << name_of(where);
}

class TcpGate {
 public:
  // What the gate takes in of one direction of one connection while it may not pass it on; what is
  // over that waits with the sender.
  static constexpr std::size_t held_bytes_max = std::size_t{256} << 10;

  explicit TcpGate(int server_port);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  [[nodiscard]] int port() const noexcept;
  // "127.0.0.1:18123"
  [[nodiscard]] std::string address() const;

  // Each byte that comes from now on arrives this much later; zero: at once.
  void delay(Toward where, std::chrono::milliseconds by);
  // Passes no more than that, for each connection; zero: without limit.
  void limit(Toward where, std::size_t bytes_per_second);
  // Passes nothing, neither bytes nor the ends of connections, and keeps it for resume().  With
  // both directions stalled a client is accepted and never answered.
  void stall(Toward where);
  void resume(Toward where);
  // No new connections: a client is told so at once.  Those that are open stay.
  void refuse();
  void accept();
  // Resets all connections that are open.
  void cut();
  // Those that come from now on are led to another server, as a name that now means another
  // machine.
  void lead_to(int server_port);
  // Ends one direction of all connections that are open, as if the sender had said that it will
  // send no more; the other goes on.  What the sender sends all the same is lost.
  void half_close(Toward where);
  // Turns the bits of `mask` over in one byte: the next in that direction that has not left the
  // gate, or the one `ahead` bytes after it.  Once.
  // REQUIRES: mask != 0.
  void corrupt(Toward where, std::size_t ahead = 0, std::uint8_t mask = 0x01);
  // Lets that many more bytes through, and ends the connection that has reached the number, in both
  // directions and without a reset.  Once.
  void end_after(Toward where, std::size_t bytes);
  // All is well again: no delay, limit or stall, nothing is refused, corrupted or ended.  What was
  // held arrives.
  void restore();

  // How many are open now, and how many there have been.
  [[nodiscard]] std::size_t open_connections() const;
  [[nodiscard]] std::size_t all_connections() const;
  // How many bytes have left the gate.
  [[nodiscard]] std::uint64_t passed(Toward where) const;

 private:
  class Loop;

  const std::unique_ptr<Loop> loop_;
};

}  // namespace headrace::kit
