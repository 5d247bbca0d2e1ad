// The port.  Each call is taken apart by server; what can go on side by side does.
//
// Of a key, its slot and what stands beside it are on one server, by the key's hash; a watermark is
// where its own hash says.  A hit takes one round trip to each server that is asked, a miss two:
// the slot is taken in the second.
//
// The incarnation is made of the lives of all servers: those that this call was answered in, and
// of the others the last that was seen.
#include "stores/memcached/memcached_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "core/hash.h"
#include "headrace/sync.h"
#include "io/together.h"
#include "stores/memcached/beside.h"
#include "stores/memcached/orders.h"
#include "stores/memcached/replace.h"
#include "stores/memcached/sight.h"

namespace headrace {

namespace memcached {

namespace {

// How often a call makes what it misses, or finds that a slot has changed in between.
constexpr int rounds_max = 8;
constexpr std::size_t servers_max = 64;

// Watermarks of one server, and where each of them stands in the list of the caller's.
struct Share {
  std::size_t server = 0;
  std::vector<WatermarkId> ids{};
  std::vector<std::size_t> places{};
};

class MemcachedStore final : public Store {
 public:
  MemcachedStore(std::vector<NodeRef> nodes, std::vector<std::uint64_t> hashes,
                 std::size_t guards_per_key_max, Clock& clock)
      : nodes_(std::move(nodes)),
        hashes_(std::move(hashes)),
        guards_per_key_max_(guards_per_key_max),
        clock_(clock) {}
  ~MemcachedStore() override { close(); }

  // Asks each server for its life; the first that is unfit is told.
  [[nodiscard]] Result<void> reach();

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override;
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override;
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override;
  Task<Result<void>> release(StoreKey key, Token lease) override;
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override;
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override;
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override;
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override;
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override;
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override;
  Task<Result<Token>> incarnation() override;
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override;
  Usage usage() const override;
  void close() override;

 private:
  // Of one server: what happens there, and the life that it happened in.
  template <class T>
  using PerServer = std::map<std::size_t, T>;
  struct AtSlot {
    bool granted = false;
    Slot slot{};
    std::vector<Token> marks{};
    Token life{};
  };

  [[nodiscard]] std::size_t server_of(const StoreKey& key) const {
    return owner_of(hash_of(key), hashes_);
  }
  [[nodiscard]] const NodeRef& node_of(const StoreKey& key) const { return nodes_[server_of(key)]; }
  [[nodiscard]] std::vector<Share> shares_of(const std::vector<WatermarkId>& ids) const;

  // What stands at the slot, with those watermarks that are on its server; takes it if `take`.
  Task<Result<AtSlot>> at_slot(NodeRef node, Question question,
                               std::optional<Question::Take> take) const;
  // The whole answer of get_or_lease() and look().
  Task<Result<Claim>> claim(StoreKey key, std::vector<WatermarkId> ids,
                            wire::MemcachedRequest::Value value,
                            std::optional<Question::Take> take);
  // Waits for what is done at each server; returns the incarnation that it was done in.
  Task<Result<Token>> each(PerServer<Task<Result<Token>>> tasks);
  Task<Result<Token>> change(std::vector<BesideChange> changes, Instant called);

  [[nodiscard]] Token incarnation_of(const PerServer<Token>& lives) const;
  [[nodiscard]] std::unexpected<Error> failed(const Error& error);

