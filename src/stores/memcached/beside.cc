// Repeating is harmless here, whatever came between: an entry added twice is one, with an end that
// was fixed when the call was made; one that is taken away twice is gone; and a slot emptied twice
// costs a load.
//
// A request that arrives too late does no harm either: it is a compare-and-set, or an add of what
// the caller wanted, and what it adds ends by itself.
#include "stores/memcached/beside.h"

#include <algorithm>
#include <optional>

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;

// Each round that does not end it, another writer of the same key has had its turn.
constexpr int rounds_max = 64;

// One key's record as it was read.
struct Present {
  std::optional<BesideRecord> record{};
  std::uint64_t cas = 0;  // 0: there is none.
};

class Changing {
 public:
  Changing(NodeRef node, std::vector<BesideChange> changes, Instant called,
           std::size_t guards_per_key_max)
      : node_(std::move(node)),
        changes_(std::move(changes)),
        called_(called),
        guards_per_key_max_(guards_per_key_max) {}

  Task<Result<Token>> run();

 private:
  void begin_again();
  [[nodiscard]] MemcachedRequest question(const SessionRef& session) const;
  // False: it has to be asked again.
  Result<bool> read(const Replies& replies);
  // Applies what is asked for; an empty one: nothing has to be written.
  Result<std::optional<BesideRecord>> changed(const BesideChange& change, const Present& present,
                                              const Session& session) const;
  Result<MemcachedRequest> order(const Session& session);
  Result<void> judge(const Replies& replies);

  const NodeRef node_;
  const std::vector<BesideChange> changes_;
  const Instant called_;
  const std::size_t guards_per_key_max_;

  std::vector<std::size_t> left_;  // Changes that are not done.
  std::vector<Present> present_;   // Of them.
  std::vector<bool> writes_;       // Whether a record of theirs is written.
  Token life_{};                   // In which what is done was done.
  bool lacks_life_ = false;
};

Task<Result<Token>> Changing::run() {
  begin_again();
  SessionRef only_on;
  for (int round = 0; round < rounds_max; ++round) {
    MemcachedRequest asked = question(only_on);
    auto asking = node_->call(std::move(asked), only_on);
    const Result<Replies> seen = co_await std::move(asking);
    only_on.reset();
    if (!seen && seen.error().code == Code::cancelled) continue;
    if (!seen) co_return std::unexpected(seen.error());
    const Result<bool> is_ready = read(*seen);
    if (!is_ready) co_return std::unexpected(is_ready.error());
    if (!*is_ready) {
      if (lacks_life_) only_on = seen->session;
      continue;
    }
    Result<MemcachedRequest> ordered = order(*seen->session);
    if (!ordered) co_return std::unexpected(ordered.error());
    auto ordering = node_->call(std::move(*ordered), seen->session);
    const Result<Replies> outcome = co_await std::move(ordering);
    if (!outcome && outcome.error().code == Code::cancelled) continue;
    if (!outcome) co_return std::unexpected(outcome.error());
    const Result<void> judged = judge(*outcome);
    if (!judged) co_return std::unexpected(judged.error());
    if (left_.empty()) co_return life_;
  }
  co_return failure(
      Code::store_unavailable,
      "memcached " + node_->name() + ": too many change the guards and floors of one key at once");
}

MemcachedRequest Changing::question(const SessionRef& session) const {
  MemcachedRequest request;
  if (lacks_life_ && session) node_->make_life(request, *session);
  for (const std::size_t i : left_) {
    request.get(node_->names().beside(changes_[i].key), MemcachedRequest::Value::with);
  }
  node_->ask_life(request);
  return request;
}

void Changing::begin_again() {
  left_.clear();
  for (std::size_t i = 0; i < changes_.size(); ++i) left_.push_back(i);
}

