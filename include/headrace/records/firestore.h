// headrace/records/firestore.h: records on Cloud Firestore's documents, which many instances share.
//
// Each record is a document of one collection, named so that names sort as keys do.  An edit reads
// its documents at one moment, lets its editor say what it wants, and makes one Commit whose
// preconditions are the update times of all that it has read: no lock is held meanwhile.  If
// another came in between nothing is changed, and it is done again after a moment of random length,
// for at most edit_tries_max times.  A record's version is its document's update time.
//
// What a tenant has is counted in the same Commit, spread over firestore_sums documents, for one
// alone would bear about one change in a second for long.  Each of them has its part of the
// tenant's ceiling to fill, and an edit that grows changes one of them; only where a part is used
// up are all read, and shared out anew.  So usage and ceilings are exact, as the port wants them:
// there is no slack.  An edit that names another ceiling than those before shares out as well.
//
// Neither a clock of ours nor a memory of what was read counts.  Give the collection no TTL policy:
// what that removes stays counted.  Exempt its fields from single-field indexes but for `expires`,
// ascending, by which expired records are found.
//
// What a call bills, of documents, and again when it is tried again:
//   read      1 read for each key
//   edit      1 read for each key, and 1 more; if it changes something, 1 write or delete for each
//             key, and 1 write more if the tenant's usage changes
//             where a part of the ceiling is used up: besides, the reads of the keys once more, and
//             firestore_sums reads and writes in the place of that one write
//   list      1 read for each key that is listed; at least 1
//   expired   1 read for each key; at least 1
//   usage     firestore_sums reads
//
// Threads:   as Records.
// Errors:    as Records.  refused: others changed the same records edit_tries_max times; nothing
//            was done.  too_large: a record that does not fit into a document (1 MiB), an edit that
//            does not fit into a Commit (10 MiB), or an answer that is not read (64 MiB); nothing
//            was done.  After store_unavailable an edit may have been made, if the text says so,
//            and is not tried again.  open_firestore_records() returns invalid_argument.
// Lifetimes: keeps the database alive.  `clock` and `random` must outlive the records.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/firestore.h"
#include "headrace/random.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace {

// Documents over which a tenant's sums are spread.
inline constexpr std::size_t firestore_sums = 16;

// What a value, or all fields of a map, may have, so that a document holds it with all else.
inline constexpr std::size_t firestore_value_bytes_max = (1 << 20) - (16 << 10);

struct FirestoreRecordsOptions {
  // The id of a collection of the database: of these records, and of nothing else.
  std::string collection = "headrace-records";
  Duration answer_within = std::chrono::seconds(2);  // Of one call, its tries included.
  std::size_t edit_tries_max = 64;                   // When others change the same records.
};

// Opening succeeds whether or not Firestore answers: until it does, all is store_unavailable.
[[nodiscard]] Result<std::unique_ptr<Records>> open_firestore_records(
    std::shared_ptr<FirestoreDatabase> database, FirestoreRecordsOptions options, Clock& clock,
    Random& random);

}  // namespace headrace