  const std::vector<NodeRef> nodes_;
  const std::vector<std::uint64_t> hashes_;
  const std::size_t guards_per_key_max_;
  Clock& clock_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> refused_{0};
};

Result<void> MemcachedStore::reach() {
  (void)wait(incarnation());
  for (const NodeRef& node : nodes_) {
    if (std::string why = node->unfit(); !why.empty()) {
      return failure(Code::store_unavailable, "memcached " + std::move(why));
    }
  }
  return {};
}

std::vector<Share> MemcachedStore::shares_of(const std::vector<WatermarkId>& ids) const {
  std::vector<Share> shares;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::size_t server = owner_of(hash_of(ids[i]), hashes_);
    auto at = std::ranges::find(shares, server, &Share::server);
    if (at == shares.end()) at = shares.insert(at, {.server = server});
    at->ids.push_back(ids[i]);
    at->places.push_back(i);
  }
  return shares;
}

Task<Result<MemcachedStore::AtSlot>> MemcachedStore::at_slot(
    NodeRef node, Question question, std::optional<Question::Take> take) const {
  AtSlot at;
  const Question plain = question;
  for (int round = 0; round < rounds_max; ++round) {
    auto seeing = see(node, question);
    Result<Sight> sight = co_await std::move(seeing);
    if (!sight && sight.error().code == Code::cancelled) {
      question = plain;
      continue;
    }
    if (!sight) co_return std::unexpected(std::move(sight.error()));
    at.granted = at.granted || sight->granted;
    at.slot = std::move(sight->slot);
    const bool is_settled = at.granted || !take || at.slot.state != Slot::State::empty;
    if (at.granted) {
      // It was empty when it was taken, whatever has become of it since.
      at.slot.state = Slot::State::empty;
      at.slot.token = {};
      at.slot.lease_left = {};
      at.slot.envelope = {};
    }
    if (is_settled && sight->is_complete()) {
      at.marks = std::move(sight->marks);
      at.life = sight->life;
      co_return at;
    }
    question = sight->after(std::move(question));
    if (!is_settled && !sight->needs_value) {
      question.take = take;
      question.take->cas = sight->cas;
    }
  }
  co_return failure(Code::store_unavailable,
                    "memcached " + node->name() +
                        ": what is asked for changes as fast as it is looked at; it forgets too "
                        "fast, or the connection is lost again and again");
}

Task<Result<Store::Claim>> MemcachedStore::claim(StoreKey key, std::vector<WatermarkId> ids,
                                                 wire::MemcachedRequest::Value value,
                                                 std::optional<Question::Take> take) {
  const std::size_t home = server_of(key);
  const std::vector<Share> shares = shares_of(ids);
  Question question{.key = key, .value = value};
  std::optional<Result<AtSlot>> at;
  std::vector<std::optional<Result<Marks>>> marks(shares.size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].server == home) {
      question.marks = shares[i].ids;
    } else {
      tasks.push_back(io::into(marks_of(nodes_[shares[i].server], shares[i].ids), &marks[i]));
    }
  }
  tasks.push_back(io::into(at_slot(nodes_[home], std::move(question), take), &at));
  io::Together together(std::move(tasks));
  co_await together;

  Claim claim;
  PerServer<Token> lives;
  std::optional<Error> wrong;
  if (*at) {
    claim.granted = (*at)->granted;
    claim.slot = std::move((*at)->slot);
    lives[home] = (*at)->life;
  } else {
    wrong = at->error();
  }
  claim.slot.watermarks.resize(ids.size());
  for (std::size_t i = 0; i < shares.size() && !wrong; ++i) {
    const bool is_home = shares[i].server == home;
    if (!is_home && !*marks[i]) {
      wrong = marks[i]->error();
      break;
    }
    const std::vector<Token>& tokens = is_home ? (*at)->marks : (*marks[i])->tokens;
    if (!is_home) lives[shares[i].server] = (*marks[i])->life;
    for (std::size_t j = 0; j < tokens.size(); ++j) {
      claim.slot.watermarks[shares[i].places[j]] = tokens[j];
    }
  }
  if (wrong) {
    // Nobody will fill under a lease that was not told.
    if (claim.granted) {
      auto releasing = release(key, take->lease);
      (void)co_await std::move(releasing);
    }
    co_return failed(*wrong);
  }
  claim.slot.incarnation = incarnation_of(lives);
  co_return claim;
}

Task<Result<Store::Claim>> MemcachedStore::get_or_lease(StoreKey key, Token lease,
                                                        Duration lease_for,
                                                        std::vector<WatermarkId> watermarks) {
  if (lease.is_none()) co_return failure(Code::invalid_argument, "a lease needs a token");
  const Question::Take take{.lease = lease, .lease_for = lease_for, .called = clock_.now()};
  auto claiming = claim(key, std::move(watermarks), wire::MemcachedRequest::Value::with, take);
  Result<Claim> outcome = co_await std::move(claiming);
  co_return outcome;
}

