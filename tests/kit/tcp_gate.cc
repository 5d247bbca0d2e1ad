// One thread runs all: the sockets, the timers, and what other threads set, which they post and
// wait for.  So nothing here is guarded by a lock.
#include "kit/tcp_gate.h"

#include <algorithm>
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cassert>
#include <deque>
#include <functional>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "kit/loopback_port.h"

namespace headrace::kit {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyTime = std::chrono::steady_clock::time_point;

// A limited direction passes its share of so many parts of a second at once.
constexpr std::size_t slices_per_second = 100;

tcp::endpoint loopback(int port) {
  return {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)};
}

struct Corruption {
  std::size_t ahead = 0;
  std::uint8_t mask = 0;
};

// What is set for one direction, and how far it has come.
struct Way {
  std::chrono::milliseconds delay{0};
  std::size_t bytes_per_second = 0;
  bool stalled = false;
  std::optional<Corruption> corruption;
  std::optional<std::size_t> end_after;
  std::uint64_t passed = 0;
};

class Connection;

// One direction of one connection.
class Pipe {
 public:
  Pipe(Connection& connection, tcp::socket& from, tcp::socket& to, Way& way)
      : connection_(connection), from_(from), to_(to), way_(way), timer_(from.get_executor()) {}

  // Reads if there is room for more.
  void fill();
  // Passes on what is due; again and again until nothing is.
  void drain();
  // The receiver sees the end, and what comes from now on is lost.
  void end();
  // Passes on at once what was delayed.
  void hurry();
  void stop() { timer_.cancel(); }

 private:
  struct Chunk {
    SteadyTime due{};
    std::string bytes{};  // Empty: the sender's end.
  };

  void take(std::string bytes);
  void write_slice();
  void wrote(error_code error);
  [[nodiscard]] std::size_t slice_max() const;

  Connection& connection_;
  tcp::socket& from_;
  tcp::socket& to_;
  Way& way_;
  asio::steady_timer timer_;
  std::deque<Chunk> held_;  // Up to TcpGate::held_bytes_max and one read.
  std::size_t held_bytes_ = 0;
  std::array<char, std::size_t{16} << 10> room_{};
  std::string slice_;
  SteadyTime free_at_{};  // When the limit allows the next slice.
  bool reading_ = false;
  bool writing_ = false;
  bool last_ = false;  // Nothing may follow what is being written.
  bool ended_by_sender_ = false;
  bool ended_ = false;  // Towards the receiver.

  friend class Connection;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Gone = std::function<void(const std::shared_ptr<Connection>&)>;

  Connection(tcp::socket client, Way& to_server, Way& to_client, Gone gone)
      : client_(std::move(client)),
        server_(client_.get_executor()),
        to_server_(*this, client_, server_, to_server),
        to_client_(*this, server_, client_, to_client),
        gone_(std::move(gone)) {}

  void open(int server_port) {
    server_.async_connect(loopback(server_port), [self = shared_from_this()](error_code error) {
      if (error) return self->reset();
      error_code ignored;
      self->client_.set_option(tcp::no_delay(true), ignored);
      self->server_.set_option(tcp::no_delay(true), ignored);
      self->to_server_.fill();
      self->to_client_.fill();
    });
  }
  void reset() {
    if (!open_) return;
    error_code ignored;
    for (tcp::socket* socket : {&client_, &server_}) {
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
    }
    close();
  }
  // Ends both directions; goes when both sides have done so as well.
  void end() {
    to_server_.end();
    to_client_.end();
  }
  void close_if_done() {
    const auto done = [](const Pipe& pipe) { return pipe.ended_ && pipe.ended_by_sender_; };
    if (open_ && done(to_server_) && done(to_client_)) close();
  }
  [[nodiscard]] Pipe& pipe(Toward where) {
    return where == Toward::server ? to_server_ : to_client_;
  }

 private:
  void close() {
    open_ = false;
    error_code ignored;
    client_.close(ignored);
    server_.close(ignored);
    to_server_.stop();
    to_client_.stop();
    gone_(shared_from_this());
  }

  tcp::socket client_;
  tcp::socket server_;
  Pipe to_server_;
  Pipe to_client_;
  Gone gone_;
  bool open_ = true;
};

