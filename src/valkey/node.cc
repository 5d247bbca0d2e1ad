#include "valkey/node.h"

#include <utility>

namespace headrace::valkey {

Node::Node(Runtime& runtime, ClientOptions options, Replication replication)
    : address_(options.to),
      name_(to_string(options.to)),
      replication_(replication),
      code_(options.code),
      client_(runtime, options) {
  if (replication.replicas == 0) return;
  ClientOptions copied = std::move(options);
  if (!copied.probe.empty()) copied.probe += "w";
  copied_ = std::make_unique<Client>(runtime, std::move(copied));
}

void Node::see(const Server& server) {
  const std::scoped_lock lock(mutex_);
  if (server.greeted_at < seen_at_) return;
  seen_ = server.incarnation;
  seen_at_ = server.greeted_at;
}

Token Node::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

void Node::remember(Token incarnation) {
  const std::scoped_lock lock(mutex_);
  seen_ = incarnation;
}

Task<Result<Replies>> Node::call(RespCommands commands, Copies copies, Duration within) {
  const bool is_copied = copies == Copies::before_it_counts && copied_ != nullptr;
  if (is_copied) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(replication_.within).count();
    commands.add({"WAIT", std::to_string(replication_.replicas), std::to_string(ms)});
  }
  Client& client = is_copied ? *copied_ : client_;
  auto calling = client.call(std::move(commands), within);
  Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return replies;
  see(*replies->server);
  if (!is_copied) co_return replies;
  const RespValue have = std::move(replies->values.back());
  replies->values.pop_back();
  if (have.is_error()) co_return failure(code_, name_ + ": WAIT: " + std::string(have.text));
  if (have.integer < static_cast<std::int64_t>(replication_.replicas)) {
    co_return failure(code_, name_ + ": only " + std::to_string(have.integer) + " of " +
                                 std::to_string(replication_.replicas) +
                                 " replicas have it in time (replicas, replicas_within)");
  }
  co_return replies;
}

Task<Result<std::shared_ptr<Server>>> Node::greeted() {
  std::shared_ptr<Server> server = client_.server();
  if (server) co_return server;
  RespCommands commands;
  commands.add({"PING"});
  auto calling = call(std::move(commands), Copies::as_they_come, Duration::zero());
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  co_return replies->server;
}

Task<Result<Token>> Node::incarnation() {
  RespCommands commands;
  commands.add({"INFO", "server"}).add({"INFO", "replication"});
  auto calling = call(std::move(commands), Copies::as_they_come, Duration::zero());
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  Result<Token> token = incarnation_of(replies->values[0].text, replies->values[1].text);
  if (!token) co_return failure(code_, name_ + ": " + token.error().what);
  if (!(*token == replies->server->incarnation)) {
    forget_connections();
    co_return failure(code_, name_ + ": it follows another history than before");
  }
  co_return token;
}

void Node::forget_connections() {
  client_.forget_connections();
  if (copied_) copied_->forget_connections();
}

void Node::close() {
  client_.close();
  if (copied_) copied_->close();
}

}  // namespace headrace::valkey
