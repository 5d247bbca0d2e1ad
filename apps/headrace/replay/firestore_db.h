// replay/firestore_db.h: a Firestore emulator as the source of a replay, from the application's
// side.
//
// Collections of the catalog's names.  A document's id is the entity's number ("42"), in a list
// with the document's place ("42-7"); the owner of a list's document is a string, so that a query
// can be asked for it.  The document made/replay says what the project was made with.  Each write
// is a Commit of one document, sent straight to the emulator.
//
// Threads:   as SourceDb; each has a channel of its own.
// Errors:    as SourceDb.  A write whose outcome is not known is sent again; that does no harm, for
//            it says the whole document.  If it stays unknown the fault says that it may be made.
// Lifetimes: gRPC starts threads of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "replay/backend.h"

namespace headrace::replay {

// Where a replay's documents are.  A project of an emulator needs not be made.
struct FirestorePlace {
  std::string emulator{};  // "127.0.0.1:8080"
  std::string project{};
};

// Loads all entities of these collections as they are at the start.  The project must be empty.
[[nodiscard]] Result<void> make_firestore_source(const FirestorePlace& place,
                                                 const Population& population,
                                                 const std::vector<Collection>& collections,
                                                 const MakeProgress& progress);

// Of a project that make_firestore_source() has loaded.
[[nodiscard]] Result<std::unique_ptr<SourceDb>> open_firestore_db(const FirestorePlace& place);

}  // namespace headrace::replay
