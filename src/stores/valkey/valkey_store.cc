#include "stores/valkey/valkey_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "stores/valkey/beside.h"
#include "valkey/scripts.h"

namespace headrace::valkey {

namespace {

constexpr std::size_t compare_and_set_script = 0;
constexpr std::size_t change_beside_script = 1;
constexpr std::array<std::string_view, 2> scripts{compare_and_set, change_beside};

constexpr std::size_t names_per_command_max = 1000;
constexpr auto lives_max = std::chrono::hours(24 * 365 * 10);

// A life in milliseconds, never longer than it is.
std::string px(Duration lives) {
  const Duration bounded = std::min<Duration>(lives, lives_max);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(bounded).count();
  return std::to_string(std::max<std::int64_t>(ms, 1));
}

std::int64_t rounded_up_ms(Duration time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

const RespValue* first_error(std::span<const RespValue> values) {
  const auto found = std::ranges::find_if(values, &RespValue::is_error);
  return found == values.end() ? nullptr : &*found;
}

std::unexpected<Error> no_token() {
  return failure(Code::invalid_argument, "the none token names nothing");
}

}  // namespace

ValkeyStore::ValkeyStore(ValkeyStoreOptions options, ClientOptions client, Runtime& runtime)
    : options_(std::move(options)),
      names_(options_.prefix),
      runtime_(runtime),
      client_(runtime, [&client] {
        client.scripts.assign(scripts.begin(), scripts.end());
        return std::move(client);
      }()) {}

ValkeyStore::~ValkeyStore() {
  client_.close();
}
void ValkeyStore::close() {
  client_.close();
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

// Errors among the replies fail the call too, but for a script that the server has lost.
Task<Result<Replies>> ValkeyStore::call(RespCommands commands) {
  auto calling = client_.call(std::move(commands));
  Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return failed(std::move(replies.error()));
  const RespValue* const error = first_error(replies->values);
  if (error != nullptr && !error->text.starts_with("NOSCRIPT")) {
    co_return failed({.code = Code::store_unavailable,
                      .what = options_.address + ": " + std::string(error->text)});
  }
  if (is_troubled_.exchange(false, std::memory_order_relaxed)) {
    const std::scoped_lock lock(mutex_);
    trouble_.clear();
  }
  co_return std::move(*replies);
}

// REQUIRES: if there is more than one run, the script does no harm when it is repeated at once.
Task<Result<Replies>> ValkeyStore::run(std::size_t script, std::vector<Run> runs) {
  const auto ask = [&runs](std::string_view how, std::string_view what) {
    RespCommands commands;
    for (const Run& one : runs) {
      std::vector<std::string> words{std::string(how), std::string(what),
                                     std::to_string(one.keys.size())};
      words.insert(words.end(), one.keys.begin(), one.keys.end());
      words.insert(words.end(), one.arguments.begin(), one.arguments.end());
      commands.add(words);
    }
    return commands;
  };
  const std::shared_ptr<Server> server = client_.server();
  if (server) {
    auto calling = call(ask("EVALSHA", server->shas[script]));
    Result<Replies> replies = co_await std::move(calling);
    if (!replies) co_return std::unexpected(replies.error());
    if (first_error(replies->values) == nullptr) co_return std::move(*replies);
  }
  auto calling = call(ask("EVAL", scripts[script]));
  Result<Replies> replies = co_await std::move(calling);
  co_return replies;
}

// Puts `record` where a record with the token `expected` is, or removes that if `record` is empty.
Task<Result<bool>> ValkeyStore::replace(std::string name, Token expected, std::string record,
                                        Duration lives) {
  std::vector<Run> one(1);
  one.front() = {.keys = {std::move(name)},
                 .arguments = {bytes_of(expected), std::move(record), px(lives)}};
  auto running = run(compare_and_set_script, std::move(one));
  const Result<Replies> replies = co_await std::move(running);
  if (!replies) co_return std::unexpected(replies.error());
  co_return replies->values.front().integer == 1;
}

void ValkeyStore::fill_in(Slot& slot, std::string_view record, std::string_view beside,
                          const Server& server, Payload payload) const {
  const Instant now = runtime_.now();
  Record found = payload == Payload::with ? read_record(record) : read_head(record);
  slot.state = found.state;
  slot.token = found.token;
  slot.incarnation = server.incarnation;
  if (found.state == Slot::State::held) {
    slot.envelope = std::move(found.envelope);
    const std::int64_t since = server.clock.at_most(now) - found.published_at;
    slot.stored_for = std::chrono::microseconds(std::max<std::int64_t>(since, 0));
  }
  const Beside stands = read_beside(beside, server.clock.at_least(now) / 1000);
  slot.guarded = stands.guarded;
  slot.floors = stands.floors;
}

// All of it in one command, so that one moment is seen.
Task<Result<Slot>> ValkeyStore::see(StoreKey key, std::vector<WatermarkId> ids, Payload payload) {
  RespCommands commands;
  std::vector<std::string> words{"MGET"};
  const std::string name = names_.slot(key);
  if (payload == Payload::without) {
    commands.add({"GETRANGE", name, "0", std::to_string(head_bytes(ids.size()) - 1)});
  } else {
    words.push_back(name);
  }
  words.push_back(names_.beside(key));
  for (const WatermarkId& id : ids) words.push_back(names_.watermark(id));
  commands.add(words);
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());

  const std::vector<RespValue>& got = replies->values.back().items;
  if (got.size() != words.size() - 1) {
    co_return failed({.code = Code::store_unavailable,
                      .what = options_.address + ": MGET answers another number of values"});
  }
  const std::size_t beside_at = got.size() - ids.size() - 1;
  const std::string_view record =
      payload == Payload::without ? replies->values.front().text : got.front().text;
  Slot slot;
  fill_in(slot, record, got[beside_at].text, *replies->server, payload);
  const bool is_cut = payload == Payload::without && slot.state == Slot::State::damaged;
  if (is_cut) {  // Or its envelope has another number of watermarks.
    auto seeing = see(key, std::move(ids), Payload::with);
    Result<Slot> whole = co_await std::move(seeing);
    if (whole) whole->envelope.payload.clear();
    co_return whole;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string_view token = got[beside_at + 1 + i].text;
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
  RespCommands commands;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!tokens[i].is_none()) continue;
    const std::string name = names_.watermark(ids[i]);
    commands.add(
        {"SET", name, bytes_of(runtime_.token()), "NX", "PX", px(options_.watermark_lasts)});
    commands.add({"GET", name});
    missing.push_back(i);
  }
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const std::string_view token = replies->values[2 * i + 1].text;
    if (token.size() != 16) {
      co_return failed({.code = Code::store_unavailable,
                        .what = options_.address + ": a watermark that was just made is gone"});
    }
    tokens[missing[i]] = token_of(token);
  }
  co_return Result<void>();
}