void Pipe::fill() {
  if (reading_ || ended_by_sender_ || !from_.is_open()) return;
  if (held_bytes_ >= TcpGate::held_bytes_max) return;
  reading_ = true;
  from_.async_read_some(asio::buffer(room_), [this, alive = connection_.shared_from_this()](
                                                 error_code error, std::size_t size) {
    reading_ = false;
    if (error && error != asio::error::eof) return connection_.reset();
    take(std::string(room_.data(), size));
    fill();
  });
}

void Pipe::take(std::string bytes) {
  ended_by_sender_ = bytes.empty();
  if (ended_) return connection_.close_if_done();
  SteadyTime due = std::chrono::steady_clock::now() + way_.delay;
  if (!held_.empty()) due = std::max(due, held_.back().due);  // Bytes do not overtake each other.
  held_bytes_ += bytes.size();
  held_.push_back({.due = due, .bytes = std::move(bytes)});
  drain();
}

void Pipe::drain() {
  if (writing_ || ended_ || way_.stalled || held_.empty() || !to_.is_open()) return;
  const SteadyTime when = std::max(held_.front().due, free_at_);
  if (when > std::chrono::steady_clock::now()) {
    timer_.expires_at(when);
    timer_.async_wait([this, alive = connection_.shared_from_this()](error_code error) {
      if (!error) drain();
    });
    return;
  }
  if (held_.front().bytes.empty()) {
    held_.pop_front();
    return end();
  }
  write_slice();
}

void Pipe::hurry() {
  for (Chunk& chunk : held_) chunk.due = {};
  free_at_ = {};
  drain();
}

std::size_t Pipe::slice_max() const {
  std::size_t most = held_.front().bytes.size();
  if (way_.bytes_per_second != 0) {
    most = std::min(most, std::max<std::size_t>(1, way_.bytes_per_second / slices_per_second));
  }
  return way_.end_after ? std::min(most, *way_.end_after) : most;
}

void Pipe::write_slice() {
  std::string& front = held_.front().bytes;
  const std::size_t size = slice_max();
  slice_ = front.substr(0, size);
  front.erase(0, size);
  if (front.empty()) held_.pop_front();
  held_bytes_ -= size;
  if (way_.corruption) {
    auto& [ahead, mask] = *way_.corruption;
    if (ahead < size) {
      slice_[ahead] = static_cast<char>(static_cast<std::uint8_t>(slice_[ahead]) ^ mask);
      way_.corruption.reset();
    } else {
      ahead -= size;
    }
  }
  if (way_.end_after) {
    *way_.end_after -= size;
    last_ = *way_.end_after == 0;
    if (last_) way_.end_after.reset();
  }
  if (way_.bytes_per_second != 0) {
    free_at_ = std::chrono::steady_clock::now() +
               std::chrono::nanoseconds(1'000'000'000 * size / way_.bytes_per_second);
  }
  writing_ = true;
  asio::async_write(to_, asio::buffer(slice_),
                    [this, alive = connection_.shared_from_this()](error_code error, std::size_t) {
                      wrote(error);
                    });
}

void Pipe::wrote(error_code error) {
  writing_ = false;
  if (ended_) return;
  if (error) return connection_.reset();
  way_.passed += slice_.size();
  if (last_) return connection_.end();
  fill();
  drain();
}

void Pipe::end() {
  if (ended_) return;
  ended_ = true;
  held_.clear();
  held_bytes_ = 0;
  error_code ignored;
  to_.shutdown(tcp::socket::shutdown_send, ignored);
  fill();  // What the sender sends is read still, so that it is not reset for it.
  connection_.close_if_done();
}

}  // namespace

class TcpGate::Loop {
 public:
  explicit Loop(int server_port) : server_port_(server_port) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Loop() {
    run([this] {
      refuse();
      cut();
    });
    working_.reset();
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs f on the loop's thread and returns what it does.
  template <class F>
  std::invoke_result_t<F> run(F f) {
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(f));
    auto done = task.get_future();
    asio::post(context_, [&task] { task(); });
    return done.get();
  }

  // All that follows is called on the loop's thread.

