#include "valkey/node.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace headrace::valkey {

namespace {

constexpr std::string_view beat_ms = "3600000";

}  // namespace

Node::Node(Runtime& runtime, ClientOptions options, Replication replication)
    : address_(options.to),
      name_(to_string(options.to)),
      replication_(replication),
      beat_(options.probe + "b"),
      answer_within_(options.answer_within),
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

// A server that is full refuses SET, and changes the end of what is there.
RespCommands Node::wait_for_copies() const {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(replication_.within).count();
  RespCommands commands;
  commands.add({"SET", beat_, "1", "PX", beat_ms})
      .add({"PEXPIRE", beat_, beat_ms})
      .add({"WAIT", std::to_string(replication_.replicas), std::to_string(ms)});
  return commands;
}

Result<void> Node::check_copies(Replies& replies) const {
  const RespValue have = std::move(replies.values.back());
  replies.values.pop_back();
  const RespValue beat = std::move(replies.values.back());
  replies.values.pop_back();
  replies.values.pop_back();
  if (beat.is_error()) return failure(code_, name_ + ": " + std::string(beat.text));
  if (beat.integer != 1) return failure(code_, name_ + ": it is full, and can do no more");
  if (have.is_error()) return failure(code_, name_ + ": WAIT: " + std::string(have.text));
  if (have.integer >= static_cast<std::int64_t>(replication_.replicas)) return {};
  return failure(code_, name_ + ": only " + std::to_string(have.integer) + " of " +
                            std::to_string(replication_.replicas) +
                            " replicas have it in time (replicas, replicas_within)");
}

Task<Result<Replies>> Node::call(RespCommands commands, Copies copies, Duration within) {
  const bool is_copied = copies == Copies::before_it_counts && copied_ != nullptr;
  if (is_copied) {
    commands.add(wait_for_copies());
    // The wait for replicas comes on top of that for the server.
    within = std::max(within, answer_within_) + replication_.within;
  }
  Client& client = is_copied ? *copied_ : client_;
  auto calling = client.call(std::move(commands), within);
  Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return replies;
  see(*replies->server);
  if (!is_copied) co_return replies;
  const Result<void> has_copies = check_copies(*replies);
  if (!has_copies) co_return std::unexpected(has_copies.error());
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
