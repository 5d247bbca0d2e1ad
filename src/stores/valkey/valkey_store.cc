// What reads, and what takes leases; what changes things is in changes.cc.
#include "stores/valkey/valkey_store.h"

#include <algorithm>
#include <span>
#include <utility>

namespace headrace::valkey {

namespace {

constexpr auto lives_max = std::chrono::hours(24 * 365 * 10);

}  // namespace

std::int64_t whole_ms(Duration lives) {
  const Duration bounded = std::min<Duration>(lives, lives_max);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(bounded).count();
  return std::max<std::int64_t>(ms, 1);
}
std::string px(Duration lives) {
  return std::to_string(whole_ms(lives));
}

std::unexpected<Error> no_token() {
  return failure(Code::invalid_argument, "the none token names nothing");
}

ValkeyStore::ValkeyStore(ValkeyStoreOptions options, std::unique_ptr<Router> router,
                         Runtime& runtime)
    : options_(std::move(options)),
      names_(options_.prefix),
      runtime_(runtime),
      router_(std::move(router)),
      looks_(runtime, names_, *router_) {}

ValkeyStore::~ValkeyStore() {
  router_->close();
}
void ValkeyStore::close() {
  router_->close();
}

std::unexpected<Error> ValkeyStore::failed(Error error) {
  failed_total_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::scoped_lock lock(mutex_);
    trouble_ = error.what;
  }
  is_troubled_.store(true, std::memory_order_relaxed);
  return std::unexpected(std::move(error));
}

void ValkeyStore::worked() {
  if (!is_troubled_.exchange(false, std::memory_order_relaxed)) return;
  const std::scoped_lock lock(mutex_);
  trouble_.clear();
}

// Errors among the replies fail the call too, but for a script that the server has lost.
Task<Result<Answers>> ValkeyStore::ask(std::vector<Ask> asks, Copies copies) {
  auto asking = router_->ask(std::move(asks), copies);
  Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return failed(std::move(answers.error()));
  if (auto error = first_error(*answers)) co_return failed(*std::move(error));
  worked();
  co_return std::move(*answers);
}

Task<Result<Answers>> ValkeyStore::ask(std::string_view name, RespCommands commands,
                                       Copies copies) {
  std::vector<Ask> one;
  one.push_back({.slot = router_->slot_of(name), .commands = std::move(commands)});
  return ask(std::move(one), copies);
}

// After this the server's clock is known.
Task<Result<std::shared_ptr<Server>>> ValkeyStore::server_of(std::string name) {
  const std::uint16_t slot = router_->slot_of(name);
  std::shared_ptr<Server> known = router_->known_server_of(slot);
  if (known) co_return known;
  auto asking = router_->server_of(slot);
  Result<std::shared_ptr<Server>> server = co_await std::move(asking);
  if (!server) co_return failed(std::move(server.error()));
  co_return server;
}

void ValkeyStore::fill_in(Slot& slot, std::string_view record, std::string_view beside,
                          const Server& server, Payload payload) const {
  const Instant now = runtime_.now();
  Record found = payload == Payload::with ? read_record(record) : read_head(record);
  slot.state = found.state;
  slot.token = found.token;
  if (found.state == Slot::State::held) {
    slot.envelope = std::move(found.envelope);
    const std::int64_t since = server.clock.at_most(now) - found.published_at;
    slot.stored_for = std::chrono::microseconds(std::max<std::int64_t>(since, 0));
    // The server counts from when the publish came to it, which was later than it was called.
    const Duration left = std::chrono::milliseconds(found.keeps_ms) - slot.stored_for;
    slot.kept_for = std::max<Duration>(left, Duration::zero());
  }
  const Beside stands = read_beside(beside, server.clock.at_least(now) / 1000);
  slot.guarded = stands.guarded;
  slot.floors = stands.floors;
}

