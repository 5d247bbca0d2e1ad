// io/stream.h: what is behind a Connection: a socket, perhaps TLS over it, and its deadlines.
//
// A stream has one timer at most.  It is not set anew for each operation: when it fires too early,
// which is the rule on a connection that lives, it looks when the present deadline is, and waits
// on.
//
// Threads:   on its loop alone, but for home_is_here(), go_home() and context().
// Errors:    kept as error codes; connection.cc turns them into words.
// Lifetimes: shared by the connection, its timer and what is posted to the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/runtime.h"
#include "io/address.h"
#include "io/connection.h"
#include "io/tls.h"

namespace headrace::io {

using ErrorCode = boost::system::error_code;
using Tcp = boost::asio::ip::tcp;

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // What a read or a write is at.
  struct Operation {
    std::coroutine_handle<> awaiting{};
    Instant deadline = Instant::max();  // Of what is awaited; else the end of time.
    ErrorCode error{};
    std::size_t bytes = 0;
    bool late = false;
  };

  Stream(Runtime& runtime, std::size_t loop);
  // `on_end` is called when the stream is destroyed.
  Stream(Runtime& runtime, std::size_t loop, Tcp::socket socket,
         std::move_only_function<void()> on_end);
  ~Stream();

  [[nodiscard]] bool home_is_here() const noexcept;
  [[nodiscard]] boost::asio::io_context& context() noexcept;
  // Runs `work` on the loop: now if this is it.
  template <class Work>
  void go_home(Work work);

  // Resolves, connects and shakes hands, as one read.
  void open(const Address& to, std::shared_ptr<TlsTrust> trust);
  // Shakes hands as a server, as one read.
  void greet(SSL_CTX& identity);
  void read(char* to, std::size_t room);
  void write(std::string_view bytes);
  // Writes what the socket takes at once, and says how much that was.
  [[nodiscard]] std::size_t write_now(std::string_view bytes);
  void finish_writing();
  void close();

  void begin(Operation& operation, std::coroutine_handle<> awaiting, Instant deadline);
  void end(Operation& operation, ErrorCode error, std::size_t bytes);
  [[nodiscard]] Error error_of(const Operation& operation, std::string_view doing) const;
  [[nodiscard]] bool is_quiet();
  [[nodiscard]] std::string peer_address() const;

  Operation reading;
  Operation writing;
  bool closed = false;
  std::string peer;  // For error texts.

 private:
  void connect(const Tcp::resolver::results_type& found);
  void shake_hands();
  // Takes steps over TLS, as the socket allows, until one is the last.
  template <class Step>
  void take(Operation& operation, Step step);
  template <class Step>
  void take_when(Tls::State wanted, Operation& operation, Step step);
  void watch(Instant deadline);
  void look_at_deadlines();

  Runtime& runtime_;
  std::size_t loop_;
  Tcp::socket socket_;
  std::shared_ptr<TlsTrust> trust_;
  std::optional<Tls> tls_;
  std::optional<Tcp::resolver> resolver_;
  bool opening_ = false;
  Address to_;
  std::move_only_function<void()> on_end_;
  Executor::TimerId timer_ = Executor::TimerId::none;
  Instant timer_at_ = Instant::max();
};

template <class Work>
void Stream::go_home(Work work) {
  if (home_is_here()) return work();
  boost::asio::post(context(), std::move(work));
}

}  // namespace headrace::io
