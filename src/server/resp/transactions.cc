// MULTI, EXEC, and what is watched for them.
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/service.h"

namespace headrace::resp {

namespace {

std::string said(int version, std::string_view error) {
  std::string text;
  RespWriter out(text, version);
  if (error.empty()) {
    out.ok();
  } else {
    out.error(error);
  }
  return text;
}

void multi(Service&, Client& client, Args, RespWriter& out) {
  if (client.transaction.is_open()) {
    out.error("ERR MULTI calls can not be nested");
    return;
  }
  client.transaction.open();
  client.card->queued = 0;
  out.ok();
}

void end(Client& client) {
  client.transaction.end();
  client.card->queued = -1;
}

void discard(Service&, Client& client, Args, RespWriter& out) {
  if (!client.transaction.is_open()) {
    out.error("ERR DISCARD without MULTI");
    return;
  }
  end(client);
  out.ok();
}

Task<std::string> exec(Asking asking) {
  Client& client = *asking.client;
  Transaction& transaction = client.transaction;
  if (!transaction.is_open()) co_return said(client.version, "ERR EXEC without MULTI");
  if (transaction.is_spoiled()) {
    end(client);
    co_return said(client.version, "EXECABORT Transaction discarded because of previous errors.");
  }
  Batch batch(asking.service->ports.keyspace, asking.service->options.output_bytes_max);
  transaction.give(batch, asking.who, client.version);
  auto running =
      batch.run_as_one(transaction.watched(), asking.who, client.version, asking.service, &client);
  co_await std::move(running);
  end(client);
  client.is_ending = client.is_ending || batch.has_overflowed();
  co_return batch.replies();
}

// What is not there has no version: to be watched is that it comes.
Task<std::string> watch(Asking asking) {
  Client& client = *asking.client;
  if (client.transaction.is_open()) {
    co_return said(client.version, "ERR WATCH inside MULTI is not allowed");
  }
  std::vector<RecordKey> keys;
  for (std::size_t i = 1; i < asking.args.size(); ++i) {
    RecordKey key(asking.who->tenant, default_space, asking.args[i]);
    if (!client.transaction.is_watched(key)) keys.push_back(std::move(key));
  }
  if (keys.empty()) co_return said(client.version, "");
  auto reading = asking.service->ports.keyspace.read(keys, Keyspace::Access::does_not_count);
  const auto found = co_await std::move(reading);
  if (!found) co_return said(client.version, text_of(found.error()));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (client.transaction.is_watched(keys[i])) continue;
    if (!client.transaction.watch(Watched(std::move(keys[i]), (*found)[i].get()))) {
      co_return said(client.version, "ERR too many keys are watched; at most 1024");
    }
  }
  co_return said(client.version, "");
}

void unwatch(Service&, Client& client, Args, RespWriter& out) {
  client.transaction.unwatch();
  out.ok();
}

constexpr KeyPlaces all{.first = 1, .last = -1, .step = 1};
constexpr std::string_view group = "transactions";

constexpr Command table[] = {
    {"discard", 1, fast | not_queued, {}, group, "2.0.0", "Discards a transaction.", discard},
    {"exec", 1, not_queued, {}, group, "1.2.0", "Executes all commands in a transaction.", exec},
    {"multi", 1, fast | not_queued, {}, group, "1.2.0", "Starts a transaction.", multi},
    {"unwatch",
     1,
     fast,
     {},
     group,
     "2.2.0",
     "Forgets about watched keys of a transaction.",
     unwatch},
    {"watch", -2, reads | fast | not_queued, all, group, "2.2.0",
     "Monitors changes to keys to determine the execution of a transaction.", watch},
};

}  // namespace

std::span<const Command> transaction_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
