// headrace/records/valkey.h: records on Valkey or Redis, which many instances share: on one server,
// on the primary that sentinels name, or on a cluster.
//
// An edit reads, lets its editor say what it wants, and then has one script compare the versions of
// all its keys and write all of them.  If another came in between it is done again, for at most
// edit_tries_max times.  All records of a tenant have one hash tag, so that one edit can be of any
// of them, and its usage is counted in the same script: on a cluster a tenant is on one node.
//
// What was acknowledged is as safe as the servers keep it: set appendfsync and `replicas` to what
// it has to outlive, and maxmemory-policy to noeviction: under another one they drop records, which
// health().trouble and `notice` say.
//
// Threads:   as Records.
// Errors:    as Records.  refused: others changed the same records edit_tries_max times.  After
//            store_unavailable an edit may have been made, and is not tried again.  While a slot of
//            a cluster moves, edits of several keys in it are store_unavailable.
// Lifetimes: borrows the runtime, which must outlive it; close() it before the runtime stops.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/time.h"

namespace headrace {

struct ValkeyRecordsOptions {
  // Where it is: one of these three.
  std::string address{};                 // "127.0.0.1:6379": a primary.
  std::vector<std::string> cluster{};    // Some nodes of a cluster, up to 64; they tell of others.
  std::vector<std::string> sentinels{};  // Some sentinels, up to 64 ...
  std::string sentinel_master{};         // ... and the name by which they know the primary.
  std::string sentinel_user{};           // To the sentinels; empty: their default user.
  std::string sentinel_password{};       // Empty: none.

  std::string user{};                       // Of its ACL; empty: the default user.
  std::string password{};                   // Empty: none.
  bool tls = false;                         // Version 1.2 or later, and it must prove its name.
  std::string tls_ca_file{};                // Authorities to trust; empty: the system's.
  std::string tls_cert_file{};              // By which it knows us, if it wants to ...
  std::string tls_key_file{};               // ... and the key, without a password.  All in PEM.
  std::string prefix = "headrace-records";  // Of all its keys, and of those of no other program.
  std::size_t connections = 0;              // 0: one for each thread of the runtime.
  std::size_t replicas = 0;                 // That must have an edit before it is acknowledged ...
  Duration replicas_within = std::chrono::milliseconds(50);  // ... and how long that may take.
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);  // After that the connection is given up.
  std::size_t edit_tries_max = 64;                   // When others change the same records.
  std::function<void(std::string)> notice{};         // Told, in a sentence, of anything odd.
};

// Opening succeeds whether or not a server answers: until one does, all is store_unavailable.
// May return: invalid_argument (an address, what does not belong together, the prefix, the file of
// authorities).
[[nodiscard]] Result<std::unique_ptr<Records>> open_valkey_records(ValkeyRecordsOptions options,
                                                                   Runtime& runtime);

}  // namespace headrace
