// server/http/server.h: the HTTP face of an engine.
//
// Threads:   make(), drain() and the destructor not on a thread of the runtime; all else on any.
// Errors:    make() returns invalid_argument (options that are wrong or not safe) or refused (the
//            address cannot be had).
// Lifetimes: borrows runtime, engine and store, which must outlive it; the runtime must run until
//            drain() has returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "headrace/engine.h"
#include "headrace/keyspace.h"
#include "headrace/merge.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/store.h"
#include "headrace/tenant_book.h"
#include "headrace/tenants.h"
#include "headrace/time.h"
#include "io/address.h"
#include "server/http/allowance_routes.h"
#include "server/http/feeds.h"
#include "server/http/migration.h"
#include "server/http/prices.h"
#include "server/http/snapshot_routes.h"

namespace headrace {

struct ServerOptions {
  std::string listen = "tcp://127.0.0.1:8080";
  std::string api_key{};  // Empty: everybody may ask, which is allowed on the loopback alone.
  std::string version = "0.0.0";
  http::Prices prices{};
  http::MigrationControl migration{};  // Of the store, if it moves.
  http::Snapshots snapshots{};
  http::FeedViews feeds{};  // May be empty.
  MergedViews merged{};
  http::AllowanceTable allowances{};
  // The cache service: records of clients, and who they are.  Both or neither; they must outlive
  // the server.
  Keyspace* keyspace = nullptr;
  Doorkeeper* doorkeeper = nullptr;  // Knows the operator's key too: api_key is then not asked for.
  TenantBook* tenants = nullptr;     // What the doorkeeper goes by, if the operator may see to it.
  Duration ttl_default = std::chrono::days(30);  // Of a value whose writer names no end.
  Duration ttl_max = std::chrono::days(365);     // Of one whose writer names one that is not none.

  std::size_t connections_max = 10000;
  std::size_t pipeline_max = 64;  // Answers gathered before they are sent.
  std::size_t batch_entities_max = 1000;
  std::size_t guards_max = 10000;  // That clients hold.
  std::size_t batch_answer_bytes_max = 64 << 20;
  std::size_t header_bytes_max = 16 << 10;
  std::size_t body_bytes_max = 8 << 20;
  std::size_t json_depth_max = 64;

  Duration header_within = std::chrono::seconds(10);
  Duration body_within = std::chrono::seconds(30);
  Duration idle_within = std::chrono::seconds(75);
  Duration write_within = std::chrono::seconds(30);
  Duration shutdown_within = std::chrono::seconds(25);
};

class HttpServer {
 public:
  // Listens from here on.  `store` may be null.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> make(ServerOptions options,
                                                                Runtime& runtime, Engine& engine,
                                                                Store* store);
  ~HttpServer();

  // As bound: with port 0 in the options, the port that was found.
  [[nodiscard]] const io::Address& address() const noexcept;

  // What is reported from here on is reckoned with these: prices may change, and policies come.
  void set_prices(http::Prices prices);
  // The same for snapshots.
  void set_snapshots(http::Snapshots snapshots);
  // Requests that begin from here on read through these.
  void set_merged(MergedViews views);
  // Requests that begin from here on are asked of these; those before may still be asking others.
  void set_allowances(http::AllowanceTable allowances);

  // From here on /readyz says 503, so that others stop sending; all else goes on.
  void announce_drain();
  // Accepts no more, ends idle connections, lets requests in progress finish for at most
  // `shutdown_within`, and closes what is left then.  Blocks until no session is left.  Idempotent.
  void drain();

  // For make() only.
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace headrace
