// Reading and the port's small things; edits are in edits.cc.
#include "records/valkey/valkey_records.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace headrace::valkey_records {

namespace {

using valkey::Answer;
using valkey::Answers;
using valkey::Ask;
using valkey::Copies;

constexpr std::size_t asks_max = 256;  // At once, when all tenants are asked.
constexpr std::string_view keeps_all = "noeviction";

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

// The least text that comes after all that begin with `prefix`.
std::string behind(std::string_view prefix) {
  std::string text(prefix);
  while (text.back() == '\xff') text.pop_back();
  text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
  return text;
}

std::string warning_of(const valkey::Server& server) {
  return server.name + ": its maxmemory-policy is " + server.eviction +
         ", by which it drops records that nobody else has; set it to noeviction";
}

}  // namespace

ValkeyRecords::ValkeyRecords(ValkeyRecordsOptions options, std::unique_ptr<valkey::Router> router,
                             Runtime& runtime)
    : options_(std::move(options)),
      names_(options_.prefix),
      runtime_(runtime),
      router_(std::move(router)) {}

void ValkeyRecords::close() {
  closed_ = true;
  router_->close();
}

std::unexpected<Error> ValkeyRecords::failed(Error error) {
  if (closed_) return failure(Code::closed, "the records are closed");
  failed_.fetch_add(1, std::memory_order_relaxed);
  error.code = Code::store_unavailable;
  {
    const std::scoped_lock lock(mutex_);
    trouble_ = error.what;
  }
  is_troubled_.store(true, std::memory_order_relaxed);
  return std::unexpected(std::move(error));
}

void ValkeyRecords::worked() {
  if (!is_troubled_.exchange(false, std::memory_order_relaxed)) return;
  const std::scoped_lock lock(mutex_);
  trouble_.clear();
}

void ValkeyRecords::look_at(const valkey::Server& server) {
  if (server.eviction == keeps_all || warned_.exchange(true)) return;
  if (options_.notice) options_.notice(warning_of(server));
}

Records::Health ValkeyRecords::health() const {
  Health health{.edits_total = edits_, .failed_total = failed_};
  const std::scoped_lock lock(mutex_);
  health.trouble = trouble_;
  for (const std::shared_ptr<valkey::Server>& server : router_->servers()) {
    if (health.trouble.empty() && server->eviction != keeps_all) {
      health.trouble = warning_of(*server);
    }
  }
  return health;
}

// Errors among the replies fail the call too, but for a script that the server has lost.
Task<Result<Answers>> ValkeyRecords::ask(std::vector<Ask> asks, Copies copies) {
  auto asking = router_->ask(std::move(asks), copies);
  Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return failed(std::move(answers.error()));
  for (const Answer& answer : answers->all) {
    look_at(*answer.server);
    for (const RespValue& value : answer.values) {
      if (!value.is_error() || value.text.starts_with("NOSCRIPT")) continue;
      co_return failed({.what = answer.server->name + ": " + std::string(value.text)});
    }
  }
  worked();
  co_return std::move(*answers);
}

Task<Result<Answers>> ValkeyRecords::ask_one(std::string name, RespCommands commands) {
  std::vector<Ask> one;
  one.push_back({.slot = router_->slot_of(name), .commands = std::move(commands)});
  return ask(std::move(one), Copies::as_they_come);
}

// Each by itself, so that it goes on while a slot moves.
Task<Result<std::vector<RecordRef>>> ValkeyRecords::read(std::vector<RecordKey> keys) {
  std::vector<RecordRef> records;
  if (keys.empty()) co_return records;
  std::vector<Ask> asks;
  for (const RecordKey& key : keys) {
    const std::string name = names_.record(key);
    asks.push_back({.slot = router_->slot_of(name)});
    asks.back().commands.add({"GET", name});
  }
  auto asking = ask(std::move(asks), Copies::as_they_come);
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  records.reserve(keys.size());
  for (const Answer& answer : answers->all) {
    Result<Kept> kept = read_kept(answer.values.front());
    if (!kept) co_return failed(std::move(kept.error()));
    records.push_back(std::move(kept->record));
  }
  co_return records;
}

