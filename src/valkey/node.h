// valkey/node.h: one server that is a primary, and the connections to it.
//
// What has to be on replicas before it counts goes over connections of its own: a server that waits
// for its replicas answers nothing else on a connection meanwhile.  Behind it goes a write that
// always changes something, the *beat*: WAIT asks for the last change of its own connection, and
// what another has removed a moment ago, and a replica still has, is no change.
//
// Threads:   any member from any thread; a call ends on a loop.
// Errors:    as Client; besides, the code of the options if too few replicas have it.
// Lifetimes: shared; close() it before its runtime stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "valkey/client.h"

namespace headrace::valkey {

// On how many replicas a write has to be before it counts, and how long that may take.
struct Replication {
  std::size_t replicas = 0;
  Duration within = std::chrono::milliseconds(50);
};

enum class Copies : std::uint8_t { as_they_come, before_it_counts };

class Node {
 public:
  Node(Runtime& runtime, ClientOptions options, Replication replication);

  // As Client::call().  With copies `before_it_counts` the last of the commands is followed, on the
  // same connection, by the question how many replicas have all that the server did up to then.
  [[nodiscard]] Task<Result<Replies>> call(RespCommands commands, Copies copies, Duration within);

  // The server as it was greeted last; none: it never was.
  [[nodiscard]] std::shared_ptr<Server> server() const { return client_.server(); }
  // The same, after greeting it if need be.
  [[nodiscard]] Task<Result<std::shared_ptr<Server>>> greeted();

  // The incarnation that was seen last, by the youngest of its connections; none before the first.
  [[nodiscard]] Token seen() const;
  // Somebody has seen this before it was asked.
  void remember(Token incarnation);

  // Asks it for its incarnation: it may change while connections live, which are then made anew.
  [[nodiscard]] Task<Result<Token>> incarnation();

  void forget_connections();
  void close();

  [[nodiscard]] const io::Address& address() const noexcept { return address_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  void see(const Server& server);
  [[nodiscard]] RespCommands wait_for_copies() const;
  // Takes the replies to that off the end.
  [[nodiscard]] Result<void> check_copies(Replies& replies) const;

  const io::Address address_;
  const std::string name_;
  const Replication replication_;
  const std::string beat_;  // The key that the beat changes.
  const Duration answer_within_;
  const Code code_;
  Client client_;
  std::unique_ptr<Client> copied_;  // None if nothing waits for replicas.
  mutable std::mutex mutex_;
  Token seen_{};
  Instant seen_at_ = Instant::min();
};

using NodeRef = std::shared_ptr<Node>;

}  // namespace headrace::valkey