Task<Result<Slot>> MemcachedStore::look(StoreKey key, std::vector<WatermarkId> watermarks,
                                        Payload payload) {
  using Value = wire::MemcachedRequest::Value;
  const Value value = payload == Payload::with ? Value::with : Value::without;
  auto claiming = claim(key, std::move(watermarks), value, std::nullopt);
  Result<Claim> outcome = co_await std::move(claiming);
  if (!outcome) co_return std::unexpected(std::move(outcome.error()));
  co_return std::move(outcome->slot);
}

// Of its names a server tells only all at once (lru_crawler metadump), from which nobody can go on,
// and to one at a time.
Task<Result<Store::Page>> MemcachedStore::list(std::string /*from*/, std::size_t /*keys_max*/) {
  co_return failure(Code::not_allowed,
                    "a store on memcached cannot list its keys: memcached has no listing that can "
                    "be gone on with; let what it holds expire, or be filled anew elsewhere");
}

Task<Result<Published>> MemcachedStore::take_over(StoreKey key, Token expected, Token lease,
                                                  Duration lease_for) {
  if (lease.is_none()) co_return failure(Code::invalid_argument, "a lease needs a token");
  auto replacing =
      replace(node_of(key), key, expected, Replacement::of(lease, lease_for), clock_.now());
  Result<Published> outcome = co_await std::move(replacing);
  if (!outcome) co_return failed(outcome.error());
  co_return outcome;
}

Task<Result<Published>> MemcachedStore::publish(StoreKey key, Token expected, Envelope envelope,
                                                Duration keep_for) {
  if (envelope.id.is_none()) co_return failure(Code::invalid_argument, "an envelope needs an id");
  const Instant called = clock_.now();
  Replacement by = Replacement::of(std::move(envelope), keep_for);
  auto replacing = replace(node_of(key), key, expected, std::move(by), called);
  const Result<Published> outcome = co_await std::move(replacing);
  if (!outcome) co_return failed(outcome.error());
  if (*outcome == Published::refused) ++refused_;
  co_return outcome;
}

Task<Result<void>> MemcachedStore::release(StoreKey key, Token lease) {
  auto replacing = replace(node_of(key), key, lease, Replacement(), clock_.now());
  const Result<Published> outcome = co_await std::move(replacing);
  if (!outcome) co_return failed(outcome.error());
  co_return Result<void>();
}

Task<Result<void>> MemcachedStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  if (envelope.id.is_none()) co_return failure(Code::invalid_argument, "an envelope needs an id");
  const Instant called = clock_.now();
  Replacement by = Replacement::of(std::move(envelope), keep_for);
  auto replacing = replace_all(node_of(key), key, std::move(by), called);
  const Result<void> outcome = co_await std::move(replacing);
  if (!outcome) co_return failed(outcome.error());
  co_return Result<void>();
}

Task<Result<Token>> MemcachedStore::each(PerServer<Task<Result<Token>>> tasks) {
  PerServer<std::optional<Result<Token>>> outcomes;
  std::vector<Task<void>> running;
  for (auto& [server, task] : tasks) {
    running.push_back(io::into(std::move(task), &outcomes[server]));
  }
  io::Together together(std::move(running));
  co_await together;
  PerServer<Token> lives;
  for (const auto& [server, outcome] : outcomes) {
    if (!*outcome) co_return failed(outcome->error());
    lives[server] = **outcome;
  }
  co_return incarnation_of(lives);
}

Task<Result<Token>> MemcachedStore::invalidate(std::vector<StoreKey> keys) {
  PerServer<std::vector<StoreKey>> parts;
  for (const StoreKey& key : keys) parts[server_of(key)].push_back(key);
  if (parts.empty()) return incarnation();
  PerServer<Task<Result<Token>>> tasks;
  for (auto& [server, part] : parts) {
    tasks.emplace(server, empty_slots(nodes_[server], std::move(part)));
  }
  return each(std::move(tasks));
}

