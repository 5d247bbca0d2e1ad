// headrace/bus/valkey.h: the bus on a stream of Valkey or Redis: on one server, on the primary that
// sentinels name, or on the node of a cluster that has the stream's key.
//
// Each message is an entry of one stream; whoever listens reads from the entry that it has read
// last, which must still be there: so what was cut off the stream's old end unread, flushed, or
// forgotten by a failover is noticed, and told as missed(); so is the stream's move to another
// node.  A barrier asks how far the stream has come and waits until it was read up to there.
//
// Threads:   as Bus.
// Errors:    as Bus.  Opening succeeds whether or not the server answers.
// Lifetimes: borrows the runtime, which must outlive it; close() it before the runtime stops.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/bus.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/time.h"

namespace headrace {

struct ValkeyBusOptions {
  // Where it is: one of these three.
  std::string address{};                 // "127.0.0.1:6379": a primary.
  std::vector<std::string> cluster{};    // Some nodes of a cluster, up to 64; they tell of others.
  std::vector<std::string> sentinels{};  // Some sentinels, up to 64 ...
  std::string sentinel_master{};         // ... and the name by which they know the primary.
  std::string sentinel_user{};           // To the sentinels; empty: their default user.
  std::string sentinel_password{};       // Empty: none.

  std::string user{};                // Of its ACL; empty: the default user.
  std::string password{};            // Empty: none.
  bool tls = false;                  // Version 1.2 or later, and the server must prove its name.
  std::string tls_ca_file{};         // Authorities to trust; empty: the system's.
  std::string tls_cert_file{};       // By which it knows us, if it wants to ...
  std::string tls_key_file{};        // ... and the key, without a password.  All in PEM.
  std::string prefix = "headrace";   // Of the stream's key; the same for all who hear each other.
  std::size_t messages_max = 65536;  // That the stream keeps, about.
  std::size_t read_max = 512;        // Messages in one read.
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);
  Duration listen_for = std::chrono::seconds(1);         // One read waits so long for more.
  Duration retry_after = std::chrono::milliseconds(50);  // Reading again after it failed.
};

// May return: invalid_argument (an address, what does not belong together, the prefix, the file of
// authorities).
[[nodiscard]] Result<std::unique_ptr<Bus>> open_valkey_bus(ValkeyBusOptions options,
                                                           Runtime& runtime);

}  // namespace headrace