Task<Result<Store::Claim>> ValkeyStore::get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                                     std::vector<WatermarkId> watermarks) {
  if (lease.is_none()) co_return no_token();
  auto seeing = look(key, std::move(watermarks), Payload::with);
  Result<Slot> seen = co_await std::move(seeing);
  if (!seen) co_return std::unexpected(seen.error());
  Claim claim{.slot = std::move(*seen)};
  if (claim.slot.state != Slot::State::empty) co_return claim;

  const std::string name = names_.slot(key);
  RespCommands commands;
  commands.add({"SET", name, lease_record(lease), "NX", "PX", px(lease_for)})
      .add({"MGET", name, names_.beside(key)})
      .add({"PTTL", name});
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  const std::vector<RespValue>& got = replies->values[1].items;
  if (got.size() != 2) {
    co_return failed({.code = Code::store_unavailable,
                      .what = options_.address + ": MGET answers another number of values"});
  }
  fill_in(claim.slot, got[0].text, got[1].text, *replies->server, Payload::with);
  claim.granted = claim.slot.state == Slot::State::leased && claim.slot.token == lease;
  const auto left = std::chrono::milliseconds(replies->values[2].integer);
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
  RespCommands commands;
  commands.add({"PTTL", names_.slot(key)});
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  // It may have gone meanwhile: then it is about to end.
  const auto left = std::chrono::milliseconds(replies->values.front().integer);
  slot->lease_left = std::max<Duration>(left, std::chrono::milliseconds(1));
  co_return slot;
}

Task<Result<Published>> ValkeyStore::take_over(StoreKey key, Token expected, Token lease,
                                               Duration lease_for) {
  if (lease.is_none()) co_return no_token();
  if (expected.is_none()) co_return Published::refused;
  auto replacing = replace(names_.slot(key), expected, lease_record(lease), lease_for);
  const Result<bool> done = co_await std::move(replacing);
  if (!done) co_return std::unexpected(done.error());
  co_return *done ? Published::stored : Published::refused;
}

// The moment of its publish by the server's clock, never too late.
Result<std::string> ValkeyStore::record_of(const Envelope& envelope) {
  if (envelope.id.is_none()) return no_token();
  if (envelope.watermarks.size() > watermarks_in_head_max) {
    return failure(Code::too_large, "an envelope hangs on " +
                                        std::to_string(envelope.watermarks.size()) +
                                        " watermarks; the most is 255 (watermarks_in_head_max)");
  }
  const std::shared_ptr<Server> server = client_.server();
  const std::int64_t at = server ? server->clock.at_least(runtime_.now()) : 0;
  return envelope_record(envelope, at);
}

