// What keeps values besides memory, and what tells of invalidations: [store], [bus], [journal].
#include <algorithm>
#include <charconv>
#include <set>

#include "config/parts.h"

namespace headrace::config {

namespace {

constexpr std::size_t many = 1'000'000'000;

void read_embedded(StoreConfig& config, Section& store) {
  store.bytes("bytes_max", config.store.bytes_max, 1 << 20);
  store.count("leases_max", config.store.leases_max, 1, many);
  store.count("watermarks_max", config.store.watermarks_max, 1, many);
  store.count("queue_max", config.store.queue_max, 1, many);
  store.count("group_max", config.store.group_max, 1, 1'000'000);
  store.count("readers_max", config.store.readers_max, 1, 256);
}

// A time in which something has to happen.
void read_time(Section& section, std::string_view key, Duration& into) {
  if (section.duration(key, into) && into <= Duration::zero()) {
    section.fail(key, "must be longer than zero");
  }
}

constexpr std::size_t addresses_max = 64;

// "host:port", of which a list is made.
bool is_server(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.contains('/')) return false;
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return fault == std::errc{} && end == digits.data() + digits.size() && port > 0 && port <= 65535;
}

// `port` is that of the example which a fault names.
void read_addresses(Section& section, std::string_view key, std::string_view port,
                    std::vector<std::string>& into) {
  if (!section.texts(key, into)) return;
  const std::string example = "\"10.0.0.1:" + std::string(port) + "\"";
  if (into.empty() || into.size() > addresses_max) {
    section.fail(key, "must be a list of 1 to 64 servers, as [" + example + "]");
  }
  std::set<std::string> known;
  for (std::size_t i = 0; i < into.size(); ++i) {
    const Place place = section.place_of(key, i);
    if (!is_server(into[i])) {
      section.fail_at(place, key,
                      "must be hosts and ports, as " + example + ", not \"" + into[i] + "\"");
    } else if (!known.insert(into[i]).second) {
      section.fail_at(place, key, "names \"" + into[i] + "\" twice");
    }
  }
}

// One server, the nodes of a cluster, or a primary that sentinels name: what is said here takes the
// place of what the options said before.
template <class Config>
void read_where(Section& section, Config& config) {
  auto& options = config.options;
  const int ways = (section.has("address") ? 1 : 0) + (section.has("cluster") ? 1 : 0) +
                   (section.has("sentinels") ? 1 : 0);
  if (ways > 0) {
    options.address.clear();
    options.cluster.clear();
    options.sentinels.clear();
    options.sentinel_master.clear();
    options.sentinel_user.clear();
    config.sentinel_password_file.clear();
  }
  const bool is_said =
      !options.address.empty() || !options.cluster.empty() || !options.sentinels.empty();
  const bool has_address = section.text("address", options.address);
  if (const std::string fault = fault_of_address(options.address);
      (ways == 0 && !is_said) || (has_address && (options.address.empty() || !fault.empty()))) {
    section.fail("address",
                 "must be the server's host and port, as \"127.0.0.1:6379\"; or name a cluster, or "
                 "sentinels");
  }
  read_addresses(section, "cluster", "6379", options.cluster);
  read_addresses(section, "sentinels", "26379", options.sentinels);
  if (ways > 1) {
    const std::string_view second = section.has("sentinels") ? "sentinels" : "cluster";
    section.fail(second, "is one of address, cluster and sentinels too many: name one of them");
  }
  section.text("sentinel_master", options.sentinel_master);
  section.text("sentinel_user", options.sentinel_user);
  section.path("sentinel_password_file", config.sentinel_password_file);
  if (!options.sentinels.empty() && options.sentinel_master.empty()) {
    section.fail("sentinel_master", "must be the name by which the sentinels know the primary");
  }
  for (const std::string_view key :
       {"sentinel_master", "sentinel_user", "sentinel_password_file"}) {
    if (options.sentinels.empty() && section.has(key)) {
      section.fail(key, "is of no use without sentinels");
    }
  }
}

template <class Options>
void read_tls_files(Section& section, Options& options) {
  const std::pair<std::string_view, std::string*> files[] = {
      {"tls_ca_file", &options.tls_ca_file},
      {"tls_cert_file", &options.tls_cert_file},
      {"tls_key_file", &options.tls_key_file}};
  for (const auto& [key, file] : files) {
    section.path(key, *file);
    if (!options.tls && !file->empty()) section.fail(key, "is of no use without tls = true");
  }
  if (options.tls_cert_file.empty() != options.tls_key_file.empty()) {
    section.fail(options.tls_cert_file.empty() ? "tls_key_file" : "tls_cert_file",
                 "belongs to the other of tls_cert_file and tls_key_file: set both");
  }
}

// Where the server is, and who asks it.
template <class Config>
void read_server(Section& section, Config& config) {
  auto& options = config.options;
  read_where(section, config);
  section.text("user", options.user);
  section.path("password_file", config.password_file);
  section.truth("tls", options.tls);
  read_tls_files(section, options);
  section.text("prefix", options.prefix);
  const bool is_sound = !options.prefix.empty() && options.prefix.size() <= name_bytes_max &&
                        options.prefix.find_first_of("{}") == std::string::npos;
  if (!is_sound) section.fail("prefix", "must have 1 to 64 characters, and no braces");
  read_time(section, "connect_within", options.connect_within);
  read_time(section, "answer_within", options.answer_within);
}

void read_servers(Section& store, std::vector<std::string>& servers) {
  if (!store.has("servers")) {
    store.fail("servers is missing: a list such as [\"10.0.0.1:11211\"]");
  }
  read_addresses(store, "servers", "11211", servers);
}

void read_memcached(MemcachedStoreOptions& options, Section& store) {
  read_servers(store, options.servers);
  store.text("prefix", options.prefix);
  const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
  if (options.prefix.empty() || options.prefix.size() > name_bytes_max ||
      !std::ranges::all_of(options.prefix, is_visible)) {
    store.fail("prefix", "must have 1 to 64 printable ASCII characters, and no spaces");
  }
  read_time(store, "connect_within", options.connect_within);
  read_time(store, "answer_within", options.answer_within);
  store.bytes("reply_bytes_max", options.reply_bytes_max, 1 << 20);
  store.count("seen_max", options.seen_max, 1, many);
  store.count("guards_per_key_max", options.guards_per_key_max, 1, 65536);
}

void read_firestore_store(FirestoreStoreConfig& shared, const std::string& emulator,
                          Section& store) {
  shared.database = read_firestore_database(store, emulator);
  store.text("collection", shared.options.collection);
  const std::string& collection = shared.options.collection;
  const auto is_plain = [](char c) { return c > ' ' && c <= '~' && c != '/'; };
  if (collection.empty() || collection.size() > name_bytes_max ||
      !std::ranges::all_of(collection, is_plain) || collection == "." || collection == ".." ||
      collection.starts_with("__")) {
    store.fail("collection",
               "must be a collection's id: 1 to 64 printable ASCII characters, no spaces, no "
               "\"/\", not \".\" or \"..\", and without \"__\" in front");
  }
  read_time(store, "answer_within", shared.options.answer_within);
  read_time(store, "watermark_lasts", shared.options.watermark_lasts);
  store.count("seen_max", shared.options.seen_max, 1, many);
}

void read_valkey_bus(Config& config, Section& bus) {
  ValkeyBusConfig& shared = config.bus.emplace<ValkeyBusConfig>();
  if (config.shared_store) {
    const ValkeyStoreOptions& store = config.shared_store->options;
    shared.options = {.address = store.address,
                      .cluster = store.cluster,
                      .sentinels = store.sentinels,
                      .sentinel_master = store.sentinel_master,
                      .sentinel_user = store.sentinel_user,
                      .user = store.user,
                      .tls = store.tls,
                      .tls_ca_file = store.tls_ca_file,
                      .tls_cert_file = store.tls_cert_file,
                      .tls_key_file = store.tls_key_file,
                      .prefix = store.prefix,
                      .connect_within = store.connect_within,
                      .answer_within = store.answer_within};
    shared.password_file = config.shared_store->password_file;
    shared.sentinel_password_file = config.shared_store->sentinel_password_file;
  }
  read_server(bus, shared);
  bus.count("messages_max", shared.options.messages_max, 1000, many);
}

void read_postgres_bus(Config& config, Section& bus) {
  PostgresBusConfig& shared = config.bus.emplace<PostgresBusConfig>();
  PostgresBusOptions& options = shared.options;
  read_postgres_login(bus, options.connection, shared.password_file);
  constexpr std::size_t channel_bytes_max = 63;
  bus.text("channel", options.channel);
  if (options.channel.empty() || options.channel.size() > channel_bytes_max) {
    bus.fail("channel", "must have 1 to 63 bytes");
  }
  read_time(bus, "connect_within", options.connect_within);
  read_time(bus, "answer_within", options.answer_within);
}

}  // namespace