Task<Result<Sight>> ValkeyStore::read(StoreKey key, std::vector<WatermarkId> ids, Payload payload) {
  Question question{.slot = names_.slot(key), .beside = names_.beside(key)};
  if (payload == Payload::without) question.head_bytes = head_bytes(ids.size());
  question.marks.reserve(ids.size());
  for (const WatermarkId& id : ids) question.marks.push_back(names_.watermark(id));
  auto asking = ask(asks_of(question, *router_));
  Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(std::move(answers.error()));
  Result<Sight> sight = read_sight(question, std::move(*answers), *router_);
  if (!sight) co_return failed(std::move(sight.error()));
  co_return sight;
}

Task<Result<Slot>> ValkeyStore::see(StoreKey key, std::vector<WatermarkId> ids, Payload payload) {
  Result<Sight> sight;
  if (router_->is_one() && looks_.are_here()) {
    const std::size_t head = payload == Payload::with ? 0 : head_bytes(ids.size());
    Looks::Look looking(looks_, key, ids, head);
    sight = co_await looking;
    if (!sight) co_return failed(std::move(sight.error()));
    worked();
  } else {
    auto reading = read(key, ids, payload);
    sight = co_await std::move(reading);
    if (!sight) co_return std::unexpected(std::move(sight.error()));
  }

  Slot slot{.incarnation = sight->incarnation};
  fill_in(slot, sight->record, sight->beside, *sight->server, payload);
  const bool is_cut = payload == Payload::without && slot.state == Slot::State::damaged;
  if (is_cut) {  // Or its envelope has another number of watermarks.
    auto seeing = see(key, std::move(ids), Payload::with);
    Result<Slot> whole = co_await std::move(seeing);
    if (whole) whole->envelope.payload.clear();
    co_return whole;
  }
  slot.watermarks.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string_view token = sight->marks[i];
    slot.watermarks.push_back(token.size() == 16 ? token_of(token) : Token{});
    if (payload == Payload::without && i < slot.envelope.watermarks.size()) {
      slot.envelope.watermarks[i].id = ids[i];
    }
  }
  const bool is_missing = std::ranges::any_of(slot.watermarks, &Token::is_none);
  if (is_missing) {
    auto making = make_missing(std::move(ids), slot.watermarks);
    const Result<void> made = co_await std::move(making);
    if (!made) co_return std::unexpected(made.error());
  }
  co_return slot;
}

// Whoever is first makes it, and all see the same.
Task<Result<void>> ValkeyStore::make_missing(std::vector<WatermarkId> ids,
                                             std::vector<Token>& tokens) {
  std::vector<Ask> asks;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!tokens[i].is_none()) continue;
    const std::string name = names_.watermark(ids[i]);
    asks.push_back({.slot = router_->slot_of(name)});
    asks.back()
        .commands
        .add({"SET", name, bytes_of(runtime_.token()), "NX", "PX", px(options_.watermark_lasts)})
        .add({"GET", name});
    missing.push_back(i);
  }
  auto asking = ask(std::move(asks));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const Answer& answer = answers->all[i];
    const std::string_view token = answer.values[1].text;
    if (token.size() != 16) {
      co_return failed({.code = Code::store_unavailable,
                        .what = answer.server->name + ": a watermark that was just made is gone"});
    }
    tokens[missing[i]] = token_of(token);
  }
  co_return Result<void>();
}

