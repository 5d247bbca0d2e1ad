// headrace/stores/valkey.h: the store on a server of Valkey or Redis, which many instances share.
//
// A slot is a string whose first bytes name its token; it is replaced by a conditional command of
// the server's (SET ... IFEQ) where it has one, else by a script.  Beside it stand the key's write
// guards and floors, in one more string, which only a script changes.  Times are the server's: what
// is set to end, ends by its clock, and a step of that clock moves the end by as much.
//
// What the server must be: Redis 6.2, Valkey 7.2 or later, a primary.  Each connection proves first
// that it compares before it sets; one that does not, or a proxy that breaks it, is refused.
// An incarnation is a process and its history of replication: what was acknowledged by another may
// be forgotten.  Guards and floors are safe while the server evicts nothing (maxmemory-policy
// noeviction, its default); under another policy usage().trouble says so.
//
// Threads:   as Store.
// Errors:    as Store.  Opening succeeds whether or not the server answers: it is connected to when
//            it is needed, and until then everything is store_unavailable.
// Lifetimes: borrows the runtime, which must outlive it; close() it before the runtime stops.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/store.h"

namespace headrace {

struct ValkeyStoreOptions {
  std::string address{};            // "127.0.0.1:6379"
  std::string user{};               // Of its ACL; empty: the default user.
  std::string password{};           // Empty: none.
  bool tls = false;                 // Version 1.2 or later, and the server must prove its name.
  std::string tls_ca_file{};        // Authorities to trust; empty: the system's.
  std::string prefix = "headrace";  // Of all its keys: of one cache, and of no other program.
  std::size_t connections = 0;      // 0: one for each thread of the runtime.
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);       // After that the connection is given up.
  Duration watermark_lasts = std::chrono::hours(7 * 24);  // One that nothing is kept under.
};

// May return: invalid_argument (the address, the prefix, the file of authorities).
[[nodiscard]] Result<std::unique_ptr<Store>> open_valkey_store(ValkeyStoreOptions options,
                                                               Runtime& runtime);

}  // namespace headrace
