// io/tls.h: TLS over a socket, in steps that never wait.
//
// A step does what the socket allows at once, and says what it waits for: OpenSSL sends and
// receives on the socket itself, in the buffers of whoever reads and writes.
//
// Threads:   on the socket's loop alone.
// Errors:    error codes, of the system's category or of OpenSSL's; the end of the stream is
//            asio's eof, whether the peer has said it or only hung up.
// Lifetimes: borrows the socket, and looks at its number each time: -1 once it is closed.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace headrace::io {

class Tls {
 public:
  enum class State : std::uint8_t { done, wants_read, wants_write, failed };
  struct Step {
    State state = State::done;
    std::size_t bytes = 0;  // Of a write also if it is not done.
    boost::system::error_code error{};

    [[nodiscard]] bool is_over() const noexcept {
      return state == State::done || state == State::failed;
    }
  };

  // The server's side.
  Tls(const int& socket, SSL_CTX& context);
  // The client's side, of a server that has to prove that it is `host`.
  Tls(const int& socket, SSL_CTX& context, const std::string& host);
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls() = default;

  [[nodiscard]] Step shake_hands();
  [[nodiscard]] Step read(char* to, std::size_t room);
  // REQUIRES: until a write is done, the next one begins with what it has left.
  [[nodiscard]] Step write(std::string_view bytes);
  // Tells the peer that nothing more comes, if the socket takes that at once.
  void say_end();

 private:
  static int send(BIO* bio, const char* from, int size);
  static int receive(BIO* bio, char* to, int size);
  static long control(BIO* bio, int what, long number, void* at);
  static const BIO_METHOD* method();
  // What OpenSSL's answer to the last call means.
  [[nodiscard]] Step step_of(int result);

  const int& socket_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  int fault_ = 0;       // Of the system, in the present step.
  bool ended_ = false;  // The peer has hung up.
};

}  // namespace headrace::io
