#include "io/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cassert>
#include <cerrno>
#include <utility>

#include "io/loops.h"

namespace headrace::io {

namespace asio = boost::asio;

Stream::Stream(Runtime& runtime, std::size_t loop)
    : Stream(runtime, loop, Tcp::socket(runtime.loops().at(loop)), [] {}) {}

Stream::Stream(Runtime& runtime, std::size_t loop, Tcp::socket socket,
               std::move_only_function<void()> on_end)
    : runtime_(runtime), loop_(loop), socket_(std::move(socket)), on_end_(std::move(on_end)) {}

Stream::~Stream() {
  if (timer_ != Executor::TimerId::none) runtime_.cancel(timer_);
  on_end_();
}

bool Stream::home_is_here() const noexcept {
  return runtime_.loops().current() == loop_;
}
asio::io_context& Stream::context() noexcept {
  return runtime_.loops().at(loop_);
}

void Stream::begin(Operation& operation, std::coroutine_handle<> awaiting, Instant deadline) {
  assert(!operation.awaiting && "one read and one write at a time");
  operation = {.awaiting = awaiting, .deadline = deadline};
  if (!closed && deadline != Instant::max()) watch(deadline);
}

void Stream::end(Operation& operation, ErrorCode error, std::size_t bytes) {
  opening_ = false;
  operation.error = error;
  operation.bytes = bytes;
  operation.deadline = Instant::max();
  std::exchange(operation.awaiting, nullptr).resume();
}

void Stream::watch(Instant deadline) {
  if (deadline >= timer_at_) return;
  if (timer_ != Executor::TimerId::none) runtime_.cancel(timer_);
  timer_at_ = deadline;
  timer_ = runtime_.post_at(deadline, [self = weak_from_this()] {
    if (const auto stream = self.lock()) stream->look_at_deadlines();
  });
}

void Stream::look_at_deadlines() {
  timer_ = Executor::TimerId::none;
  timer_at_ = Instant::max();
  const Instant now = runtime_.now();
  reading.late = reading.awaiting && reading.deadline <= now;
  writing.late = writing.awaiting && writing.deadline <= now;
  if (reading.late || writing.late) {
    ErrorCode ignored;
    // Half a write cannot be gone on from; after a read that came to nothing, one may write still.
    if (resolver_) resolver_->cancel();
    if (writing.awaiting || opening_) {
      socket_.close(ignored);
    } else {
      socket_.cancel(ignored);
    }
    return;
  }
  const Instant next = std::min(reading.deadline, writing.deadline);
  if (next != Instant::max()) watch(next);
}

void Stream::open(const Address& to, std::shared_ptr<TlsTrust> trust) {
  opening_ = true;
  to_ = to;
  trust_ = std::move(trust);
  ErrorCode error;
  const auto ip = asio::ip::make_address(to.host, error);
  if (!error) {
    connect(Tcp::resolver::results_type::create(Tcp::endpoint(ip, to.port), to.host, ""));
    return;
  }
  resolver_.emplace(context());
  resolver_->async_resolve(to.host, std::to_string(to.port),
                           [this](const ErrorCode& failed, Tcp::resolver::results_type found) {
                             resolver_.reset();
                             if (failed) return end(reading, failed, 0);
                             connect(found);
                           });
}

void Stream::connect(const Tcp::resolver::results_type& found) {
  if (closed || reading.late) return end(reading, asio::error::operation_aborted, 0);
  asio::async_connect(socket_, found, [this](const ErrorCode& failed, const Tcp::endpoint&) {
    if (failed) return end(reading, failed, 0);
    ErrorCode ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    if (!trust_) return end(reading, {}, 0);
    shake_hands();
  });
}

void Stream::shake_hands() {
  tls_.emplace(socket_, trust_->context(), to_.host);
  take(reading, [this] { return tls_->shake_hands(); });
}

void Stream::greet(SSL_CTX& identity) {
  opening_ = true;
  tls_.emplace(socket_, identity);
  take(reading, [this] { return tls_->shake_hands(); });
}

// What is over at once ends in a turn of its own: who awaits it may begin the next, and the next,
// on one stack.
template <class Step>
void Stream::take(Operation& operation, Step step) {
  const Tls::Step taken = step();
  if (!taken.is_over()) return take_when(taken.state, operation, std::move(step));
  asio::post(context(), [this, &operation, taken] { end(operation, taken.error, taken.bytes); });
}

template <class Step>
void Stream::take_when(Tls::State wanted, Operation& operation, Step step) {
  const auto what =
      wanted == Tls::State::wants_read ? Tcp::socket::wait_read : Tcp::socket::wait_write;
  socket_.async_wait(what, [this, &operation, step](const ErrorCode& error) mutable {
    if (error) return end(operation, error, 0);
    const Tls::Step taken = step();
    if (taken.is_over()) return end(operation, taken.error, taken.bytes);
    take_when(taken.state, operation, std::move(step));
  });
}

void Stream::read(char* to, std::size_t room) {
  if (tls_) return take(reading, [this, to, room] { return tls_->read(to, room); });
  socket_.async_read_some(
      asio::buffer(to, room),
      [this](const ErrorCode& error, std::size_t bytes) { end(reading, error, bytes); });
}

void Stream::write(std::string_view bytes) {
  if (tls_) {
    return take(writing, [this, bytes]() mutable {
      const Tls::Step step = tls_->write(bytes);
      bytes.remove_prefix(step.bytes);
      return step;
    });
  }
  asio::async_write(
      socket_, asio::buffer(bytes.data(), bytes.size()),
      [this](const ErrorCode& error, std::size_t size) { end(writing, error, size); });
}

std::size_t Stream::write_now(std::string_view bytes) {
  if (closed || writing.awaiting) return 0;
  if (tls_) return tls_->write(bytes).bytes;
  const ssize_t size =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return size > 0 ? static_cast<std::size_t>(size) : 0;  // An error will come again.
}

void Stream::finish_writing() {
  if (tls_) tls_->say_end();
  ErrorCode ignored;
  socket_.shutdown(Tcp::socket::shutdown_send, ignored);
}

void Stream::close() {
  if (std::exchange(closed, true)) return;
  if (timer_ != Executor::TimerId::none) runtime_.cancel(timer_);
  timer_ = Executor::TimerId::none;
  if (resolver_) resolver_->cancel();
  if (tls_) tls_->say_end();
  ErrorCode ignored;
  socket_.shutdown(Tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

bool Stream::is_quiet() {
  if (closed) return false;
  char one = 0;
  const ssize_t size = ::recv(socket_.native_handle(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string Stream::peer_address() const {
  ErrorCode error;
  const Tcp::endpoint endpoint = socket_.remote_endpoint(error);
  if (error) return "";
  return to_string(Address{.host = endpoint.address().to_string(), .port = endpoint.port()});
}

Error Stream::error_of(const Operation& operation, std::string_view doing) const {
  const std::string where = std::string(doing) + " " + peer;
  if (closed) return {.code = Code::closed, .what = where + ": the connection was closed here"};
  if (operation.late) return {.code = Code::timed_out, .what = where + ": it took too long"};
  return {.code = Code::source_unavailable, .what = where + ": " + operation.error.message()};
}

}  // namespace headrace::io
