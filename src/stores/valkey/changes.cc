// What changes slots, watermarks, guards and floors: the other half of ValkeyStore.
#include <algorithm>
#include <utility>

#include "stores/valkey/valkey_store.h"

namespace headrace::valkey {

namespace {

constexpr std::size_t names_per_command_max = 1000;

std::int64_t rounded_up_ms(Duration time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

bool has_lost_script(const Answers& answers) {
  return std::ranges::any_of(answers.all, [](const Answer& answer) {
    return std::ranges::any_of(answer.values, &RespValue::is_error);
  });
}

}  // namespace

// REQUIRES: if there is more than one run, the script does no harm when it is repeated at once.
Task<Result<Answers>> ValkeyStore::run(std::size_t script, std::vector<Run> runs, Copies copies) {
  const auto ask_for = [&runs, this](std::string_view how, std::string_view what) {
    std::vector<Ask> asks;
    for (const Run& one : runs) {
      std::vector<std::string> words{std::string(how), std::string(what), "1", one.key};
      words.insert(words.end(), one.arguments.begin(), one.arguments.end());
      asks.push_back({.slot = router_->slot_of(one.key)});
      asks.back().commands.add(words);
      if (!one.removed.empty()) asks.back().commands.add({"UNLINK", one.removed});
    }
    return asks;
  };
  const auto server = router_->known_server_of(router_->slot_of(runs.front().key));
  if (server) {
    auto asking = ask(ask_for("EVALSHA", server->shas[script]), copies);
    Result<Answers> answers = co_await std::move(asking);
    if (!answers || !has_lost_script(*answers)) co_return answers;
  }
  auto asking = ask(ask_for("EVAL", scripts[script]), copies);
  Result<Answers> answers = co_await std::move(asking);
  co_return answers;
}

// Puts `record` where a record with the token `expected` is, or removes that if `record` is empty.
Task<Result<bool>> ValkeyStore::replace(std::string name, Token expected, std::string record,
                                        Duration lives) {
  std::vector<Run> one(1);
  one.front() = {.key = std::move(name),
                 .arguments = {bytes_of(expected), std::move(record), px(lives)}};
  auto running = run(compare_and_set_script, std::move(one), Copies::as_they_come);
  const Result<Answers> answers = co_await std::move(running);
  if (!answers) co_return std::unexpected(answers.error());
  co_return answers->all.front().values.front().integer == 1;
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

// With the moment at which its publish was called, by the server's clock and never too late.
Result<std::string> ValkeyStore::record_of(const Envelope& envelope, Duration keep_for,
                                           const Server& server, Instant called) const {
  if (envelope.id.is_none()) return no_token();
  if (envelope.watermarks.size() > watermarks_in_head_max) {
    return failure(Code::too_large, "an envelope hangs on " +
                                        std::to_string(envelope.watermarks.size()) +
                                        " watermarks; the most is 255 (watermarks_in_head_max)");
  }
  return envelope_record(envelope, server.clock.at_least(called), whole_ms(keep_for));
}

Task<Result<Published>> ValkeyStore::publish(StoreKey key, Token expected, Envelope envelope,
                                             Duration keep_for) {
  if (expected.is_none()) co_return Published::refused;
  const Instant called = runtime_.now();  // It may have to be connected to first.
  const std::string name = names_.slot(key);
  auto knowing = server_of(name);
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  Result<std::string> record = record_of(envelope, keep_for, **server, called);
  if (!record) co_return std::unexpected(record.error());
  bool stored = false;
  // An envelope of ours may stand there too, which the script knows by its first bytes alone.
  if ((*server)->has_set_ifeq && expected == envelope.lease) {
    RespCommands commands;
    commands.add({"SET", name, *record, "IFEQ", lease_record(expected), "PX", px(keep_for)});
    auto asking = ask(name, std::move(commands));
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    stored = answers->all.front().values.front().is("OK");
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
  const std::shared_ptr<Server> server = router_->known_server_of(router_->slot_of(name));
  if (server && server->has_delifeq) {
    RespCommands commands;
    commands.add({"DELIFEQ", name, lease_record(lease)});
    auto asking = ask(name, std::move(commands));
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    co_return Result<void>();
  }
  auto replacing = replace(name, lease, {}, Duration::zero());
  const Result<bool> done = co_await std::move(replacing);
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Task<Result<void>> ValkeyStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  const Instant called = runtime_.now();
  const std::string name = names_.slot(key);
  auto knowing = server_of(name);
  const Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
  if (!server) co_return std::unexpected(server.error());
  const Result<std::string> record = record_of(envelope, keep_for, **server, called);
  if (!record) co_return std::unexpected(record.error());
  RespCommands commands;
  commands.add({"SET", name, *record, "PX", px(keep_for)});
  auto asking = ask(name, std::move(commands), Copies::before_it_counts);
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  co_return Result<void>();
}

// Whatever they hold; freed behind, for a value may be large.
Task<Result<Token>> ValkeyStore::remove(std::vector<std::string> names) {
  std::vector<Ask> asks;
  const std::size_t each = router_->is_one() ? names_per_command_max : 1;
  for (std::size_t i = 0; i < names.size(); i += each) {
    const std::size_t end = std::min(names.size(), i + each);
    std::vector<std::string> words{"UNLINK"};
    for (std::size_t j = i; j < end; ++j) words.push_back(std::move(names[j]));
    asks.push_back({.slot = router_->slot_of(words.back())});
    asks.back().commands.add(words);
  }
  if (asks.empty()) {
    auto asking = incarnation();
    const Result<Token> token = co_await std::move(asking);
    co_return token;
  }
  auto asking = ask(std::move(asks), Copies::before_it_counts);
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  co_return answers->incarnation;
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

Task<Result<std::vector<std::shared_ptr<Server>>>> ValkeyStore::servers_of(
    std::vector<StoreKey> keys) {
  std::vector<std::shared_ptr<Server>> servers;
  for (const StoreKey& key : keys) {
    auto knowing = server_of(names_.slot(key));
    Result<std::shared_ptr<Server>> server = co_await std::move(knowing);
    if (!server) co_return std::unexpected(std::move(server.error()));
    servers.push_back(*std::move(server));
  }
  co_return servers;
}

Task<Result<Token>> ValkeyStore::change(std::vector<Run> runs, Copies copies) {
  if (runs.empty()) {
    auto asking = incarnation();
    const Result<Token> token = co_await std::move(asking);
    co_return token;
  }
  auto running = run(change_beside_script, std::move(runs), copies);
  const Result<Answers> answers = co_await std::move(running);
  if (!answers) co_return std::unexpected(answers.error());
  co_return answers->incarnation;
}

// Nothing goes, nothing comes yet, and the slot stays.
ValkeyStore::Run ValkeyStore::run_beside(const StoreKey& key, const Server& server) const {
  return {.key = names_.beside(key),
          .arguments = {milliseconds(server.clock.at_least(runtime_.now()) / 1000),
                        std::to_string(floors_per_key_max), ""}};
}

Task<Result<Token>> ValkeyStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  if (guard.is_none()) co_return no_token();
  if (lasts <= Duration::zero() || lasts > guard_lasts_max) {
    co_return failure(Code::invalid_argument, "a guard lasts up to 24 h (guard_lasts_max)");
  }
  auto knowing = servers_of(keys);
  const auto servers = co_await std::move(knowing);
  if (!servers) co_return std::unexpected(servers.error());
  const Instant now = runtime_.now();
  std::vector<Run> runs;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Server& server = *(*servers)[i];
    const std::int64_t ends = server.clock.at_most(now) / 1000 + 1 + rounded_up_ms(lasts);
    Run& one = runs.emplace_back(run_beside(keys[i], server));
    one.arguments.push_back(guard_entry(guard, ends));
    one.removed = names_.slot(keys[i]);
  }
  auto changing = change(std::move(runs), Copies::before_it_counts);
  const Result<Token> token = co_await std::move(changing);
  co_return token;
}

Task<Result<void>> ValkeyStore::unguard(std::vector<StoreKey> keys, Token guard) {
  if (guard.is_none()) co_return no_token();
  auto knowing = servers_of(keys);
  const auto servers = co_await std::move(knowing);
  if (!servers) co_return std::unexpected(servers.error());
  std::vector<Run> runs;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Run& one = runs.emplace_back(run_beside(keys[i], *(*servers)[i]));
    one.arguments.back() = "G" + bytes_of(guard);
  }
  auto changing = change(std::move(runs), Copies::as_they_come);
  const Result<Token> token = co_await std::move(changing);
  if (!token) co_return std::unexpected(token.error());
  co_return Result<void>();
}

Task<Result<Token>> ValkeyStore::raise_floors(std::vector<Floor> floors) {
  std::vector<StoreKey> keys;
  for (const Floor& floor : floors) {
    if (floor.lasts <= Duration::zero() || floor.lasts > floor_lasts_max) {
      co_return failure(Code::invalid_argument, "a floor lasts up to 24 h (floor_lasts_max)");
    }
    if (floor.revision.empty() || floor.revision.size() > revision_bytes_max) {
      co_return failure(Code::invalid_argument,
                        "a floor's revision has 1 to 1024 bytes (revision_bytes_max)");
    }
    keys.push_back(floor.key);
  }
  auto knowing = servers_of(keys);
  const auto servers = co_await std::move(knowing);
  if (!servers) co_return std::unexpected(servers.error());
  const Instant now = runtime_.now();
  std::vector<Run> runs;
  for (std::size_t i = 0; i < floors.size(); ++i) {
    const Server& server = *(*servers)[i];
    const std::int64_t ends = server.clock.at_most(now) / 1000 + 1 + rounded_up_ms(floors[i].lasts);
    Run& one = runs.emplace_back(run_beside(keys[i], server));
    one.arguments.push_back(floor_entry(floors[i].revision, ends));
    one.removed = names_.slot(keys[i]);
  }
  auto changing = change(std::move(runs), Copies::before_it_counts);
  const Result<Token> token = co_await std::move(changing);
  co_return token;
}

}  // namespace headrace::valkey
