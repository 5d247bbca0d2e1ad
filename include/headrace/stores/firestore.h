// headrace/stores/firestore.h: the store on Cloud Firestore's documents, shared by many instances.
//
// Each slot is a document of one collection; beside it stands another one with the key's guards and
// floors, while there are any; each watermark is one.  All times are Firestore's own: a document's
// update time, and the time at which it was read, which is taken for the moment of the read.  It
// forgets nothing that it has acknowledged, so there is one incarnation, the none token.
//
// What ends is passed over when it is read; documents are removed by a TTL policy on the field
// `gone_at` of the collection, which the database must be given once.  Until then they cost
// storage.  Exempt the collection's fields from single-field indexes; nothing here queries them.
//
// What a call bills, W being the watermarks asked for; 500 documents go in one Commit:
//   get_or_lease   2 + W reads; 1 read and 1 write more if it takes the slot
//   look           2 + W reads, with the payload or without
//   publish        1 write; 1 read more if this instance has not seen the token that it replaces
//   take_over      the same;  release: the same, with a delete in the place of the write
//   put            1 write
//   invalidate     1 delete for each key, empty or not;  renew: 1 write for each watermark
//   guard          for each key 1 read, 1 write, 1 delete;  raise_floors: the same
//   unguard        for each key 1 read, and 1 write or delete if the guard stood
// What goes along with a source's write (voiding) bills the same and is no call of its own.
// A watermark that is asked for first costs a write; what was refused may cost a read, and what is
// repeated under contention costs again.  What the TTL policy removes costs a delete.
//
// Threads:   as Store.
// Errors:    as Store; besides, too_large for an envelope that does not fit into a document (1 MiB
//            with all that it hangs on).  open_firestore_store() returns invalid_argument.
// Lifetimes: keeps the database alive.  `clock` and `random` must outlive the store.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/firestore.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/store.h"
#include "headrace/time.h"

namespace headrace {

struct FirestoreStoreOptions {
  // The id of a collection of the database: of one cache, and of nothing else.
  std::string collection = "headrace";
  Duration answer_within = std::chrono::seconds(2);        // Of one call, its tries included.
  Duration watermark_lasts = std::chrono::hours(30 * 24);  // Until the TTL policy may remove one.
  // Slots of which is known which version of them has what token, so that it need not be read.
  std::size_t seen_max = 16384;
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_firestore_store(
    std::shared_ptr<FirestoreDatabase> database, FirestoreStoreOptions options, Clock& clock,
    Random& random);

}  // namespace headrace
