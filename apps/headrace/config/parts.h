// config/parts.h: the parts of a configuration that are read apart.
//
// Threads: belong to one thread.  Errors: go into the report.  Lifetimes: nothing is kept.
#pragma once

#include <string>
#include <string_view>

#include "config/section.h"

namespace headrace::config {

// What is wrong with a "host:port", as gRPC takes it; empty if nothing is, or if it is empty.
[[nodiscard]] std::string fault_of_address(std::string_view address);

// `listen`, `api_key_file` and [server]: where is listened, and how that is protected.
void read_listen(Config& config, Section& top);

// The key `connection`, as PostgreSQL's library reads it, and `password_file`: whoever sees the
// settings sees the one and not what is in the other.
void read_postgres_login(Section& section, std::string& connection, std::string& password_file);

// The keys of a Firestore database, of a source or a store.  `emulator` is of one that names none.
[[nodiscard]] FirestoreDatabaseOptions read_firestore_database(Section& section,
                                                               const std::string& emulator);

// [store], [bus], [journal].  `emulator` is of a Firestore that names none; `store` is where the
// store's kind stands.  REQUIRES: data_dir has been read, and each after the one before.
void read_store(StoreConfig& into, const std::string& emulator, Section store);
void read_bus(Config& config, Section bus, Place store);
void read_journal(Config& config, Section journal);

// [service]; then `resp_listen`.  REQUIRES: [store] has been read.
void read_service(Config& config, Section service, bool is_wanted);
void read_resp_listen(Config& config, Section& top);

// [migration].  `is_bus_named`: [bus] says where it is.  REQUIRES: all else has been read.
void read_migration(Config& config, Section migration, bool is_bus_named);

// [sources.NAME]
void read_source(Config& config, std::string name, Section section);
// [policies.NAME].  `check` may be empty.  REQUIRES: all sources have been read.
void read_policy(Config& config, std::string name, Section section, const FirestoreCheck& check);
// The keys of a policy, into what has the defaults and the name.  The section is not finished.
void read_policy_keys(const Config& config, PolicyConfig& into, Section& section,
                      const FirestoreCheck& check);
// The keys of a feed of Firestore, which has its source, policies and bound.
void read_firestore_feed(const Config& config, FeedConfig& feed, Section& section);
// The key `snapshots` of a feed.  REQUIRES: all snapshots have been read, and what the feed covers.
void read_snapshots_of_feed(Config& config, FeedConfig& feed, Section& section);
// The table of a feed with an outbox, which is added if it is new.
[[nodiscard]] OutboxTable& outbox_table(FeedConfig& feed, const std::string& name);
// [feeds.NAME].  REQUIRES: all sources, policies and snapshots have been read.
void read_feed(Config& config, std::string name, Section section);
// [snapshots.NAME].  REQUIRES: all sources and policies have been read.
void read_snapshot(Config& config, std::string name, Section section, const FirestoreCheck& check);

// The policy of that name; null: there is none.
[[nodiscard]] const PolicyConfig* find_policy(const Config& config, std::string_view name);

// [merged.NAME].  REQUIRES: all policies have been read.
void read_merged(Config& config, std::string name, Section section);

// [allowances.NAME].  REQUIRES: all policies have been read.
void read_allowance(Config& config, std::string name, Section section);

}  // namespace headrace::config