Task<Result<Published>> ValkeyStore::publish(StoreKey key, Token expected, Envelope envelope,
                                             Duration keep_for) {
  if (expected.is_none()) co_return Published::refused;
  auto knowing = known_server();
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  Result<std::string> record = record_of(envelope);
  if (!record) co_return std::unexpected(record.error());
  const std::string name = names_.slot(key);
  bool stored = false;
  // An envelope of ours may stand there too, which the script knows by its first bytes alone.
  if ((*server)->has_set_ifeq && expected == envelope.lease) {
    RespCommands commands;
    commands.add({"SET", name, *record, "IFEQ", lease_record(expected), "PX", px(keep_for)});
    auto calling = call(std::move(commands));
    const Result<Replies> replies = co_await std::move(calling);
    if (!replies) co_return std::unexpected(replies.error());
    stored = replies->values.front().is("OK");
  } else {
    auto replacing = replace(name, expected, *std::move(record), keep_for);
    const Result<bool> done = co_await std::move(replacing);
    if (!done) co_return std::unexpected(done.error());
    stored = *done;
  }
  if (!stored) refused_total_.fetch_add(1, std::memory_order_relaxed);
  co_return stored ? Published::stored : Published::refused;
}

Task<Result<void>> ValkeyStore::release(StoreKey key, Token lease) {
  if (lease.is_none()) co_return no_token();
  const std::string name = names_.slot(key);
  const std::shared_ptr<Server> server = client_.server();
  if (server && server->has_delifeq) {
    RespCommands commands;
    commands.add({"DELIFEQ", name, lease_record(lease)});
    auto calling = call(std::move(commands));
    const Result<Replies> replies = co_await std::move(calling);
    if (!replies) co_return std::unexpected(replies.error());
    co_return Result<void>();
  }
  auto replacing = replace(name, lease, {}, Duration::zero());
  const Result<bool> done = co_await std::move(replacing);
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Task<Result<void>> ValkeyStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  auto knowing = known_server();
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  const Result<std::string> record = record_of(envelope);
  if (!record) co_return std::unexpected(record.error());
  RespCommands commands;
  commands.add({"SET", names_.slot(key), *record, "PX", px(keep_for)});
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  co_return Result<void>();
}

// Whatever they hold; freed behind, for a value may be large.
Task<Result<Token>> ValkeyStore::remove(std::vector<std::string> names) {
  RespCommands commands;
  for (std::size_t i = 0; i < names.size(); i += names_per_command_max) {
    const std::size_t end = std::min(names.size(), i + names_per_command_max);
    std::vector<std::string> words{"UNLINK"};
    for (std::size_t j = i; j < end; ++j) words.push_back(std::move(names[j]));
    commands.add(words);
  }
  if (commands.size() == 0) {
    auto asking = incarnation();
    const Result<Token> token = co_await std::move(asking);
    co_return token;
  }
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  co_return replies->server->incarnation;
}

Task<Result<Token>> ValkeyStore::invalidate(std::vector<StoreKey> keys) {
  std::vector<std::string> names;
  for (const StoreKey& key : keys) names.push_back(names_.slot(key));
  return remove(std::move(names));
}

// One that is not there is made anew by whoever asks for it.  A server that is full removes still.
Task<Result<Token>> ValkeyStore::renew(std::vector<WatermarkId> watermarks) {
  std::vector<std::string> names;
  for (const WatermarkId& id : watermarks) names.push_back(names_.watermark(id));
  return remove(std::move(names));
}

// After this the server's clock is known.
Task<Result<std::shared_ptr<Server>>> ValkeyStore::known_server() {
  std::shared_ptr<Server> server = client_.server();
  if (server) co_return server;
  RespCommands commands;
  commands.add({"PING"});
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  co_return replies->server;
}

Task<Result<Token>> ValkeyStore::change(std::vector<Run> runs) {
  if (runs.empty()) {
    auto asking = incarnation();
    const Result<Token> token = co_await std::move(asking);
    co_return token;
  }
  auto running = run(change_beside_script, std::move(runs));
  const Result<Replies> replies = co_await std::move(running);
  if (!replies) co_return std::unexpected(replies.error());
  co_return replies->server->incarnation;
}

Task<Result<Token>> ValkeyStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  if (guard.is_none()) co_return no_token();
  if (lasts <= Duration::zero() || lasts > guard_lasts_max) {
    co_return failure(Code::invalid_argument, "a guard lasts up to 24 h (guard_lasts_max)");
  }
  auto knowing = known_server();
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  const ServerClock& clock = (*server)->clock;
  const Instant now = runtime_.now();
  const std::int64_t ends = clock.at_most(now) / 1000 + 1 + rounded_up_ms(lasts);
  const std::string entry = guard_entry(guard, ends);
  const std::string at_least = milliseconds(clock.at_least(now) / 1000);
  std::vector<Run> runs;
  for (const StoreKey& key : keys) {
    runs.push_back({.keys = {names_.beside(key), names_.slot(key)},
                    .arguments = {at_least, std::to_string(floors_per_key_max), "", "1", entry}});
  }
  auto changing = change(std::move(runs));
  const Result<Token> token = co_await std::move(changing);
  co_return token;
}

