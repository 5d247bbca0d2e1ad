#include "io/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <cerrno>
#include <utility>

#include "io/loops.h"

namespace headrace::io {

namespace asio = boost::asio;

namespace {

ErrorCode last_error() {
  return {errno, boost::system::system_category()};
}
bool must_wait() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

Stream::Stream(Runtime& runtime, std::size_t loop)
    : runtime_(runtime), loop_(loop), on_end_([] {}) {}

Stream::Stream(Runtime& runtime, std::size_t loop, Tcp::socket socket,
               std::move_only_function<void()> on_end)
    : runtime_(runtime), loop_(loop), on_end_(std::move(on_end)) {
  (void)adopt(std::move(socket));  // Without a socket all that is begun fails.
}

Stream::~Stream() {
  if (timer_ != Executor::TimerId::none) runtime_.cancel(timer_);
  if (home_is_here()) shut();
  if (socket_ >= 0) ::close(socket_);  // The loop has ended, and looks no more.
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
    if (connecting_) connecting_->close(ignored);
    if (writing.awaiting || opening_) shut();
    if (reading.late || socket_ < 0) cancel(reading);
    if (writing.late || socket_ < 0) cancel(writing);
    return;
  }
  const Instant next = std::min(reading.deadline, writing.deadline);
  if (next != Instant::max()) watch(next);
}

void Stream::open(const Address& to, std::shared_ptr<TlsTrust> trust) {
  opening_ = true;
  address_ = to;
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
  connecting_.emplace(context());
  asio::async_connect(*connecting_, found, [this](ErrorCode error, const Tcp::endpoint&) {
    if (!error) error = adopt(std::move(*connecting_));
    connecting_.reset();
    if (error) return end(reading, error, 0);
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (!trust_) return end(reading, {}, 0);
    shake_hands();
  });
}

ErrorCode Stream::adopt(Tcp::socket socket) {
  ErrorCode error;
  const int descriptor = socket.release(error);
  if (error) return error;
  error = runtime_.loops().readiness_at(loop_).add(descriptor, *this);
  if (error) {
    ::close(descriptor);
  } else {
    socket_ = descriptor;
  }
  return error;
}

void Stream::shake_hands() {
  tls_.emplace(socket_, trust_->context(), address_.host);
  take(reading, &Stream::greet_sealed);
}

void Stream::greet(SSL_CTX& identity) {
  opening_ = true;
  tls_.emplace(socket_, identity);
  take(reading, &Stream::greet_sealed);
}

// What is over at once ends in a turn of its own: who awaits it may begin the next, and the next,
// on one stack.
void Stream::take(Operation& operation, Step step) {
  operation.step = step;
  const Tls::Step taken = (this->*step)();
  if (!taken.is_over()) return wait_for(operation, taken.state);
  end_in_a_turn(operation, taken.error, taken.bytes);
}

void Stream::wait_for(Operation& operation, Tls::State wanted) {
  operation.awaits = wanted == Tls::State::wants_read ? Awaits::bytes : Awaits::room;
}

void Stream::end_in_a_turn(Operation& operation, ErrorCode error, std::size_t bytes) {
  asio::post(context(), [this, &operation, error, bytes] { end(operation, error, bytes); });
}

void Stream::on_news(Readiness::News news) {
  const auto self = shared_from_this();
  can_read_ = can_read_ || news.can_read;
  has_ended_ = has_ended_ || news.has_ended;
  for (Operation* const each : {&reading, &writing}) {
    const bool is_there = (each->awaits == Awaits::bytes && news.can_read) ||
                          (each->awaits == Awaits::room && news.can_write);
    if (is_there) go_on(*each);
  }
}

void Stream::go_on(Operation& operation) {
  operation.awaits = Awaits::nothing;
  const Tls::Step taken = (this->*operation.step)();
  if (!taken.is_over()) return wait_for(operation, taken.state);
  end(operation, taken.error, taken.bytes);
}

void Stream::cancel(Operation& operation) {
  if (std::exchange(operation.awaits, Awaits::nothing) == Awaits::nothing) return;
  end_in_a_turn(operation, asio::error::operation_aborted, 0);
}

void Stream::read(char* to, std::size_t room) {
  to_ = to;
  room_ = room;
  take(reading, tls_ ? &Stream::read_sealed : &Stream::receive);
}

// What came short has emptied the socket: the next bytes will be news, and are not asked for
// before.  After the end there are no news.
Tls::Step Stream::receive() {
  if (!can_read_ && socket_ >= 0) return {.state = Tls::State::wants_read};
  const ssize_t size = ::recv(socket_, to_, room_, MSG_DONTWAIT);
  if (size == 0) return {.state = Tls::State::failed, .error = asio::error::eof};
  if (size < 0 && !must_wait()) return {.state = Tls::State::failed, .error = last_error()};
  can_read_ = has_ended_ || size == static_cast<ssize_t>(room_);
  if (size < 0) return {.state = Tls::State::wants_read};
  return {.bytes = static_cast<std::size_t>(size)};
}

void Stream::write(std::string_view bytes) {
  rest_ = bytes;
  take(writing, tls_ ? &Stream::write_sealed : &Stream::send);
}

Tls::Step Stream::send() {
  while (!rest_.empty()) {
    const ssize_t size = ::send(socket_, rest_.data(), rest_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && must_wait()) return {.state = Tls::State::wants_write};
    if (size < 0) return {.state = Tls::State::failed, .error = last_error()};
    rest_.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Tls::Step Stream::write_sealed() {
  const Tls::Step step = tls_->write(rest_);
  rest_.remove_prefix(step.bytes);
  return step;
}

std::size_t Stream::write_now(std::string_view bytes) {
  if (closed || writing.awaiting) return 0;
  if (tls_) return tls_->write(bytes).bytes;
  const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return size > 0 ? static_cast<std::size_t>(size) : 0;  // An error will come again.
}

void Stream::finish_writing() {
  if (tls_) tls_->say_end();
  ::shutdown(socket_, SHUT_WR);
}

void Stream::close() {
  if (std::exchange(closed, true)) return;
  if (timer_ != Executor::TimerId::none) runtime_.cancel(timer_);
  timer_ = Executor::TimerId::none;
  if (resolver_) resolver_->cancel();
  if (tls_) tls_->say_end();
  ErrorCode ignored;
  if (connecting_) connecting_->close(ignored);
  ::shutdown(socket_, SHUT_RDWR);
  shut();
  cancel(reading);
  cancel(writing);
}

void Stream::shut() {
  if (socket_ < 0) return;
  runtime_.loops().readiness_at(loop_).remove(socket_, *this);
  ::close(std::exchange(socket_, -1));
}

bool Stream::is_quiet() {
  if (closed) return false;
  char one = 0;
  const ssize_t size = ::recv(socket_, &one, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string Stream::peer_address() const {
  Tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getpeername(socket_, endpoint.data(), &size) != 0) return "";
  endpoint.resize(size);
  return to_string(Address{.host = endpoint.address().to_string(), .port = endpoint.port()});
}

Error Stream::error_of(const Operation& operation, std::string_view doing) const {
  const std::string where = std::string(doing) + " " + peer;
  if (closed) return {.code = Code::closed, .what = where + ": the connection was closed here"};
  if (operation.late) return {.code = Code::timed_out, .what = where + ": it took too long"};
  return {.code = Code::source_unavailable, .what = where + ": " + operation.error.message()};
}

}  // namespace headrace::io