Task<Result<Token>> MemcachedStore::renew(std::vector<WatermarkId> watermarks) {
  if (watermarks.empty()) return incarnation();
  PerServer<Task<Result<Token>>> tasks;
  for (Share& share : shares_of(watermarks)) {
    tasks.emplace(share.server, renew_marks(nodes_[share.server], std::move(share.ids)));
  }
  return each(std::move(tasks));
}

Task<Result<Token>> MemcachedStore::change(std::vector<BesideChange> changes, Instant called) {
  if (changes.empty()) return incarnation();
  PerServer<std::vector<BesideChange>> parts;
  for (BesideChange& change : changes) {
    std::vector<BesideChange>& part = parts[server_of(change.key)];
    const auto same = std::ranges::find(part, change.key, &BesideChange::key);
    if (same == part.end()) {
      part.push_back(std::move(change));
    } else {
      std::ranges::move(change.floors, std::back_inserter(same->floors));
    }
  }
  PerServer<Task<Result<Token>>> tasks;
  for (auto& [server, part] : parts) {
    tasks.emplace(server,
                  change_beside(nodes_[server], std::move(part), called, guards_per_key_max_));
  }
  return each(std::move(tasks));
}

Task<Result<Token>> MemcachedStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  if (guard.is_none()) co_return failure(Code::invalid_argument, "a write guard needs a token");
  if (lasts <= Duration(0) || lasts > guard_lasts_max) {
    co_return failure(Code::invalid_argument,
                      "a write guard lasts longer than nothing and up to 24 hours "
                      "(guard_lasts_max)");
  }
  std::vector<BesideChange> changes;
  for (const StoreKey& key : keys) {
    changes.push_back({.key = key, .guard = guard, .guard_lasts = lasts});
  }
  auto changing = change(std::move(changes), clock_.now());
  Result<Token> outcome = co_await std::move(changing);
  co_return outcome;
}

Task<Result<void>> MemcachedStore::unguard(std::vector<StoreKey> keys, Token guard) {
  if (guard.is_none()) co_return failure(Code::invalid_argument, "a write guard needs a token");
  std::vector<BesideChange> changes;
  for (const StoreKey& key : keys) {
    changes.push_back({.key = key, .unguard = guard, .empties = false});
  }
  auto changing = change(std::move(changes), clock_.now());
  const Result<Token> outcome = co_await std::move(changing);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>();
}

Task<Result<Token>> MemcachedStore::raise_floors(std::vector<Floor> floors) {
  std::vector<BesideChange> changes;
  for (Floor& floor : floors) {
    if (floor.revision.empty() || floor.revision.size() > revision_bytes_max) {
      co_return failure(Code::invalid_argument,
                        "a floor needs a revision of 1 to 1024 bytes (revision_bytes_max)");
    }
    if (floor.lasts <= Duration(0) || floor.lasts > floor_lasts_max) {
      co_return failure(Code::invalid_argument,
                        "a floor lasts longer than nothing and up to 24 hours (floor_lasts_max)");
    }
    BesideChange change{.key = floor.key};
    change.floors.emplace_back(std::move(floor.revision), floor.lasts);
    changes.push_back(std::move(change));
  }
  auto changing = change(std::move(changes), clock_.now());
  Result<Token> outcome = co_await std::move(changing);
  co_return outcome;
}

// A server that does not answer now answers nothing else either; when it does again, its life will
// be told before anything else that it says counts.
Task<Result<Token>> MemcachedStore::incarnation() {
  std::vector<std::optional<Result<Token>>> outcomes(nodes_.size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    tasks.push_back(io::into(present_life(nodes_[i]), &outcomes[i]));
  }
  io::Together together(std::move(tasks));
  co_await together;
  PerServer<Token> lives;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (*outcomes[i]) lives[i] = **outcomes[i];
  }
  if (lives.empty()) co_return failed(outcomes.front()->error());
  co_return incarnation_of(lives);
}

Token MemcachedStore::incarnation_of(const PerServer<Token>& lives) const {
  std::string all;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto answered = lives.find(i);
    all += to_hex(answered == lives.end() ? nodes_[i]->last_life() : answered->second);
  }
  const Hash128 hash = hash128(all);
  return {.high = hash.high, .low = hash.low | 1};
}

