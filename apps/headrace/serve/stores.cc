#include "serve/stores.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "commands/commands.h"
#include "headrace/sync.h"
#include "serve/passwords.h"

namespace headrace::app {

namespace {

using Opened = std::expected<std::unique_ptr<Store>, Refusal>;
using Warn = std::function<void(std::string)>;

std::unexpected<Refusal> refused(std::string what, std::string advice, int code = exit_config) {
  return std::unexpected(
      Refusal{.what = std::move(what), .advice = std::move(advice), .code = code});
}

Opened open_shared(const config::ValkeyStoreConfig& shared, const std::string& mend,
                   Runtime& runtime, const Warn& warn) {
  auto options = with_passwords(shared);
  if (!options) return refused(options.error().what, password_advice);
  auto opened = open_valkey_store(*std::move(options), runtime);
  if (!opened) return refused(opened.error().what, mend);
  const Result<Token> there = wait((*opened)->incarnation());
  if (!there) warn(there.error().what + "; reads go to the sources meanwhile");
  if (std::string odd = (*opened)->usage().warning; !odd.empty()) warn(std::move(odd));
  return std::move(*opened);
}

Opened open_memcached(MemcachedStoreOptions options, const std::string& mend, Runtime& runtime,
                      const Warn& warn) {
  options.notice = warn;
  auto opened = open_memcached_store(std::move(options), runtime);
  if (opened) return std::move(*opened);
  const bool is_wrong = opened.error().code == Code::invalid_argument;
  return refused(opened.error().what, mend, is_wrong ? exit_config : exit_unavailable);
}

Opened open_firestore(const config::FirestoreStoreConfig& shared, const std::string& mend,
                      Runtime& runtime, const Warn& warn) {
  auto database = open_firestore_database(shared.database, runtime, runtime, runtime);
  if (!database) return refused(database.error().what, mend);
  auto opened = open_firestore_store(std::move(*database), shared.options, runtime, runtime);
  if (!opened) return refused(opened.error().what, mend);
  const auto there = wait((*opened)->look(StoreKey{}, {}, Store::Payload::without));
  if (!there) warn(there.error().what + "; reads go to the sources meanwhile");
  return std::move(*opened);
}

Opened open_embedded(const config::StoreConfig& store, Runtime& runtime, const Warn& warn) {
  std::error_code fault;
  std::filesystem::create_directories(store.data_dir, fault);
  if (fault) {
    return refused(
        fmt::format("the data folder {} cannot be made: {}", store.data_dir, fault.message()),
        "Name another with --data-dir, or none to keep values in memory alone.");
  }
  EmbeddedStoreOptions options = store.store;
  options.path = store.data_dir + "/store.sqlite";
  options.notice = warn;
  auto opened = open_embedded_store(std::move(options), runtime, runtime, runtime);
  if (opened) return std::move(*opened);
  return refused(opened.error().what,
                 "Give each server a data folder of its own with --data-dir, or mend this one.",
                 exit_unavailable);
}

template <class Options>
std::string place_on_valkey(const Options& options) {
  if (!options.cluster.empty()) return fmt::format("valkey, the cluster of {}", options.cluster[0]);
  if (options.sentinels.empty()) return "valkey at " + options.address;
  return fmt::format("valkey, \"{}\" of the sentinel {}", options.sentinel_master,
                     options.sentinels[0]);
}

}  // namespace

std::expected<std::unique_ptr<Store>, Refusal> open_store(const config::StoreConfig& store,
                                                          std::string_view section,
                                                          Runtime& runtime, Warn warn) {
  const std::string mend = fmt::format("Mend {}.", section);
  if (store.shared_store) return open_shared(*store.shared_store, mend, runtime, warn);
  if (store.memcached_store) {
    return open_memcached(*store.memcached_store, fmt::format("Mend {}, or the server.", section),
                          runtime, warn);
  }
  if (store.firestore_store) return open_firestore(*store.firestore_store, mend, runtime, warn);
  if (store.data_dir.empty()) return nullptr;
  return open_embedded(store, runtime, warn);
}

std::string place_of(const ValkeyStoreOptions& options) {
  return place_on_valkey(options);
}
std::string place_of(const ValkeyBusOptions& options) {
  return place_on_valkey(options);
}

std::string place_of(const config::StoreConfig& store) {
  if (store.shared_store) return place_of(store.shared_store->options);
  if (store.memcached_store) {
    return fmt::format("memcached at {}", fmt::join(store.memcached_store->servers, ", "));
  }
  if (store.firestore_store) {
    return fmt::format("firestore collection {} of project {}",
                       store.firestore_store->options.collection,
                       store.firestore_store->database.project);
  }
  return store.data_dir.empty() ? std::string("memory alone") : "embedded in " + store.data_dir;
}

std::string store_name(const config::StoreConfig& store) {
  std::string name = place_of(store);
  if (store.shared_store) name += ", prefix " + store.shared_store->options.prefix;
  if (store.memcached_store) name += ", prefix " + store.memcached_store->prefix;
  if (store.firestore_store) name += ", database " + store.firestore_store->database.database;
  return name;
}

}  // namespace headrace::app