void read_store(StoreConfig& config, const std::string& emulator, Section store) {
  std::string kind = "embedded";
  store.choice("kind", kind, {"embedded", "valkey", "memcached", "firestore"});
  if (kind == "embedded") {
    read_embedded(config, store);
  } else if (kind == "memcached") {
    read_memcached(config.memcached_store.emplace(), store);
  } else if (kind == "firestore") {
    read_firestore_store(config.firestore_store.emplace(), emulator, store);
  } else {
    ValkeyStoreConfig& shared = config.shared_store.emplace();
    read_server(store, shared);
    store.count("connections", shared.options.connections, 0, 256);
    store.count("replicas", shared.options.replicas, 0, 16);
    read_time(store, "replicas_within", shared.options.replicas_within);
    if (shared.options.replicas == 0 && store.has("replicas_within")) {
      store.fail("replicas_within", "is of no use without replicas");
    }
    read_time(store, "watermark_lasts", shared.options.watermark_lasts);
  }
  store.finish();
}

// Instances that share a store hear of each other over the same server, if nothing else is said.
// A store that cannot carry a bus leaves the choice to whoever configures it, who has to make it.
void read_bus(Config& config, Section bus, Place store_place) {
  const bool is_alone = config.has_shared_store() && !config.shared_store;
  const bool has_place = bus.has("address") || bus.has("cluster") || bus.has("sentinels");
  std::string kind = config.shared_store || (is_alone && has_place) ? "valkey" : "none";
  if (is_alone && !bus.has("kind") && !has_place) {
    bus.fail_at(store_place, "kind",
                "must be given, for this store carries no bus: set [bus] kind = \"valkey\" and "
                "its address, or \"none\": then memory answers what other servers have "
                "invalidated, but under policies that are strict");
  }
  bus.choice("kind", kind, {"none", "valkey", "postgres"});
  if (kind == "none") {
    bus.finish();
    return;
  }
  if (!config.has_shared_store() && !config.data_dir.empty()) {
    bus.fail("kind",
             "needs a store that instances share: what others invalidate would stay in the store "
             "of this one's own; set [store] kind = \"valkey\", or leave data_dir out");
  }
  if (kind == "valkey") {
    read_valkey_bus(config, bus);
  } else {
    read_postgres_bus(config, bus);
  }
  Engine::Limits& engine = config.engine;
  if (bus.duration("bound", engine.bus_bound) &&
      engine.bus_bound < std::chrono::milliseconds(100)) {
    bus.fail("bound", "must be 100ms or longer");
  }
  engine.bus_proof_every = std::min(engine.bus_proof_every, engine.bus_bound / 4);
  engine.bus_silence_max = engine.bus_bound;
  bus.finish();
}

void read_journal(Config& config, Section journal) {
  if (!config.data_dir.empty()) config.journal.path = config.data_dir + "/journal";
  journal.path("path", config.journal.path);
  if (!config.has_store() && !config.journal.path.empty()) {
    journal.fail("path", "is of no use without a store; set data_dir too, or leave it out");
  }
  journal.bytes("bytes_max", config.journal.bytes_max, 1 << 20);
  journal.finish();
}

}  // namespace headrace::config
