#include "io/listener.h"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <coroutine>
#include <latch>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "headrace/task.h"
#include "io/loops.h"
#include "io/stream.h"

namespace headrace::io {

namespace {

using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

Error cannot_listen(const Address& address, const ErrorCode& error) {
  const bool foreign = error == boost::asio::error::address_family_not_supported ||
                       error == boost::system::errc::address_not_available;
  return {.code = foreign ? Code::invalid_argument : Code::refused,
          .what = "cannot listen on " + to_string(address) + ": " + error.message() +
                  "; choose another address or end what listens there"};
}

Result<Tcp::endpoint> endpoint_of(const Address& address) {
  std::string host = address.host.empty() ? "0.0.0.0" : address.host;
  if (host == "localhost") host = "127.0.0.1";
  ErrorCode error;
  const auto ip = boost::asio::ip::make_address(host, error);
  if (!error) return Tcp::endpoint(ip, address.port);
  return failure(Code::invalid_argument, "cannot listen on " + to_string(address) +
                                             ": the host must be an IP address or localhost");
}

// A handshake, as an awaitable: whether it came to anything.
struct Greet {
  Stream& stream;
  std::shared_ptr<SSL_CTX> identity;
  Instant deadline;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    stream.begin(stream.reading, awaiting, deadline);
    stream.greet(*identity);
  }
  [[nodiscard]] bool await_resume() const noexcept { return !stream.reading.error; }
};

enum class Sharing : bool { alone, among_loops };

ErrorCode listen(Tcp::acceptor& acceptor, const Tcp::endpoint& at, int backlog, Sharing sharing) {
  ErrorCode error;
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error && sharing == Sharing::among_loops) acceptor.set_option(ReusePort(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error && sharing == Sharing::among_loops) acceptor.listen(backlog, error);
  return error;
}

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(Runtime& of, Options given, Accepted callback)
      : runtime(of), options(std::move(given)), accepted(std::move(callback)) {}

  Result<void> open();
  void accept(std::size_t loop);
  void take(std::size_t loop, Tcp::socket socket);
  static Task<void> greet(std::shared_ptr<State> self, std::size_t loop,
                          std::shared_ptr<Stream> stream);
  void rest(std::size_t loop);
  void close();

  Runtime& runtime;
  Options options;
  Accepted accepted;
  std::vector<std::unique_ptr<Tcp::acceptor>> acceptors;
  // Of each loop, touched there alone: streams that shake hands, and who waits for the last of
  // them.
  struct Greeting {
    std::set<std::shared_ptr<Stream>> streams{};
    std::shared_ptr<std::latch> none_left{};
  };
  std::vector<Greeting> greetings;
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> handshakes_failed{0};
  std::atomic<bool> closed{false};
};

Result<void> Listener::State::open() {
  auto endpoint = endpoint_of(options.address);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  Runtime::Loops& loops = runtime.loops();
  greetings.resize(loops.count());
  if (endpoint->port() != 0) {
    // With SO_REUSEPORT a second server of the same user would silently take half of our
    // connections.  Without it, binding fails if anybody listens there.
    Tcp::acceptor probe(loops.at(0));
    const ErrorCode error = listen(probe, *endpoint, 0, Sharing::alone);
    if (error) return std::unexpected(cannot_listen(options.address, error));
  }
  for (std::size_t i = 0; i < loops.count(); ++i) {
    acceptors.push_back(std::make_unique<Tcp::acceptor>(loops.at(i)));
    ErrorCode error = listen(*acceptors[i], *endpoint, options.backlog_max, Sharing::among_loops);
    if (!error) *endpoint = acceptors[i]->local_endpoint(error);
    if (error) return std::unexpected(cannot_listen(options.address, error));
  }
  options.address = {.host = endpoint->address().to_string(), .port = endpoint->port()};
  for (std::size_t i = 0; i < loops.count(); ++i) {
    boost::asio::post(loops.at(i), [self = shared_from_this(), i] { self->accept(i); });
  }
  return {};
}

// The number of connections is looked at before an accept, so that it can pass its limit by as many
// as there are loops.
void Listener::State::accept(std::size_t loop) {
  if (closed) return;
  if (connections.load(std::memory_order_relaxed) >= options.connections_max) return rest(loop);
  acceptors[loop]->async_accept(
      [self = shared_from_this(), loop](const ErrorCode& error, Tcp::socket socket) {
        if (self->closed) return;
        if (error) return self->rest(loop);
        self->take(loop, std::move(socket));
        self->accept(loop);
      });
}

void Listener::State::take(std::size_t loop, Tcp::socket socket) {
  ErrorCode ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  connections.fetch_add(1, std::memory_order_relaxed);
  auto count_off = [self = shared_from_this()] {
    self->connections.fetch_sub(1, std::memory_order_relaxed);
  };
  auto stream = std::make_shared<Stream>(runtime, loop, std::move(socket), std::move(count_off));
  stream->peer = "the client";
  if (!options.tls) return accepted(Connection(std::move(stream)));
  greetings[loop].streams.insert(stream);
  start(greet(shared_from_this(), loop, std::move(stream)));
}

Task<void> Listener::State::greet(std::shared_ptr<State> self, std::size_t loop,
                                  std::shared_ptr<Stream> stream) {
  Connection connection(stream);
  const Instant deadline = self->runtime.now() + self->options.handshake_within;
  Greet greeting{*stream, self->options.tls->context(), deadline};
  const bool is_met = co_await greeting;
  Greeting& mine = self->greetings[loop];
  mine.streams.erase(stream);
  stream.reset();
  if (!is_met && !self->closed) self->handshakes_failed.fetch_add(1, std::memory_order_relaxed);
  if (is_met && !self->closed) self->accepted(std::move(connection));
  if (mine.none_left && mine.streams.empty()) mine.none_left->count_down();
}

void Listener::State::rest(std::size_t loop) {
  runtime.post_at(runtime.now() + options.rest,
                  [self = shared_from_this(), loop] { self->accept(loop); });
}

void Listener::State::close() {
  assert(!runtime.loops().current());
  if (closed.exchange(true)) return;
  const auto ended = std::make_shared<std::latch>(std::ssize(acceptors));
  for (std::size_t i = 0; i < acceptors.size(); ++i) {
    boost::asio::post(runtime.loops().at(i), [this, ended, i] {
      ErrorCode ignored;
      acceptors[i]->close(ignored);
      if (greetings[i].streams.empty()) return ended->count_down();
      greetings[i].none_left = ended;
      for (const auto& stream : greetings[i].streams) stream->close();
    });
  }
  ended->wait();
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() {
  close();
}

Result<std::unique_ptr<Listener>> Listener::open(Runtime& runtime, Options options,
                                                 Accepted accepted) {
  auto state = std::make_shared<State>(runtime, std::move(options), std::move(accepted));
  auto opened = state->open();
  if (!opened) return std::unexpected(std::move(opened.error()));
  return std::make_unique<Listener>(std::move(state));
}

const Address& Listener::address() const noexcept {
  return state_->options.address;
}
std::size_t Listener::connections() const noexcept {
  return state_->connections.load(std::memory_order_relaxed);
}
std::uint64_t Listener::handshakes_failed() const noexcept {
  return state_->handshakes_failed.load(std::memory_order_relaxed);
}
void Listener::close() {
  state_->close();
}

}  // namespace headrace::io
