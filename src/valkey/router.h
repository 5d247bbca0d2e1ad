// valkey/router.h: who is asked for which key: one server, the primary that sentinels name, or the
// nodes of a cluster.
//
// Threads:   any member from any thread; a call ends on a loop.
// Errors:    the code of the options, saying which server and what happened.  Other errors among
//            the replies are the caller's to look at.  open_router(): invalid_argument.
// Lifetimes: must outlive its calls; close() it before its runtime stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "valkey/client.h"
#include "valkey/node.h"

namespace headrace::valkey {

// Commands that are carried out in their order, where the keys are.  REQUIRES: each names keys of
// `slot` alone, and no more than one (all may be named where there is one server); and all but the
// first may be carried out twice, one right behind the other: that happens while a slot moves.
struct Ask {
  std::uint16_t slot = 0;  // Router::slot_of() their keys.
  RespCommands commands{};
};

struct Answer {
  std::vector<RespValue> values{};   // One for each command; they point into the Answers.
  std::shared_ptr<Server> server{};  // That has carried out the last of them.
};

struct Answers {
  std::vector<Answer> all{};    // In the order in which was asked.
  Token incarnation{};          // Of all servers together, in which all of it holds.
  std::vector<Replies> kept{};  // What the values point into.
};

// One stop of a round that comes to each server in turn.
struct Stop {
  Answers answers{};        // One, of that server; none if no server has that number.
  std::size_t servers = 0;  // Their numbers are below.
  Token order{};            // Which servers have which numbers, and what each of them is.
};

class Router {
 public:
  virtual ~Router() = default;

  // Whether one server has all keys.
  [[nodiscard]] virtual bool is_one() const noexcept = 0;
  [[nodiscard]] virtual std::uint16_t slot_of(std::string_view key) const noexcept = 0;

  // REQUIRES: something is asked.  Where it goes to different servers it is done side by side.
  // Nothing is sent twice but what a server has not carried out and said so.
  [[nodiscard]] virtual Task<Result<Answers>> ask(std::vector<Ask> asks, Copies copies,
                                                  Duration within = Duration::zero()) = 0;

  // Has the server of that number carry out commands that are of no key, such as SCAN, and asks who
  // has which keys behind them, of those who have them.  Between two stops whose `order` is the
  // same no key has gone from one server to another without being on its way at one of them, and
  // each server is the same process with the same history, as far as is known: incarnation() asks
  // who they are.  It fails while keys are on their way.
  // REQUIRES: there are commands, which may be carried out twice.
  [[nodiscard]] virtual Task<Result<Stop>> stop_at(std::size_t number, RespCommands commands) = 0;

  // The server that has the slot; greeted, if nothing was known of it.
  [[nodiscard]] virtual Task<Result<std::shared_ptr<Server>>> server_of(std::uint16_t slot) = 0;
  // The same, if it is known.
  [[nodiscard]] virtual std::shared_ptr<Server> known_server_of(std::uint16_t slot) const = 0;

  // Asks all servers which they are.
  [[nodiscard]] virtual Task<Result<Token>> incarnation() = 0;

  // Those that are known now.
  [[nodiscard]] virtual std::vector<std::shared_ptr<Server>> servers() const = 0;

  virtual void close() = 0;
};

// Where the servers are: one of the three, and what belongs to it.
struct Where {
  std::string address{};
  std::vector<std::string> cluster{};    // Some of its nodes.
  std::vector<std::string> sentinels{};  // Some of those that watch ...
  std::string sentinel_master{};         // ... this primary.
  Login sentinel_login{};
  Replication replication{};
};

// Of the client's options, `to` is set here, and `probe` begins a key that ends here.
[[nodiscard]] Result<std::unique_ptr<Router>> open_router(Where where, ClientOptions client,
                                                          Runtime& runtime);

// What a store's, or a bus's, public options say of it.
template <class Options>
[[nodiscard]] Where where_of(const Options& options) {
  return {.address = options.address,
          .cluster = options.cluster,
          .sentinels = options.sentinels,
          .sentinel_master = options.sentinel_master,
          .sentinel_login = {.user = options.sentinel_user, .password = options.sentinel_password}};
}
// May return: invalid_argument (the file of authorities).
template <class Options>
[[nodiscard]] Result<ClientOptions> client_of(const Options& options) {
  ClientOptions client{.login = {.user = options.user, .password = options.password},
                       .connect_within = options.connect_within,
                       .answer_within = options.answer_within};
  if (!options.tls) return client;
  auto trust = io::TlsTrust::make({.authorities = options.tls_ca_file,
                                   .certificate = options.tls_cert_file,
                                   .key = options.tls_key_file});
  if (!trust) return std::unexpected(std::move(trust.error()));
  client.tls = *std::move(trust);
  return client;
}

// All that is asked goes to one node, which has all keys.
[[nodiscard]] Task<Result<Stop>> stop_at_one(NodeRef node, std::size_t number,
                                             RespCommands commands);
[[nodiscard]] Task<Result<Answers>> ask_one(NodeRef node, std::vector<Ask> asks, Copies copies,
                                            Duration within);

}  // namespace headrace::valkey
