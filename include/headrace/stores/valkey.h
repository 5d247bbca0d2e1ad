// headrace/stores/valkey.h: the store on Valkey or Redis, which many instances share: on one
// server, on the primary that sentinels name, or on a cluster.
//
// A slot is a string whose first bytes name its token; it is replaced by a conditional command of
// the server's (SET ... IFEQ) where it has one, else by a script.  Beside it stand the key's write
// guards and floors, in one more string, which only a script changes.  Times are the server's: what
// is set to end, ends by its clock, and a step of that clock moves the end by as much.  Where there
// are several servers, one whose clock differs from that of the one before it is such a step.
//
// What a server must be: Redis 6.2, Valkey 7.2 or later, a primary.  Each connection proves first
// that it compares before it sets; one that does not, or a proxy that breaks it, is refused.
// An incarnation is a process and its history of replication: what was acknowledged by another may
// be forgotten.  That of a cluster is made of those of all its primaries and of who has which
// slots.  Guards and floors are safe while the servers evict nothing (maxmemory-policy noeviction,
// their default); under another policy usage().trouble says so.
//
// With `replicas` what has to hold once it is acknowledged (put, invalidate, renew, guard and
// raise_floors) is acknowledged only when so many replicas have it; else it is store_unavailable.
// So a failover forgets it more rarely, and still can.
//
// list() goes through the servers one after the other (SCAN), each of which reads all its names
// once.  What it goes on from holds while the servers are the same processes with the same slots:
// after a restart, a failover or a resharding it begins anew, which costs to list again what was
// listed.  While slots of a cluster are on their way, or a slot is nobody's, it is
// store_unavailable, and can go on from the same place later.  On a cluster the user needs CLUSTER
// NODES besides.
//
// Threads:   as Store.
// Errors:    as Store.  Opening succeeds whether or not a server answers: it is connected to when
//            it is needed, and until then everything is store_unavailable.
// Lifetimes: borrows the runtime, which must outlive it; close() it before the runtime stops.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/store.h"

namespace headrace {

struct ValkeyStoreOptions {
  // Where it is: one of these three.
  std::string address{};                 // "127.0.0.1:6379": a primary.
  std::vector<std::string> cluster{};    // Some nodes of a cluster, up to 64; they tell of others.
  std::vector<std::string> sentinels{};  // Some sentinels, up to 64 ...
  std::string sentinel_master{};         // ... and the name by which they know the primary.
  std::string sentinel_user{};           // To the sentinels; empty: their default user.
  std::string sentinel_password{};       // Empty: none.

  std::string user{};               // Of its ACL; empty: the default user.
  std::string password{};           // Empty: none.
  bool tls = false;                 // Version 1.2 or later, and the server must prove its name.
  std::string tls_ca_file{};        // Authorities to trust; empty: the system's.
  std::string tls_cert_file{};      // By which it knows us, if it wants to ...
  std::string tls_key_file{};       // ... and the key, without a password.  All in PEM.
  std::string prefix = "headrace";  // Of all its keys: of one cache, and of no other program.
  std::size_t connections = 0;      // 0: one for each thread of the runtime.
  std::size_t replicas = 0;         // That must have a write before it is acknowledged ...
  Duration replicas_within = std::chrono::milliseconds(50);  // ... and how long that may take.
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);       // After that the connection is given up.
  Duration watermark_lasts = std::chrono::hours(7 * 24);  // One that nothing is kept under.
};

// May return: invalid_argument (an address, what does not belong together, the prefix, the file of
// authorities).
[[nodiscard]] Result<std::unique_ptr<Store>> open_valkey_store(ValkeyStoreOptions options,
                                                               Runtime& runtime);

}  // namespace headrace
