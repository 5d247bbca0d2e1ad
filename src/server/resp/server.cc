#include "server/resp/server.h"

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "io/listener.h"
#include "io/loops.h"
#include "server/resp/service.h"
#include "server/resp/session.h"

namespace headrace {

namespace {

using resp::Session;

resp::SessionLimits limits_of(const RespServerOptions& options) {
  return {.request = {.args_max = options.args_max,
                      .bulk_bytes_max = options.bulk_bytes_max,
                      .request_bytes_max = options.request_bytes_max,
                      .line_bytes_max = options.inline_bytes_max},
          .output_bytes_max = options.output_bytes_max,
          .auth_within = options.auth_within,
          .request_within = options.request_within,
          .idle_within = options.idle_within,
          .write_within = options.write_within};
}

Result<void> check(const RespServerOptions& options, const Doorkeeper& doorkeeper,
                   const io::Address& address) {
  if (doorkeeper.anonymous() && !address.is_loopback()) {
    return failure(Code::invalid_argument,
                   "refusing to listen on " + to_string(address) +
                       " while whoever has no API key may ask, for everybody who can reach it "
                       "could read and change what it keeps; listen on 127.0.0.1");
  }
  if (!options.tls && !options.allow_plain && !address.is_loopback()) {
    return failure(Code::invalid_argument,
                   "refusing to listen on " + to_string(address) +
                       " without TLS, for keys and records could be read on the way; set a "
                       "certificate and its key, or say that it may be plain");
  }
  const bool bounded = options.connections_max > 0 && options.args_max > 0 &&
                       options.bulk_bytes_max > 0 && options.request_bytes_max > 0 &&
                       options.inline_bytes_max > 0 && options.output_bytes_max > 0 &&
                       options.auth_failures_max > 0;
  if (bounded) return {};
  return failure(Code::invalid_argument, "the limits of the RESP server must not be zero");
}

}  // namespace

struct RespServer::State {
  State(RespServerOptions given, Runtime& of, resp::Service::Ports ports)
      : options(std::move(given)),
        runtime(of),
        service({.version = options.version,
                 .auth_failures_max = options.auth_failures_max,
                 .output_bytes_max = options.output_bytes_max},
                ports),
        sessions(runtime.threads()) {}

  Result<void> listen(const io::Address& address);
  void begin(io::Connection connection);
  void ended(std::size_t loop, Session* session);
  void for_all_sessions(void (Session::*what)());
  void drain();

  RespServerOptions options;
  Runtime& runtime;
  resp::Service service;
  std::unique_ptr<io::Listener> listener;
  std::vector<std::set<Session*>> sessions;  // Of each loop, touched there alone.
  std::mutex mutex;
  std::condition_variable none_left;
  std::size_t live = 0;  // Sessions, under the mutex.
};

Result<void> RespServer::State::listen(const io::Address& address) {
  if (auto hearing = service.hub.listen(service.ports.engine); !hearing) return hearing;
  io::Listener::Options listening{.address = address, .connections_max = options.connections_max};
  listening.tls = options.tls;
  auto opened =
      io::Listener::open(runtime, std::move(listening),
                         [this](io::Connection connection) { begin(std::move(connection)); });
  if (!opened) return std::unexpected(std::move(opened.error()));
  listener = *std::move(opened);
  service.options.port = listener->address().port;
  return {};
}

void RespServer::State::begin(io::Connection connection) {
  const std::size_t loop = runtime.loops().current().value();
  std::string peer = connection.peer();
  const auto place = std::make_shared<Session*>(nullptr);
  auto session = std::make_shared<Session>(std::move(connection), service, limits_of(options),
                                           [this, loop, place] { ended(loop, *place); });
  *place = session.get();
  sessions[loop].insert(session.get());
  {
    const std::lock_guard lock(mutex);
    ++live;
  }
  service.counts.connections.fetch_add(1, std::memory_order_relaxed);
  auto& context = runtime.loops().at(loop);
  const auto on_loop = [weak = std::weak_ptr(session), &context](auto work) {
    boost::asio::post(context, [weak, work = std::move(work)] {
      if (const auto alive = weak.lock()) work(alive);
    });
  };
  resp::Client& client = session->client();
  client.card->id = service.roster.next_id();
  client.card->address = std::move(peer);
  client.card->since = runtime.now();
  client.card->active = runtime.now();
  client.card->close = [on_loop] {
    on_loop([](const std::shared_ptr<Session>& alive) { alive->close(); });
  };
  client.deliver = [on_loop](resp::Messages messages) {
    on_loop([messages = std::move(messages)](const std::shared_ptr<Session>& alive) {
      Session::hear(alive, messages);
    });
  };
  service.roster.add(client.card);
  start(Session::run(std::move(session)));
}

void RespServer::State::ended(std::size_t loop, Session* session) {
  sessions[loop].erase(session);
  const std::lock_guard lock(mutex);
  if (--live == 0) none_left.notify_all();
}

// Returns when it was done on every loop.
void RespServer::State::for_all_sessions(void (Session::*what)()) {
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

void RespServer::State::drain() {
  if (listener) listener->close();
  for_all_sessions(&Session::drain);
  std::unique_lock lock(mutex);
  const auto is_done = [this] { return live == 0; };
  if (!none_left.wait_for(lock, options.shutdown_within, is_done)) {
    lock.unlock();
    for_all_sessions(&Session::close);
    lock.lock();
    none_left.wait(lock, is_done);  // What is in progress has its own end.
  }
  service.hub.close();
}

RespServer::RespServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
RespServer::~RespServer() {
  drain();
}

Result<std::unique_ptr<RespServer>> RespServer::make(RespServerOptions options, Runtime& runtime,
                                                     Keyspace& keyspace, Doorkeeper& doorkeeper,
                                                     Engine& engine) {
  const auto address = io::parse_address(options.listen);
  if (!address) return std::unexpected(address.error());
  if (auto checked = check(options, doorkeeper, *address); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const resp::Service::Ports ports{.keyspace = keyspace,
                                   .doorkeeper = doorkeeper,
                                   .engine = engine,
                                   .clock = runtime,
                                   .random = runtime};
  auto state = std::make_unique<State>(std::move(options), runtime, ports);
  if (auto listening = state->listen(*address); !listening) {
    return std::unexpected(std::move(listening.error()));
  }
  return std::make_unique<RespServer>(std::move(state));
}

const io::Address& RespServer::address() const noexcept {
  return state_->listener->address();
}

RespServer::Counts RespServer::counts() const {
  const resp::Counts& counts = state_->service.counts;
  return {.connections_total = counts.connections.load(std::memory_order_relaxed),
          .commands_total = counts.commands.load(std::memory_order_relaxed),
          .refused_total = counts.errors.load(std::memory_order_relaxed),
          .connections = state_->service.roster.size()};
}

void RespServer::drain() {
  state_->drain();
}

}  // namespace headrace
