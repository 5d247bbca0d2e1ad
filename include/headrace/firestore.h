// headrace/firestore.h: a Cloud Firestore database, over gRPC: what sources and stores are opened
// on.
//
// A FirestoreDatabase is one database with its channels, credentials and limits.  Many sources and
// stores may share one, and then share its channels and its turns.
//
// Threads:   any.
// Errors:    open_firestore_database() returns invalid_argument for options that cannot be used.
//            Texts never hold a credential.
// Lifetimes: whoever is opened on a database keeps it alive.  `clock`, `executor` and `random` must
//            outlive it.  gRPC starts threads of its own: do not fork() once a database is open.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace {

class FirestoreDatabase;

struct FirestoreDatabaseOptions {
  std::string project{};  // This and the next: printable ASCII without spaces and "/".
  std::string database = "(default)";
  // "host:port" of an emulator, which is asked without encryption and as its owner; empty: Google.
  std::string emulator{};
  std::string endpoint =
      "firestore.googleapis.com:443";  // Asked with TLS, if no emulator is named.
  // A service account's, a user's ("gcloud auth application-default login") or an external
  // account's JSON file; empty: application default credentials, the metadata server included.
  std::string credentials_file{};
  std::string ca_file{};         // Authorities to trust instead of the system's own.
  bool writable = false;         // Whether its documents may be changed.
  std::size_t channels = 0;      // Connections; 0: one per core.
  std::size_t calls_max = 256;   // In flight.
  std::size_t queue_max = 4096;  // Calls waiting for their turn; more are refused.
  std::size_t tries_max = 4;     // Of one fetch or write.
  Duration retry_after = std::chrono::milliseconds(20);  // Doubles for each further try ...
  Duration retry_after_max = std::chrono::seconds(1);    // ... up to this.

  friend bool operator==(const FirestoreDatabaseOptions&,
                         const FirestoreDatabaseOptions&) = default;
};

// One name for all who have the same database open: Dependency::database of what is read from it.
[[nodiscard]] inline std::string identity_of(const FirestoreDatabaseOptions& options) {
  return "firestore projects/" + options.project + "/databases/" + options.database + "/documents";
}

// Reads the credentials, but does not connect: a database that cannot be reached is told by reads.
// May return: invalid_argument (options, or a credentials_file, that cannot be used).
[[nodiscard]] Result<std::shared_ptr<FirestoreDatabase>> open_firestore_database(
    FirestoreDatabaseOptions options, Clock& clock, Executor& executor, Random& random);

}  // namespace headrace