Task<Result<Records::Page>> ValkeyRecords::list(RecordKey prefix, std::string from,
                                                std::size_t keys_max) {
  const std::size_t count = std::clamp(keys_max, std::size_t{1}, page_keys_max);
  const TenantId tenant = prefix.tenant();
  std::string first = "[" + std::string(member_of(prefix));
  if (!from.empty()) {
    const Result<RecordKey> last = RecordKey::parse(from);
    if (!last || !from.starts_with(prefix.bytes())) {
      co_return failure(Code::invalid_argument,
                        "what to list on from is no key of this listing; begin anew");
    }
    first = "(" + std::string(member_of(*last));
  }
  const std::string name = names_.members(tenant);
  RespCommands commands;
  // A member begins with the length of its space, so there is always something behind.
  commands.add({"ZRANGEBYLEX", name, first, "(" + behind(member_of(prefix)), "LIMIT", "0",
                std::to_string(count + 1)});
  auto asking = ask_one(name, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  Page page;
  for (const RespValue& member : answers->all.front().values.front().items) {
    if (page.keys.size() == count) {
      page.next = page.keys.back().bytes();
      break;
    }
    Result<RecordKey> key = key_of(tenant, member.text);
    if (!key) co_return failed(std::move(key.error()));
    page.keys.push_back(*std::move(key));
  }
  co_return page;
}

Task<Result<std::vector<TenantId>>> ValkeyRecords::tenants_with_ends() {
  const std::string name = names_.tenants();
  RespCommands commands;
  commands.add({"SMEMBERS", name});
  auto asking = ask_one(name, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  std::vector<TenantId> tenants;
  for (const RespValue& value : answers->all.front().values.front().items) {
    TenantId tenant = 0;
    if (read_number(value.text, tenant)) tenants.push_back(tenant);
  }
  co_return tenants;
}

Task<Result<std::vector<RecordKey>>> ValkeyRecords::expired(WallTime at, std::size_t keys_max) {
  auto listing = tenants_with_ends();
  const Result<std::vector<TenantId>> tenants = co_await std::move(listing);
  if (!tenants) co_return std::unexpected(tenants.error());
  const std::string until = std::to_string(at.time_since_epoch().count());
  std::vector<RecordKey> keys;
  for (std::size_t begin = 0; begin < tenants->size(); begin += asks_max) {
    const std::size_t end = std::min(tenants->size(), begin + asks_max);
    std::vector<Ask> asks;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string name = names_.ends((*tenants)[i]);
      asks.push_back({.slot = router_->slot_of(name)});
      asks.back().commands.add({"ZRANGEBYSCORE", name, "-inf", until, "LIMIT", "0",
                                std::to_string(keys_max - keys.size())});
    }
    auto asking = ask(std::move(asks), Copies::as_they_come);
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    for (std::size_t i = begin; i < end; ++i) {
      for (const RespValue& member : answers->all[i - begin].values.front().items) {
        if (keys.size() == keys_max) co_return keys;
        Result<RecordKey> key = key_of((*tenants)[i], member.text);
        if (!key) co_return failed(std::move(key.error()));
        keys.push_back(*std::move(key));
      }
    }
    if (keys.size() == keys_max) co_return keys;
  }
  co_return keys;
}

Task<Result<Records::Usage>> ValkeyRecords::usage(TenantId tenant) {
  const std::string name = names_.sums(tenant);
  RespCommands commands;
  commands.add({"HMGET", name, "records", "bytes"});
  auto asking = ask_one(name, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const std::vector<RespValue>& sums = answers->all.front().values.front().items;
  Usage usage;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const bool is_read =
        sums[i].is_null() || read_number(sums[i].text, i == 0 ? usage.records : usage.bytes);
    if (!is_read) co_return failed({.what = "what a tenant has is no number on the server"});
  }
  co_return usage;
}

}  // namespace headrace::valkey_records

namespace headrace {

Result<std::unique_ptr<Records>> open_valkey_records(ValkeyRecordsOptions options,
                                                     Runtime& runtime) {
  const bool is_plain = std::ranges::none_of(
      options.prefix, [](char c) { return c == '{' || c == '}' || c == '\0'; });
  if (options.prefix.empty() || options.prefix.size() > RecordKey::space_bytes_max || !is_plain) {
    return failure(Code::invalid_argument,
                   "the records' prefix has 1 to 64 characters, none of them a brace");
  }
  if (options.edit_tries_max == 0) {
    return failure(Code::invalid_argument, "edit_tries_max is at least 1");
  }
  Result<valkey::ClientOptions> client = valkey::client_of(options);
  if (!client) return std::unexpected(std::move(client.error()));
  client->connections = options.connections;
  client->scripts = {valkey_records::edit_script};
  client->probe = options.prefix + ":probe-" + to_hex(runtime.token()) + "-";
  valkey::Where where = valkey::where_of(options);
  where.replication = {.replicas = options.replicas, .within = options.replicas_within};
  auto router = valkey::open_router(std::move(where), *std::move(client), runtime);
  if (!router) return std::unexpected(std::move(router.error()));
  return std::make_unique<valkey_records::ValkeyRecords>(std::move(options), *std::move(router),
                                                         runtime);
}

}  // namespace headrace
