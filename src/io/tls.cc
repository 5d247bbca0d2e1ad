#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cassert>
#include <cerrno>
#include <climits>

namespace headrace::io {

namespace asio = boost::asio;

namespace {

int int_of(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

Tls::Tls(const int& socket, SSL_CTX& context) : socket_(socket), ssl_(SSL_new(&context), SSL_free) {
  assert(ssl_ && "out of memory");
  BIO* const bio = BIO_new(method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

Tls::Tls(const int& socket, SSL_CTX& context, const std::string& host) : Tls(socket, context) {
  SSL_set_connect_state(ssl_.get());
  boost::system::error_code is_name;
  (void)asio::ip::make_address(host, is_name);
  if (is_name) {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl_.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  }
}

// The number is read each time: what was a socket may be another's file once it is closed.
int Tls::send(BIO* bio, const char* from, int size) {
  Tls& tls = *static_cast<Tls*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(tls.socket_, from, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_write(bio);
  } else {
    tls.fault_ = errno;
  }
  return -1;
}

int Tls::receive(BIO* bio, char* to, int size) {
  Tls& tls = *static_cast<Tls*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(tls.socket_, to, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got > 0) return static_cast<int>(got);
  if (got == 0) {
    tls.ended_ = true;
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_read(bio);
  } else {
    tls.fault_ = errno;
  }
  return static_cast<int>(got);
}

long Tls::control(BIO*, int what, long, void*) {
  return what == BIO_CTRL_FLUSH ? 1 : 0;  // Nothing is held back here.
}

const BIO_METHOD* Tls::method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_write(method, send);
    BIO_meth_set_read(method, receive);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return made;
}

Tls::Step Tls::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return {.bytes = static_cast<std::size_t>(std::max(result, 0))};
    case SSL_ERROR_WANT_READ: return {.state = State::wants_read};
    case SSL_ERROR_WANT_WRITE: return {.state = State::wants_write};
    case SSL_ERROR_ZERO_RETURN: return {.state = State::failed, .error = asio::error::eof};
    default: break;
  }
  const unsigned long said = ERR_get_error();
  Step step{.state = State::failed, .error = asio::error::eof};
  if (said != 0 && !ended_) {
    step.error.assign(static_cast<int>(said), asio::error::get_ssl_category());
  } else if (!ended_) {
    step.error.assign(fault_ != 0 ? fault_ : EPROTO, boost::system::system_category());
  }
  return step;
}

Tls::Step Tls::shake_hands() {
  ERR_clear_error();
  fault_ = 0;
  Step step = step_of(SSL_do_handshake(ssl_.get()));
  step.bytes = 0;
  return step;
}

Tls::Step Tls::read(char* to, std::size_t room) {
  assert(room > 0);
  ERR_clear_error();
  fault_ = 0;
  return step_of(SSL_read(ssl_.get(), to, int_of(room)));
}

Tls::Step Tls::write(std::string_view bytes) {
  std::size_t written = 0;
  for (;;) {
    ERR_clear_error();
    fault_ = 0;
    Step step = step_of(SSL_write(ssl_.get(), bytes.data(), int_of(bytes.size())));
    written += step.bytes;
    bytes.remove_prefix(step.bytes);
    step.bytes = written;
    if (step.state != State::done || bytes.empty()) return step;
  }
}

void Tls::say_end() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 1) (void)SSL_shutdown(ssl_.get());
}

}  // namespace headrace::io
