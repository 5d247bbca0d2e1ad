#include "stores/memcached/orders.h"

#include <functional>

#include "stores/memcached/sight.h"

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;

// More lives than this do not begin and end within a call.
constexpr int rounds_max = 6;

std::unexpected<Error> restless(const Node& node) {
  return failure(Code::store_unavailable,
                 "memcached " + node.name() +
                     ": it forgets as fast as it is told; it is restarted, flushed, or has far "
                     "too little memory");
}

// Appends the commands of one round, each of which must answer done or not_found.
using Commands = std::function<void(Node&, MemcachedRequest&)>;

Task<Result<Token>> acknowledged(NodeRef node, Commands commands) {
  SessionRef makes_in;  // The session in which a life has to be begun.
  for (int round = 0; round < rounds_max; ++round) {
    MemcachedRequest request;
    if (makes_in) node->make_life(request, *makes_in);
    const std::size_t first = request.replies;
    commands(*node, request);
    node->ask_life(request);
    auto calling = node->call(std::move(request), makes_in);
    const Result<Replies> replies = co_await std::move(calling);
    makes_in.reset();
    if (!replies && replies.error().code == Code::cancelled) continue;
    if (!replies) co_return std::unexpected(replies.error());
    for (std::size_t i = first; i + 1 < replies->all.size(); ++i) {
      const MemcachedReply& reply = replies->all[i];
      if (reply.kind != Kind::done && reply.kind != Kind::not_found) co_return node->strange(reply);
    }
    const Result<Token> life = node->life_of(*replies, replies->all.back());
    if (!life) co_return std::unexpected(life.error());
    if (!life->is_none()) co_return *life;
    makes_in = replies->session;
  }
  co_return restless(*node);
}

}  // namespace

Task<Result<Token>> present_life(NodeRef node) {
  Commands none = [](Node&, MemcachedRequest&) {};
  return acknowledged(std::move(node), std::move(none));
}

Task<Result<Token>> empty_slots(NodeRef node, std::vector<StoreKey> keys) {
  Commands commands = [keys = std::move(keys)](Node& at, MemcachedRequest& request) {
    for (const StoreKey& key : keys) request.remove(at.names().slot(key));
  };
  return acknowledged(std::move(node), std::move(commands));
}

Task<Result<Token>> renew_marks(NodeRef node, std::vector<WatermarkId> ids) {
  Commands commands = [ids = std::move(ids)](Node& at, MemcachedRequest& request) {
    for (const WatermarkId& id : ids) {
      request.set(at.names().mark(id), bytes_of_mark(at.fresh_token()), {});
    }
  };
  return acknowledged(std::move(node), std::move(commands));
}

Task<Result<Marks>> marks_of(NodeRef node, std::vector<WatermarkId> ids) {
  Question question{.marks = ids};
  for (int round = 0; round < rounds_max; ++round) {
    auto seeing = see(node, question);
    Result<Sight> sight = co_await std::move(seeing);
    if (!sight && sight.error().code == Code::cancelled) {
      question = {.marks = ids};
      continue;
    }
    if (!sight) co_return std::unexpected(std::move(sight.error()));
    if (sight->is_complete()) {
      co_return Marks{.tokens = std::move(sight->marks), .life = sight->life};
    }
    question = sight->after(std::move(question));
  }
  co_return restless(*node);
}

}  // namespace headrace::memcached
