// io/stream.h: what is behind a Connection: a socket, perhaps TLS over it, and its deadlines.
//
// An operation takes steps, each as far as the socket allows at once, and waits for news of the
// socket in between.
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
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/runtime.h"
#include "io/address.h"
#include "io/connection.h"
#include "io/readiness.h"
#include "io/tls.h"

namespace headrace::io {

using ErrorCode = boost::system::error_code;
using Tcp = boost::asio::ip::tcp;

class Stream final : public std::enable_shared_from_this<Stream>, private Readiness::Watcher {
 public:
  using Step = Tls::Step (Stream::*)();
  enum class Awaits : std::uint8_t { nothing, bytes, room };  // Of the socket.
  // What a read or a write is at.
  struct Operation {
    std::coroutine_handle<> awaiting{};
    Instant deadline = Instant::max();  // Of what is awaited; else the end of time.
    ErrorCode error{};
    std::size_t bytes = 0;
    bool late = false;
    Awaits awaits = Awaits::nothing;
    Step step = nullptr;  // To be taken when that is there.
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
  // From here on the socket is this stream's.
  [[nodiscard]] ErrorCode adopt(Tcp::socket socket);
  void shake_hands();

  [[nodiscard]] Tls::Step receive();
  [[nodiscard]] Tls::Step send();
  [[nodiscard]] Tls::Step read_sealed() { return tls_->read(to_, room_); }
  [[nodiscard]] Tls::Step write_sealed();
  [[nodiscard]] Tls::Step greet_sealed() { return tls_->shake_hands(); }
  // Takes the first step.
  void take(Operation& operation, Step step);
  void wait_for(Operation& operation, Tls::State wanted);
  void on_news(Readiness::News news) override;
  void go_on(Operation& operation);
  // Ends what waits for the socket.
  void cancel(Operation& operation);
  void end_in_a_turn(Operation& operation, ErrorCode error, std::size_t bytes);
  void shut();
  void watch(Instant deadline);
  void look_at_deadlines();

  Runtime& runtime_;
  std::size_t loop_;
  int socket_ = -1;                        // Once it is connected, until it is closed.
  std::optional<Tcp::socket> connecting_;  // Until then.
  bool can_read_ = false;                  // As far as is known.
  bool has_ended_ = false;                 // The peer sends no more than what is there.
  char* to_ = nullptr;                     // Of the read ...
  std::size_t room_ = 0;
  std::string_view rest_;  // ... and of the write that is awaited.
  std::shared_ptr<TlsTrust> trust_;
  std::optional<Tls> tls_;
  std::optional<Tcp::resolver> resolver_;
  bool opening_ = false;
  Address address_;  // Of the peer, when it is to be connected to.
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
