#include "server/http/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "io/listener.h"
#include "io/loops.h"
#include "server/http/api.h"
#include "server/http/session.h"

namespace headrace {

namespace {

using http::Session;

http::SessionLimits limits_of(const ServerOptions& options) {
  return {.http = {.header_bytes_max = options.header_bytes_max,
                   .body_bytes_max = options.body_bytes_max},
          .pipeline_max = options.pipeline_max,
          .header_within = options.header_within,
          .body_within = options.body_within,
          .idle_within = options.idle_within,
          .write_within = options.write_within};
}

Result<void> check(const ServerOptions& options, const io::Address& address) {
  const bool is_open = options.doorkeeper == nullptr ? options.api_key.empty()
                                                     : options.doorkeeper->anonymous() != nullptr;
  if (is_open && !address.is_loopback()) {
    return failure(Code::invalid_argument,
                   "refusing to listen on " + to_string(address) +
                       " without an API key, for everybody who can reach it could read and change "
                       "what it serves; set an API key, or listen on 127.0.0.1");
  }
  if (!options.tls && !options.allow_plain && !address.is_loopback()) {
    return failure(Code::invalid_argument,
                   "refusing to listen on " + to_string(address) +
                       " without TLS, for the API key and all that is served could be read on the "
                       "way; set a certificate and its key, or say that it may be plain");
  }
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(options.api_key, is_visible)) {
    return failure(Code::invalid_argument,
                   "the API key must be visible ASCII characters without spaces; a file's last "
                   "line end does not belong to it");
  }
  const bool bounded = options.connections_max > 0 && options.pipeline_max > 0 &&
                       options.batch_entities_max > 0 && options.header_bytes_max >= 1024 &&
                       options.body_bytes_max > 0 && options.json_depth_max > 0;
  if (options.ttl_default <= Duration::zero() || options.ttl_default > options.ttl_max) {
    return failure(Code::invalid_argument,
                   "ttl_default must be longer than zero, and no longer than ttl_max");
  }
  if (bounded) return {};
  return failure(Code::invalid_argument,
                 "the server's limits must not be zero, and header_bytes_max at least 1024");
}

}  // namespace

struct HttpServer::State {
  State(ServerOptions given, Runtime& of, Engine& engine, Store* store)
      : options(std::move(given)),
        runtime(of),
        api(options, {.engine = engine,
                      .store = store,
                      .random = runtime,
                      .clock = runtime,
                      .executor = runtime,
                      .loops = runtime.threads(),
                      .current_loop = [this] { return runtime.loops().current().value_or(0); },
                      .connections = [this] { return sessions_live(); },
                      .handshakes_failed = [this] { return handshakes_failed(); }}),
        sessions(runtime.threads()) {}

  Result<void> listen(const io::Address& address);
  void begin(io::Connection connection);
  void ended(Session* session, std::size_t loop);
  [[nodiscard]] std::size_t sessions_live();
  [[nodiscard]] std::uint64_t handshakes_failed() const;
  void for_all_sessions(void (Session::*what)());
  void drain();

  ServerOptions options;
  Runtime& runtime;
  http::Api api;
  std::unique_ptr<io::Listener> listener;
  std::atomic<const io::Listener*> opened{nullptr};  // The same, for sessions that it has begun.
  std::vector<std::set<Session*>> sessions;          // Of each loop, touched there alone.
  std::mutex mutex;
  std::condition_variable none_left;
  std::size_t live = 0;  // Sessions, under the mutex.
};

Result<void> HttpServer::State::listen(const io::Address& address) {
  auto made =
      io::Listener::open(runtime,
                         {.address = address,
                          .connections_max = options.connections_max,
                          .tls = options.tls,
                          .handshake_within = options.handshake_within},
                         [this](io::Connection connection) { begin(std::move(connection)); });
  if (!made) return std::unexpected(std::move(made.error()));
  listener = *std::move(made);
  opened = listener.get();
  return {};
}

void HttpServer::State::begin(io::Connection connection) {
  const std::size_t loop = runtime.loops().current().value();
  auto session = std::make_shared<Session>(std::move(connection), api, runtime, limits_of(options));
  Session* const one = session.get();
  sessions[loop].insert(one);
  {
    const std::lock_guard lock(mutex);
    ++live;
  }
  start(Session::run(std::move(session)), [this, one, loop] { ended(one, loop); });
}

void HttpServer::State::ended(Session* session, std::size_t loop) {
  sessions[loop].erase(session);
  const std::lock_guard lock(mutex);
  if (--live == 0) none_left.notify_all();
}

std::size_t HttpServer::State::sessions_live() {
  const std::lock_guard lock(mutex);
  return live;
}

std::uint64_t HttpServer::State::handshakes_failed() const {
  const io::Listener* const known = opened;
  return known == nullptr ? 0 : known->handshakes_failed();
}

// Returns when it was done on every loop.
void HttpServer::State::for_all_sessions(void (Session::*what)()) {
  const auto done = std::make_shared<std::latch>(std::ssize(sessions));
  for (std::size_t loop = 0; loop < sessions.size(); ++loop) {
    boost::asio::post(runtime.loops().at(loop), [this, loop, what, done] {
      // A session that is closed ends in a later turn of the loop, never inside this one.
      for (Session* const session : sessions[loop]) (session->*what)();
      done->count_down();
    });
  }
  done->wait();
}

void HttpServer::State::drain() {
  api.drain();
  if (listener) listener->close();
  for_all_sessions(&Session::drain);
  std::unique_lock lock(mutex);
  const auto is_done = [this] { return live == 0; };
  if (none_left.wait_for(lock, options.shutdown_within, is_done)) return;
  lock.unlock();
  for_all_sessions(&Session::close);
  lock.lock();
  none_left.wait(lock, is_done);  // A read in progress has its own end: the policy's fetch_within.
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() {
  drain();
}

Result<std::unique_ptr<HttpServer>> HttpServer::make(ServerOptions options, Runtime& runtime,
                                                     Engine& engine, Store* store) {
  const auto address = io::parse_address(options.listen);
  if (!address) return std::unexpected(address.error());
  if (auto checked = check(options, *address); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  auto state = std::make_unique<State>(std::move(options), runtime, engine, store);
  if (auto listening = state->listen(*address); !listening) {
    return std::unexpected(std::move(listening.error()));
  }
  return std::make_unique<HttpServer>(std::move(state));
}

const io::Address& HttpServer::address() const noexcept {
  return state_->listener->address();
}
void HttpServer::set_prices(http::Prices prices) {
  state_->api.set_prices(std::move(prices));
}
void HttpServer::set_snapshots(http::Snapshots snapshots) {
  state_->api.set_snapshots(std::move(snapshots));
}
void HttpServer::set_merged(MergedViews views) {
  state_->api.set_merged(std::move(views));
}
void HttpServer::set_allowances(http::AllowanceTable allowances) {
  state_->api.set_allowances(std::move(allowances));
}
void HttpServer::announce_drain() {
  state_->api.announce_drain();
}
void HttpServer::drain() {
  state_->drain();
}

}  // namespace headrace
