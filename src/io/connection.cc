#include "io/connection.h"

#include <openssl/ssl.h>

#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "io/loops.h"
#include "io/stream.h"
#include "io/tls_trust.h"

namespace headrace::io {

template <class Work>
void Stream::go_home(Work work) {
  if (home_is_here()) return work();
  boost::asio::post(context(), std::move(work));
}

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
  const bool ended = done.error == boost::asio::error::eof ||
                     done.error == boost::asio::ssl::error::stream_truncated;
  if (ended) return 0;
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

TlsTrust::TlsTrust() : context_(std::make_unique<Context>()) {}
TlsTrust::~TlsTrust() = default;

namespace {

std::unexpected<Error> unusable(std::string_view what, const std::string& file,
                                const ErrorCode& error) {
  return failure(Code::invalid_argument,
                 std::string(what) + " in \"" + file + "\" cannot be used: " + error.message());
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::make(const TlsFiles& files) {
  auto trust = std::make_shared<TlsTrust>();
  auto& ssl = trust->context_->ssl;
  SSL_CTX_set_min_proto_version(ssl.native_handle(), TLS1_2_VERSION);
  ErrorCode error;
  ssl.set_verify_mode(boost::asio::ssl::verify_peer, error);
  if (files.authorities.empty()) {
    ssl.set_default_verify_paths(error);
  } else {
    ssl.load_verify_file(files.authorities, error);
  }
  if (error) return unusable("the certificate authorities", files.authorities, error);
  if (files.certificate.empty() != files.key.empty()) {
    return failure(Code::invalid_argument,
                   "a client's certificate and its key belong together: name both files, or none");
  }
  if (files.certificate.empty()) return trust;
  ssl.use_certificate_chain_file(files.certificate, error);
  if (error) return unusable("the client's certificate", files.certificate, error);
  // Else a key with a password would have it asked for on the terminal.
  ssl.set_password_callback(
      [](std::size_t, boost::asio::ssl::context_base::password_purpose) { return std::string(); },
      error);
  ssl.use_private_key_file(files.key, boost::asio::ssl::context::pem, error);
  if (error) return unusable("the client's key", files.key, error);
  return trust;
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