Task<Result<void>> ValkeyStore::unguard(std::vector<StoreKey> keys, Token guard) {
  if (guard.is_none()) co_return no_token();
  auto knowing = known_server();
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  const std::string at_least = milliseconds((*server)->clock.at_least(runtime_.now()) / 1000);
  std::vector<Run> runs;
  for (const StoreKey& key : keys) {
    runs.push_back(
        {.keys = {names_.beside(key), names_.slot(key)},
         .arguments = {at_least, std::to_string(floors_per_key_max), "G" + bytes_of(guard), "0"}});
  }
  auto changing = change(std::move(runs));
  const Result<Token> token = co_await std::move(changing);
  if (!token) co_return std::unexpected(token.error());
  co_return Result<void>();
}

Task<Result<Token>> ValkeyStore::raise_floors(std::vector<Floor> floors) {
  for (const Floor& floor : floors) {
    if (floor.lasts <= Duration::zero() || floor.lasts > floor_lasts_max) {
      co_return failure(Code::invalid_argument, "a floor lasts up to 24 h (floor_lasts_max)");
    }
    if (floor.revision.empty() || floor.revision.size() > revision_bytes_max) {
      co_return failure(Code::invalid_argument,
                        "a floor's revision has 1 to 1024 bytes (revision_bytes_max)");
    }
  }
  auto knowing = known_server();
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  const ServerClock& clock = (*server)->clock;
  const Instant now = runtime_.now();
  const std::int64_t at_most = clock.at_most(now) / 1000 + 1;
  const std::string at_least = milliseconds(clock.at_least(now) / 1000);
  std::vector<Run> runs;
  for (const Floor& floor : floors) {
    runs.push_back(
        {.keys = {names_.beside(floor.key), names_.slot(floor.key)},
         .arguments = {at_least, std::to_string(floors_per_key_max), "", "1",
                       floor_entry(floor.revision, at_most + rounded_up_ms(floor.lasts))}});
  }
  auto changing = change(std::move(runs));
  const Result<Token> token = co_await std::move(changing);
  co_return token;
}

// Asked anew: a server may change its history of replication while a connection lives.
Task<Result<Token>> ValkeyStore::incarnation() {
  RespCommands commands;
  commands.add({"INFO", "server"}).add({"INFO", "replication"});
  auto calling = call(std::move(commands));
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  Result<Token> token = incarnation_of(replies->values[0].text, replies->values[1].text);
  if (!token) co_return failed(std::move(token.error()));
  if (!(*token == replies->server->incarnation)) {
    client_.forget_connections();
    co_return failed({.code = Code::store_unavailable,
                      .what = options_.address + ": it follows another history than before"});
  }
  co_return token;
}

Store::Usage ValkeyStore::usage() const {
  Usage usage{.refused_total = refused_total_, .failed_total = failed_total_};
  const std::scoped_lock lock(mutex_);
  usage.trouble = trouble_;
  const std::shared_ptr<Server> server = client_.server();
  if (usage.trouble.empty() && server && server->eviction != "noeviction") {
    usage.trouble = options_.address + ": its maxmemory-policy is " + server->eviction +
                    ", by which it may evict write guards and floors; noeviction keeps them";
  }
  return usage;
}

}  // namespace headrace::valkey

namespace headrace {

Result<std::unique_ptr<Store>> open_valkey_store(ValkeyStoreOptions options, Runtime& runtime) {
  const auto address = io::parse_address(options.address);
  if (!address) return std::unexpected(address.error());
  const bool is_plain = std::ranges::none_of(
      options.prefix, [](char c) { return c == '{' || c == '}' || c == '\0'; });
  if (options.prefix.empty() || options.prefix.size() > name_bytes_max || !is_plain) {
    return failure(Code::invalid_argument,
                   "a store's prefix has 1 to 64 characters, none of them a brace");
  }
  valkey::ClientOptions client{.to = *address,
                               .login = {.user = options.user, .password = options.password},
                               .connections = options.connections,
                               .connect_within = options.connect_within,
                               .answer_within = options.answer_within};
  if (options.tls) {
    auto trust = io::TlsTrust::make(options.tls_ca_file);
    if (!trust) return std::unexpected(trust.error());
    client.tls = *std::move(trust);
  }
  const Token token = runtime.token();
  client.probe = options.prefix + ":probe-" + to_hex(token) + "-";
  return std::make_unique<valkey::ValkeyStore>(std::move(options), std::move(client), runtime);
}

}  // namespace headrace
