#include "load/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "load/reply.h"

namespace headrace::bench {

namespace {

using Clock = std::chrono::steady_clock;
using Done = std::expected<void, std::string>;

constexpr std::size_t room_bytes = 64 << 10;
constexpr std::size_t events_max = 64;

std::unexpected<std::string> failed(const std::string& doing) {
  return std::unexpected(doing + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

std::expected<Descriptor, std::string> connected(std::uint16_t port) {
  Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(made.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return failed("connecting");
  }
  const int on = 1;
  ::setsockopt(made.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

// A connection and what it waits for.
struct Peer {
  Descriptor socket;
  std::string in = std::string(room_bytes, '\0');
  std::size_t have = 0;       // Received, and no whole reply.
  std::size_t waiting = 0;    // Replies.
  Clock::time_point since{};  // Their requests were sent, or due.
};

class Client {
 public:
  explicit Client(const Plan& plan)
      : plan_(plan), replies_(plan.expected), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < plan.depth; ++i) batch_ += plan.request;
  }

  Done open();
  std::expected<Figures, std::string> run();

 private:
  [[nodiscard]] std::uint64_t done() const noexcept { return figures_.latencies.total(); }
  [[nodiscard]] bool is_open_loop() const noexcept { return plan_.rate > 0; }
  [[nodiscard]] Clock::time_point due(std::uint64_t request) const;
  Done greet(Peer& peer);
  Done start();
  Done send(Peer& peer, Clock::time_point since);
  Done send_due();
  Done receive(Peer& peer);
  Done turn();

  const Plan& plan_;
  Replies replies_;
  std::string batch_;
  Descriptor poll_;
  std::vector<std::unique_ptr<Peer>> peers_;
  // A ring, in the open loop: who has rested longest is at rest_begin_.
  std::vector<Peer*> resting_;
  std::size_t rest_begin_ = 0;
  std::size_t rest_count_ = 0;
  std::uint64_t sent_ = 0;
  Clock::time_point began_;
  Clock::time_point now_;
  Clock::time_point heard_;  // The last reply.
  Clock::duration idle_{0};
  Figures figures_;
};

Done Client::open() {
  for (std::size_t i = 0; i < plan_.connections; ++i) {
    auto socket = connected(plan_.port);
    if (!socket) return std::unexpected(std::move(socket.error()));
    peers_.push_back(std::make_unique<Peer>(*std::move(socket)));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = peers_.back().get()}};
    if (::epoll_ctl(poll_.number(), EPOLL_CTL_ADD, peers_.back()->socket.number(), &event) != 0) {
      return failed("watching a connection");
    }
    if (auto greeted = greet(*peers_.back()); !greeted) return greeted;
    resting_.push_back(peers_.back().get());
  }
  rest_count_ = resting_.size();
  return {};
}

// One request before the time begins: what it costs a server to take a connection up is not asked.
Done Client::greet(Peer& peer) {
  const int socket = peer.socket.number();
  const timeval patience{.tv_sec = plan_.stall_max.count(), .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const ssize_t sent = ::send(socket, plan_.request.data(), plan_.request.size(), MSG_NOSIGNAL);
  if (std::cmp_not_equal(sent, plan_.request.size())) return failed("sending");
  for (std::size_t have = 0;;) {
    if (have == peer.in.size()) peer.in.resize(2 * have);
    const ssize_t size = ::recv(socket, peer.in.data() + have, peer.in.size() - have, 0);
    if (size == 0) return std::unexpected("the server has closed a connection");
    if (size < 0) return failed("receiving");
    have += static_cast<std::size_t>(size);
    const auto reply = replies_.next(std::string_view(peer.in).substr(0, have));
    if (!reply) return std::unexpected(reply.error());
    if (*reply == have) return {};
  }
}

Clock::time_point Client::due(std::uint64_t request) const {
  const std::chrono::duration<double> after(static_cast<double>(request) / plan_.rate);
  return began_ + std::chrono::duration_cast<Clock::duration>(after);
}

Done Client::send(Peer& peer, Clock::time_point since) {
  const auto requests = std::min<std::uint64_t>(plan_.depth, plan_.requests - sent_);
  const std::size_t bytes = requests * plan_.request.size();
  peer.since = since;
  peer.waiting = requests;
  sent_ += requests;
  const ssize_t size = ::send(peer.socket.number(), batch_.data(), bytes, MSG_NOSIGNAL);
  if (std::cmp_not_equal(size, bytes)) return failed("sending");
  return {};
}

Done Client::send_due() {
  while (rest_count_ > 0 && sent_ < plan_.requests && due(sent_) <= now_) {
    Peer& peer = *resting_[rest_begin_];
    rest_begin_ = (rest_begin_ + 1) % resting_.size();
    --rest_count_;
    if (auto sent = send(peer, due(sent_)); !sent) return sent;
  }
  return {};
}

Done Client::receive(Peer& peer) {
  if (peer.have == peer.in.size()) peer.in.resize(2 * peer.have);
  const ssize_t size = ::recv(peer.socket.number(), peer.in.data() + peer.have,
                              peer.in.size() - peer.have, MSG_DONTWAIT);
  if (size == 0) return std::unexpected("the server has closed a connection");
  if (size < 0) return errno == EAGAIN ? Done() : failed("receiving");
  heard_ = now_ = Clock::now();
  std::string_view left(peer.in.data(), peer.have + static_cast<std::size_t>(size));
  while (!left.empty()) {
    if (peer.waiting == 0) return std::unexpected("a reply that nobody has asked for");
    const auto reply = replies_.next(left);
    if (!reply) return std::unexpected(reply.error());
    if (*reply == 0) break;
    left.remove_prefix(*reply);
    --peer.waiting;
    figures_.latencies.add(now_ - peer.since);
  }
  std::copy(left.begin(), left.end(), peer.in.begin());
  peer.have = left.size();
  if (peer.waiting > 0) return {};
  if (!is_open_loop()) return sent_ < plan_.requests ? send(peer, now_) : Done();
  resting_[(rest_begin_ + rest_count_++) % resting_.size()] = &peer;
  return {};
}

Done Client::turn() {
  std::array<epoll_event, events_max> events;
  const int ready = ::epoll_wait(poll_.number(), events.data(), events_max, 0);
  if (ready < 0 && errno != EINTR) return failed("waiting");
  for (int i = 0; i < ready; ++i) {
    Peer& peer = *static_cast<Peer*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (auto received = receive(peer); !received) return received;
  }
  const Clock::time_point before = std::exchange(now_, Clock::now());
  if (ready == 0) idle_ += now_ - before;
  if (now_ - heard_ > plan_.stall_max) return std::unexpected("the server says nothing any more");
  return is_open_loop() ? send_due() : Done();
}

Done Client::start() {
  began_ = heard_ = now_ = Clock::now();
  if (is_open_loop()) return send_due();
  for (const auto& peer : peers_) {
    if (sent_ == plan_.requests) break;
    if (auto sent = send(*peer, now_); !sent) return sent;
  }
  return {};
}

std::expected<Figures, std::string> Client::run() {
  if (auto started = start(); !started) return std::unexpected(started.error());
  while (done() < plan_.requests) {
    if (auto turned = turn(); !turned) return std::unexpected(turned.error());
  }
  const auto took = now_ - began_;
  figures_.seconds = std::chrono::duration<double>(took).count();
  figures_.idle = std::chrono::duration<double>(idle_) / took;
  return std::move(figures_);
}

}  // namespace

std::expected<Figures, std::string> load(const Plan& plan) {
  Client client(plan);
  if (auto opened = client.open(); !opened) return std::unexpected(opened.error());
  return client.run();
}

}  // namespace headrace::bench