std::unexpected<Error> MemcachedStore::failed(const Error& error) {
  ++failed_;
  if (closed_.load()) {
    return failure(Code::store_unavailable, "the memcached store is closed");
  }
  return failure(Code::store_unavailable, error.what);
}

Store::Usage MemcachedStore::usage() const {
  Usage all{.refused_total = refused_.load(), .failed_total = failed_.load()};
  for (const NodeRef& node : nodes_) {
    const Usage one = node->usage();
    all.entries += one.entries;
    all.bytes += one.bytes;
    all.bytes_max += one.bytes_max;
    all.evicted_total += one.evicted_total;
    all.expired_total += one.expired_total;
    const std::string trouble = node->trouble();
    if (trouble.empty()) continue;
    all.trouble += (all.trouble.empty() ? "" : "; ") + trouble;
  }
  return all;
}

void MemcachedStore::close() {
  closed_ = true;
  for (const NodeRef& node : nodes_) node->close();
}

// The nodes of a list, in the order of their names: what is made of all of them must not depend on
// how somebody has written it.
struct Spread {
  std::vector<io::Address> addresses{};
  std::vector<std::uint64_t> hashes{};
  std::uint64_t all = 0;
};

Result<Spread> spread_of(const std::vector<std::string>& servers) {
  if (servers.empty() || servers.size() > servers_max) {
    return failure(Code::invalid_argument,
                   "a memcached store has 1 to 64 servers, not " + std::to_string(servers.size()));
  }
  std::map<std::string, io::Address> sorted;
  for (const std::string& text : servers) {
    Result<io::Address> address = io::parse_address(text);
    if (!address) return std::unexpected(std::move(address.error()));
    const std::string name = io::to_string(*address);
    if (address->port == 0 || address->host.empty()) {
      return failure(Code::invalid_argument,
                     "a memcached server needs a host and a port, such as \"10.0.0.1:11211\", not "
                     "\"" +
                         text + "\"");
    }
    if (!sorted.emplace(name, std::move(*address)).second) {
      return failure(Code::invalid_argument, "the memcached server " + name + " is named twice");
    }
  }
  Spread spread;
  std::string names;
  for (auto& [name, address] : sorted) {
    names += name + "\n";
    spread.hashes.push_back(hash64(name));
    spread.addresses.push_back(std::move(address));
  }
  spread.all = hash64(names);
  return spread;
}

}  // namespace

Result<std::unique_ptr<Store>> open(MemcachedStoreOptions options, Runtime& runtime, Clock& clock) {
  if (!Names::is_prefix(options.prefix)) {
    return failure(Code::invalid_argument,
                   "the prefix of a memcached store has 1 to 64 printable bytes, and no space");
  }
  if (options.seen_max == 0 || options.guards_per_key_max == 0 ||
      options.connect_within <= Duration::zero() || options.answer_within <= Duration::zero()) {
    return failure(Code::invalid_argument,
                   "connect_within, answer_within, seen_max and guards_per_key_max of a memcached "
                   "store are more than nothing");
  }
  Result<Spread> spread = spread_of(options.servers);
  if (!spread) return std::unexpected(std::move(spread.error()));
  const Names names(options.prefix);
  std::vector<NodeRef> nodes;
  for (std::size_t i = 0; i < spread->addresses.size(); ++i) {
    Node::Options node{.address = spread->addresses[i],
                       .servers = spread->all,
                       .loop = i,
                       .connect_within = options.connect_within,
                       .answer_within = options.answer_within,
                       .reply_bytes_max = options.reply_bytes_max,
                       .seen_max = options.seen_max,
                       .notice = options.notice};
    nodes.push_back(Node::make(runtime, clock, names, std::move(node)));
  }
  auto store = std::make_unique<MemcachedStore>(std::move(nodes), std::move(spread->hashes),
                                                options.guards_per_key_max, clock);
  Result<void> reached = store->reach();
  if (!reached) return std::unexpected(std::move(reached.error()));
  return store;
}

}  // namespace memcached

Result<std::unique_ptr<Store>> open_memcached_store(MemcachedStoreOptions options,
                                                    Runtime& runtime) {
  return memcached::open(std::move(options), runtime, runtime);
}

}  // namespace headrace