  [[nodiscard]] Way& way(Toward where) { return where == Toward::server ? to_server_ : to_client_; }
  void drain(Toward where) {
    for_each([where](Connection& connection) { connection.pipe(where).drain(); });
  }
  void end(Toward where) {
    for_each([where](Connection& connection) { connection.pipe(where).end(); });
  }
  void cut() {
    for_each([](Connection& connection) { connection.reset(); });
  }
  void lead_to(int server_port) { server_port_ = server_port; }
  void refuse() {
    if (acceptor_) acceptor_->close();
    acceptor_.reset();
  }
  void accept() {
    if (acceptor_) return;
    acceptor_ = std::make_shared<tcp::acceptor>(context_, loopback(port_.number()));
    accept_next();
  }
  void restore() {
    for (const Toward where : {Toward::server, Toward::client}) {
      const std::uint64_t passed = way(where).passed;
      way(where) = Way();
      way(where).passed = passed;
      for_each([where](Connection& connection) { connection.pipe(where).hurry(); });
    }
    accept();
  }

  [[nodiscard]] int port() const noexcept { return port_.number(); }
  [[nodiscard]] std::size_t open_connections() const noexcept { return open_.size(); }
  [[nodiscard]] std::size_t all_connections() const noexcept { return all_; }

 private:
  template <class F>
  void for_each(F f) {
    const auto now_open = open_;  // f may end them.
    for (const auto& connection : now_open) f(*connection);
  }

  void accept_next() {
    acceptor_->async_accept([this, by = acceptor_](error_code error, tcp::socket client) {
      if (by != acceptor_) return;  // It came while the gate began to refuse.
      if (!error) {
        ++all_;
        auto made = std::make_shared<Connection>(
            std::move(client), to_server_, to_client_,
            [this](const std::shared_ptr<Connection>& gone) { open_.erase(gone); });
        open_.insert(made);
        made->open(server_port_);
      }
      accept_next();
    });
  }

  int server_port_;
  LoopbackPort port_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> working_{context_.get_executor()};
  std::shared_ptr<tcp::acceptor> acceptor_;  // None while refusing.
  std::set<std::shared_ptr<Connection>> open_;
  std::size_t all_ = 0;
  Way to_server_;
  Way to_client_;
  std::thread thread_;
};

TcpGate::TcpGate(int server_port) : loop_(std::make_unique<Loop>(server_port)) {}

TcpGate::~TcpGate() = default;

int TcpGate::port() const noexcept {
  return loop_->port();
}

std::string TcpGate::address() const {
  return "127.0.0.1:" + std::to_string(port());
}

void TcpGate::delay(Toward where, std::chrono::milliseconds by) {
  loop_->run([&] { loop_->way(where).delay = by; });
}

void TcpGate::limit(Toward where, std::size_t bytes_per_second) {
  loop_->run([&] { loop_->way(where).bytes_per_second = bytes_per_second; });
}

void TcpGate::stall(Toward where) {
  loop_->run([&] { loop_->way(where).stalled = true; });
}

void TcpGate::resume(Toward where) {
  loop_->run([&] {
    loop_->way(where).stalled = false;
    loop_->drain(where);
  });
}

void TcpGate::refuse() {
  loop_->run([&] { loop_->refuse(); });
}

void TcpGate::accept() {
  loop_->run([&] { loop_->accept(); });
}

void TcpGate::cut() {
  loop_->run([&] { loop_->cut(); });
}

void TcpGate::lead_to(int server_port) {
  loop_->run([&] { loop_->lead_to(server_port); });
}

void TcpGate::half_close(Toward where) {
  loop_->run([&] { loop_->end(where); });
}

void TcpGate::corrupt(Toward where, std::size_t ahead, std::uint8_t mask) {
  assert(mask != 0);
  loop_->run([&] { loop_->way(where).corruption = Corruption{.ahead = ahead, .mask = mask}; });
}

void TcpGate::end_after(Toward where, std::size_t bytes) {
  assert(bytes > 0);
  loop_->run([&] { loop_->way(where).end_after = bytes; });
}

void TcpGate::restore() {
  loop_->run([&] { loop_->restore(); });
}

std::size_t TcpGate::open_connections() const {
  return loop_->run([&] { return loop_->open_connections(); });
}

std::size_t TcpGate::all_connections() const {
  return loop_->run([&] { return loop_->all_connections(); });
}

std::uint64_t TcpGate::passed(Toward where) const {
  return loop_->run([&] { return loop_->way(where).passed; });
}

}  // namespace headrace::kit