Task<Result<Store::Claim>> ValkeyStore::get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                                     std::vector<WatermarkId> watermarks) {
  if (lease.is_none()) co_return no_token();
  auto seeing = see(key, std::move(watermarks), Payload::with);
  Result<Slot> seen = co_await std::move(seeing);
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  Claim claim{.slot = std::move(*seen)};
  if (claim.slot.state == Slot::State::leased) {
    auto asking = lease_left(key);
    const Result<Duration> left = co_await std::move(asking);
    if (!left) co_return std::unexpected(left.error());
    claim.slot.lease_left = *left;
  }
  if (claim.slot.state != Slot::State::empty) co_return claim;

  const std::string name = names_.slot(key);
  RespCommands commands;
  commands.add({"SET", name, lease_record(lease), "NX", "PX", px(lease_for)})
      .add({"GET", name})
      .add({"GET", names_.beside(key)})
      .add({"PTTL", name});
  auto asking = ask(name, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const Answer& answer = answers->all.front();
  claim.slot.incarnation = answers->incarnation;
  fill_in(claim.slot, answer.values[1].text, answer.values[2].text, *answer.server, Payload::with);
  claim.granted = claim.slot.state == Slot::State::leased && claim.slot.token == lease;
  const auto left = std::chrono::milliseconds(answer.values[3].integer);
  if (claim.slot.state == Slot::State::leased && !claim.granted) {
    claim.slot.lease_left = std::max<Duration>(left, std::chrono::milliseconds(1));
  }
  co_return claim;
}

Task<Result<Slot>> ValkeyStore::look(StoreKey key, std::vector<WatermarkId> watermarks,
                                     Payload payload) {
  auto seeing = see(key, std::move(watermarks), payload);
  Result<Slot> slot = co_await std::move(seeing);
  if (!slot || slot->state != Slot::State::leased) co_return slot;
  auto asking = lease_left(key);
  const Result<Duration> left = co_await std::move(asking);
  if (!left) co_return std::unexpected(left.error());
  slot->lease_left = *left;
  co_return slot;
}

// Of the lease that stands there.
Task<Result<Duration>> ValkeyStore::lease_left(StoreKey key) {
  const std::string name = names_.slot(key);
  RespCommands commands;
  commands.add({"PTTL", name});
  auto asking = ask(name, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  // It may have gone meanwhile: then it is about to end.
  const auto left = std::chrono::milliseconds(answers->all.front().values.front().integer);
  co_return std::max<Duration>(left, std::chrono::milliseconds(1));
}

Task<Result<Token>> ValkeyStore::incarnation() {
  auto asking = router_->incarnation();
  Result<Token> token = co_await std::move(asking);
  if (!token) co_return failed(std::move(token.error()));
  co_return token;
}

Store::Usage ValkeyStore::usage() const {
  Usage usage{.refused_total = refused_total_, .failed_total = failed_total_, .counts = false};
  const std::scoped_lock lock(mutex_);
  usage.trouble = trouble_;
  for (const std::shared_ptr<Server>& server : router_->servers()) {
    if (server->eviction == "noeviction") continue;
    usage.warning = server->name + ": its maxmemory-policy is " + server->eviction +
                    ", by which it may evict write guards and floors; noeviction keeps them";
  }
  return usage;
}

}  // namespace headrace::valkey

namespace headrace {

Result<std::unique_ptr<Store>> open_valkey_store(ValkeyStoreOptions options, Runtime& runtime) {
  const bool is_plain = std::ranges::none_of(
      options.prefix, [](char c) { return c == '{' || c == '}' || c == '\0'; });
  if (options.prefix.empty() || options.prefix.size() > name_bytes_max || !is_plain) {
    return failure(Code::invalid_argument,
                   "a store's prefix has 1 to 64 characters, none of them a brace");
  }
  Result<valkey::ClientOptions> client = valkey::client_of(options);
  if (!client) return std::unexpected(std::move(client.error()));
  client->connections = options.connections;
  client->scripts.assign(valkey::scripts.begin(), valkey::scripts.end());
  client->probe = options.prefix + ":probe-" + to_hex(runtime.token()) + "-";
  valkey::Where where = valkey::where_of(options);
  where.replication = {.replicas = options.replicas, .within = options.replicas_within};
  auto router = valkey::open_router(std::move(where), *std::move(client), runtime);
  if (!router) return std::unexpected(std::move(router.error()));
  return std::make_unique<valkey::ValkeyStore>(std::move(options), *std::move(router), runtime);
}

}  // namespace headrace
