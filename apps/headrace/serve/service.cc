#include "serve/service.h"

#include <fmt/format.h>

#include <utility>

#include "commands/commands.h"
#include "headrace/records/embedded.h"
#include "headrace/records/firestore.h"
#include "headrace/records/valkey.h"
#include "headrace/sync.h"
#include "io/address.h"
#include "io/digest.h"
#include "serve/passwords.h"
#include "serve/root_key.h"
#include "version.h"

namespace headrace::app {

namespace {

using Kept = config::ServiceConfig::Records;
using Opened = std::expected<std::unique_ptr<Records>, Refusal>;

std::unexpected<Refusal> refused(std::string what, std::string advice, int code = exit_config) {
  return std::unexpected(
      Refusal{.what = std::move(what), .advice = std::move(advice), .code = code});
}

Opened open_embedded(const config::Config& config, Runtime& runtime, const Service::Warn& warn) {
  const config::ServiceConfig& service = *config.service;
  EmbeddedRecordsOptions options{.memory_bytes_max = service.memory_bytes_max, .notice = warn};
  if (service.records == Kept::embedded) options.path = config.data_dir + "/records.sqlite";
  if (service.survives_power_loss) {
    options.durability = EmbeddedRecordsOptions::Durability::power;
  }
  auto opened = open_embedded_records(std::move(options), runtime);
  if (opened) return *std::move(opened);
  return refused(opened.error().what,
                 "Give each server a data folder of its own with --data-dir, or mend this one: "
                 "clients' records are nowhere else.",
                 exit_unavailable);
}

// On the server of the store, beside its keys and under a prefix of their own.
Opened open_valkey(const config::Config& config, Runtime& runtime, const Service::Warn& warn) {
  auto store = with_passwords(*config.shared_store);
  if (!store) return refused(store.error().what, password_advice);
  ValkeyRecordsOptions options{.address = store->address,
                               .cluster = store->cluster,
                               .sentinels = store->sentinels,
                               .sentinel_master = store->sentinel_master,
                               .sentinel_user = store->sentinel_user,
                               .sentinel_password = store->sentinel_password,
                               .user = store->user,
                               .password = store->password,
                               .tls = store->tls,
                               .tls_ca_file = store->tls_ca_file,
                               .tls_cert_file = store->tls_cert_file,
                               .tls_key_file = store->tls_key_file,
                               .prefix = store->prefix + "-records",
                               .connections = store->connections,
                               .replicas = store->replicas,
                               .replicas_within = store->replicas_within,
                               .connect_within = store->connect_within,
                               .answer_within = store->answer_within,
                               .notice = warn};
  auto opened = open_valkey_records(std::move(options), runtime);
  if (!opened) return refused(opened.error().what, "Mend [store].");
  return *std::move(opened);
}

// In the database of the store, in a collection of their own beside its.
Opened open_firestore(const config::Config& config, Runtime& runtime) {
  const config::FirestoreStoreConfig& store = *config.firestore_store;
  auto database = open_firestore_database(store.database, runtime, runtime, runtime);
  if (!database) return refused(database.error().what, "Mend [store].");
  FirestoreRecordsOptions options{.collection = store.options.collection + "-records",
                                  .answer_within = store.options.answer_within};
  auto opened = open_firestore_records(*std::move(database), std::move(options), runtime, runtime);
  if (!opened) return refused(opened.error().what, "Mend [store].");
  return *std::move(opened);
}

Opened open_records(const config::Config& config, Runtime& runtime, const Service::Warn& warn) {
  switch (config.service->records) {
    case Kept::valkey: return open_valkey(config, runtime, warn);
    case Kept::firestore: return open_firestore(config, runtime);
    case Kept::embedded:
    case Kept::memory: break;
  }
  return open_embedded(config, runtime, warn);
}

// Beyond the loopback nobody comes in without a key.
bool wants_keys(const config::Config& config) {
  const config::ServiceConfig& service = *config.service;
  const auto is_open = [](const std::string& listen) {
    return !listen.empty() && !config::listens_on_loopback(listen).value_or(false);
  };
  return service.keys_required || !config.api_key_file.empty() || is_open(config.listen) ||
         is_open(service.resp_listen);
}

std::expected<TenantBookOptions, Refusal> book_options(const config::Config& config,
                                                       Runtime& runtime,
                                                       const Service::Warn& warn) {
  using Strangers = TenantBookOptions::Strangers;
  TenantBookOptions options{.instances = config.service->instances,
                            .value_bytes_max = config.service->value_bytes_max,
                            .strangers = Strangers::welcome};
  auto key = first_line_of(config.api_key_file);
  if (!key) return refused(key.error().what, "Write the key into its first line.");
  if (!key->empty()) options.operator_keys.push_back(*std::move(key));
  if (!wants_keys(config)) return options;
  options.strangers = Strangers::refused;
  if (config.service->root_key_file.empty()) {
    if (!options.operator_keys.empty()) return options;
    return refused("keys are required, and nobody has one: there is no file for the operator's",
                   "Set root_key_file in [service], or data_dir, where it is made.");
  }
  auto root = read_or_make_root_key(config.service->root_key_file, runtime);
  if (!root) return refused(root.error().what, "Mend the file, or name another root_key_file.");
  if (root->is_new) warn("the operator's key was made, in " + config.service->root_key_file);
  options.operator_keys.push_back(std::move(root->text));
  return options;
}

std::expected<TenantBook::Digest, Refusal> digest_of(const config::Config& config) {
  auto pepper = first_line_of(config.service->pepper_file);
  if (!pepper) return refused(pepper.error().what, "Write the pepper into its first line.");
  if (pepper->empty()) return [](std::string_view text) { return io::sha256(text); };
  return [pepper = *std::move(pepper)](std::string_view text) {
    return io::hmac_sha256(pepper, text);
  };
}

}  // namespace

std::expected<std::unique_ptr<Service>, Refusal> Service::open(const config::Config& config,
                                                               Runtime& runtime, Warn warn) {
  auto options = book_options(config, runtime, warn);
  if (!options) return std::unexpected(std::move(options.error()));
  auto digest = digest_of(config);
  if (!digest) return std::unexpected(std::move(digest.error()));
  auto records = open_records(config, runtime, warn);
  if (!records) return std::unexpected(std::move(records.error()));
  auto service = std::make_unique<Service>(Made());
  service->records_ = std::move(*records);
  service->keyspace_ = std::make_unique<Keyspace>(
      KeyspaceOptions{.hash_seed = runtime.bits()},
      Keyspace::Ports{.records = *service->records_, .clock = runtime, .executor = runtime});
  service->tenants_ = std::make_unique<TenantBook>(
      *std::move(options), TenantBook::Ports{.keyspace = *service->keyspace_,
                                             .executor = runtime,
                                             .random = runtime,
                                             .digest = *std::move(digest)});
  const Result<void> opened = wait(service->tenants_->open());
  if (!opened) warn(opened.error().what + "; no tenant's key is known until then");
  return service;
}

std::expected<void, Refusal> Service::listen(const config::Config& config, Runtime& runtime,
                                             Engine& engine,
                                             std::shared_ptr<io::TlsIdentity> identity) {
  if (config.service->resp_listen.empty()) return {};
  has_tls_ = identity != nullptr;
  RespServerOptions options{
      .listen = config.service->resp_listen, .version = version, .tls = std::move(identity)};
  options.connections_max = config.server.connections_max;
  options.shutdown_within = config.shutdown_timeout;
  auto server = RespServer::make(std::move(options), runtime, *keyspace_, *tenants_, engine);
  if (!server) {
    return refused(server.error().what,
                   "Choose where to speak RESP with resp_listen, as tcp://127.0.0.1:6380.",
                   server.error().code == Code::refused ? exit_unavailable : exit_config);
  }
  resp_ = std::move(*server);
  return {};
}

std::string Service::resp_url() const {
  if (!resp_) return {};
  return (has_tls_ ? "rediss://" : "redis://") + io::to_string(resp_->address());
}

void Service::drain() {
  if (resp_) resp_->drain();
}

void Service::end() {
  if (!records_) return;
  drain();
  resp_.reset();
  if (tenants_) wait(tenants_->close());
  tenants_.reset();
  if (keyspace_) wait(keyspace_->close());
  keyspace_.reset();
  records_->close();
  records_.reset();
}

std::string place_of_records(const config::Config& config) {
  if (!config.service) return "none";
  switch (config.service->records) {
    case Kept::embedded: return "embedded in " + config.data_dir;
    case Kept::memory: return "memory alone";
    case Kept::valkey:
    case Kept::firestore: return place_of(config);
  }
  return "none";
}

}  // namespace headrace::app