// What was done in another life must be done again.
Result<bool> Changing::read(const Replies& replies) {
  for (const MemcachedReply& reply : replies.all) {
    if (reply.kind == Kind::error) return node_->strange(reply);
  }
  const Result<Token> life = node_->life_of(replies, replies.all.back());
  if (!life) return std::unexpected(life.error());
  lacks_life_ = life->is_none();
  const bool is_another = !life_.is_none() && *life != life_;
  if (lacks_life_ || is_another) {
    begin_again();
    life_ = {};
    return false;
  }
  life_ = *life;
  present_.clear();
  const std::size_t first = replies.all.size() - 1 - left_.size();
  for (std::size_t i = 0; i < left_.size(); ++i) {
    const MemcachedReply& reply = replies.all[first + i];
    Present present{.record = BesideRecord()};
    if (reply.kind == Kind::value) {
      present = {.record = BesideRecord::parse(reply.value), .cas = reply.cas()};
    }
    present_.push_back(std::move(present));
  }
  return true;
}

Result<std::optional<BesideRecord>> Changing::changed(const BesideChange& change,
                                                      const Present& present,
                                                      const Session& session) const {
  if (!present.record) {
    return failure(Code::store_unavailable,
                   "memcached " + node_->name() +
                       ": the guards and floors of a key are not what this version of Headrace "
                       "writes; run one version, or flush_all");
  }
  BesideRecord record = *present.record;
  const bool had_it = record.remove(change.unguard);
  if (change.guard.is_none() && change.floors.empty() && !had_it) {
    return std::optional<BesideRecord>();
  }
  record.expire(session.earliest(node_->now()));
  const ServerTime at = session.latest(called_);
  if (!change.guard.is_none()) record.add(change.guard, at + change.guard_lasts);
  for (const auto& [revision, lasts] : change.floors) record.raise(revision, at + lasts);
  if (record.guards.size() > guards_per_key_max_) {
    return failure(Code::store_unavailable,
                   "memcached " + node_->name() + ": " + std::to_string(guards_per_key_max_) +
                       " write guards stand on one key (guards_per_key_max); try again when some "
                       "have ended");
  }
  return std::optional<BesideRecord>(std::move(record));
}

// First all records, then all slots: a slot is emptied after its guard stands.
Result<MemcachedRequest> Changing::order(const Session& session) {
  MemcachedRequest request;
  writes_.clear();
  for (std::size_t i = 0; i < left_.size(); ++i) {
    const BesideChange& change = changes_[left_[i]];
    const Present& present = present_[i];
    const auto record = changed(change, present, session);
    if (!record) return std::unexpected(record.error());
    writes_.push_back(record->has_value());
    if (!writes_.back()) continue;
    const std::string name = node_->names().beside(change.key);
    if (!(*record)->is_empty()) {
      request.set(name, (*record)->bytes(),
                  {.when = present.cas == 0 ? Set::If::absent : Set::If::matches,
                   .cas = present.cas,
                   .expires_at = expiry_of((*record)->ends_at())});
    } else {
      request.remove_if(name, present.cas);
    }
  }
  for (const std::size_t i : left_) {
    if (changes_[i].empties) request.remove(node_->names().slot(changes_[i].key));
  }
  node_->ask_life(request);
  return request;
}

Result<void> Changing::judge(const Replies& replies) {
  for (const MemcachedReply& reply : replies.all) {
    if (reply.kind == Kind::error) return node_->strange(reply);
  }
  const Result<Token> life = node_->life_of(replies, replies.all.back());
  if (!life) return std::unexpected(life.error());
  if (*life != life_) {
    lacks_life_ = false;
    begin_again();
    return {};
  }
  std::vector<std::size_t> again;
  std::size_t at = 0;
  for (std::size_t i = 0; i < left_.size(); ++i) {
    if (writes_[i] && replies.all[at++].kind != Kind::done) again.push_back(left_[i]);
  }
  left_ = std::move(again);
  return {};
}

}  // namespace

Task<Result<Token>> change_beside(NodeRef node, std::vector<BesideChange> changes, Instant called,
                                  std::size_t guards_per_key_max) {
  auto changing =
      std::make_unique<Changing>(std::move(node), std::move(changes), called, guards_per_key_max);
  auto running = changing->run();
  Result<Token> outcome = co_await std::move(running);
  co_return outcome;
}

}  // namespace headrace::memcached
