#include "io/connection.h"

#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "io/loops.h"
#include "io/stream.h"

namespace headrace::io {

namespace {

// The first step of connect(), as an awaitable.
struct Open {
  Stream& stream;
  const Address& to;
  const std::shared_ptr<TlsTrust>& trust;
  Instant deadline;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    stream.go_home([this, awaiting] {
      stream.begin(stream.reading, awaiting, deadline);
      stream.open(to, trust);
    });
  }
  [[nodiscard]] Result<void> await_resume() const {
    if (!stream.reading.error) return {};
    return std::unexpected(
        stream.error_of(stream.reading, trust ? "connecting with TLS to" : "connecting to"));
  }
};

Task<Result<Connection>> open(std::shared_ptr<Stream> stream, Address to,
                              std::shared_ptr<TlsTrust> trust, Instant deadline) {
  Connection connection(stream);
  Open opening{*stream, to, trust, deadline};
  const Result<void> opened = co_await opening;
  if (!opened) co_return std::unexpected(opened.error());
  co_return std::move(connection);
}

}  // namespace

void ReadSome::await_suspend(std::coroutine_handle<> awaiting) {
  assert(room_ > 0);
  stream_.go_home([this, awaiting] {
    stream_.begin(stream_.reading, awaiting, deadline_);
    stream_.read(to_, room_);
  });
}

Result<std::size_t> ReadSome::await_resume() {
  const Stream::Operation& done = stream_.reading;
  if (!done.error) return done.bytes;
  if (done.error == boost::asio::error::eof) return 0;
  return std::unexpected(stream_.error_of(done, "reading from"));
}

bool Write::await_ready() {
  if (bytes_.empty()) {
    stream_.writing.error = {};
    return true;
  }
  if (!stream_.home_is_here()) return false;
  bytes_.remove_prefix(stream_.write_now(bytes_));
  if (!bytes_.empty()) return false;
  stream_.writing.error = {};
  return true;
}

void Write::await_suspend(std::coroutine_handle<> awaiting) {
  stream_.go_home([this, awaiting] {
    stream_.begin(stream_.writing, awaiting, deadline_);
    stream_.write(bytes_);
  });
}

Result<void> Write::await_resume() {
  const Stream::Operation& done = stream_.writing;
  if (!done.error) return {};
  return std::unexpected(stream_.error_of(done, "writing to"));
}

bool GoHome::await_ready() const noexcept {
  return stream_.home_is_here();
}
void GoHome::await_suspend(std::coroutine_handle<> awaiting) {
  boost::asio::post(stream_.context(), [awaiting] { awaiting.resume(); });
}

Connection::~Connection() {
  if (stream_) close();
}

void Connection::close() {
  stream_->go_home([stream = stream_] { stream->close(); });
}

void Connection::finish_writing() {
  assert(stream_->home_is_here());
  stream_->finish_writing();
}

bool Connection::is_quiet() const {
  assert(stream_->home_is_here());
  return stream_->is_quiet();
}

std::string Connection::peer() const {
  assert(stream_->home_is_here());
  return stream_->peer_address();
}

Task<Result<Connection>> connect(Runtime& runtime, Address to, std::shared_ptr<TlsTrust> trust,
                                 Instant deadline) {
  Runtime::Loops& loops = runtime.loops();
  const std::size_t loop = loops.current().value_or(runtime.bits() % loops.count());
  auto stream = std::make_shared<Stream>(runtime, loop);
  stream->peer = to_string(to);
  return open(std::move(stream), std::move(to), std::move(trust), deadline);
}

}  // namespace headrace::io
