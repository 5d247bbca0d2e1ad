// headrace/sources/firestore.h: a Cloud Firestore database as a source, over gRPC.
//
// A Firestore source is one question to a database (headrace/firestore.h): named fields of the
// document whose id is the entity, or a query of a collection.
//
// A document is a JSON object of the fields, in the order of the fields and under their full names
// ("address.city"); those that it lacks are left out.  A query's value is an array of such objects;
// one that finds nothing is "[]", a value with Fetched::empty, and not absent.
// Each Firestore type has one form in JSON, which loses nothing: see docs/firestore.md.  The
// revision is the moment at which Firestore read, as text that sorts by time.
//
// A write takes along the changes of a store in the same database, in its first try alone; where
// both are opened with the same project, database and endpoint (or emulator) they are in one.
//
// Each document costs one read, and so does a missing one, and a query that finds nothing.  What is
// charged for an answer that fails here (too many documents, too large) is not counted.
//
// Threads:   as Source.
// Errors:    as Source; besides, invalid_argument for an entity that cannot be a document's id.  A
//            database that answers "unavailable", or on whose side a call is broken off, is asked
//            again, with back-off, while tries_max and the fetch's deadline allow; "resource
//            exhausted" is refused.  Texts never hold a credential.
// Lifetimes: a source keeps its database alive.  `clock`, `executor` and `random` must outlive
//            both.  gRPC starts threads of its own: do not fork() once a database is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/firestore.h"
#include "headrace/result.h"
#include "headrace/revisions.h"
#include "headrace/source.h"

namespace headrace {

struct FirestoreFilter {
  std::string field{};  // A path; "__name__" is the document's id.
  // ==, !=, <, <=, >, >=, in, not-in, array-contains, array-contains-any
  std::string op = "==";
  std::string value{};     // JSON as in docs/firestore.md ...
  bool is_entity = false;  // ... or the entity asked for, as a string.

  friend bool operator==(const FirestoreFilter&, const FirestoreFilter&) = default;
};

struct FirestoreOrder {
  std::string field{};
  bool descending = false;

  friend bool operator==(const FirestoreOrder&, const FirestoreOrder&) = default;
};

struct FirestoreQuestion {
  // "users", or a path to a collection below a document: "teams/red/members".  In a query
  // {entity} may stand for a document's id: "users/{entity}/items".
  std::string collection{};
  enum class Asks : unsigned char { document, query };
  Asks asks = Asks::document;            // document: the one whose id is the entity.
  std::vector<FirestoreFilter> where{};  // Of a query; all must hold.
  std::vector<FirestoreOrder> order{};
  std::size_t limit = 0;              // Documents of a query; 0: firestore_documents_max.
  std::vector<std::string> fields{};  // Of the answer; "a.b" goes into maps.  Not empty.

  // What writes may name; only checked here.  A query has none.
  std::vector<std::string> writable{};

  friend bool operator==(const FirestoreQuestion&, const FirestoreQuestion&) = default;
};

// A query without a limit that finds more than this is source_failed.
inline constexpr std::size_t firestore_documents_max = 10000;
// How many documents one call asks for.
inline constexpr std::size_t firestore_batch_max = 500;

// May return: invalid_argument.
[[nodiscard]] Result<std::shared_ptr<Source>> ask_firestore(
    std::shared_ptr<FirestoreDatabase> database, FirestoreQuestion question);

// The revisions of documents, each of which is a part with "__name__" as its column: the moment at
// which it was changed last, whoever has changed it, and the same one whenever it is absent.  Other
// parts are invalid_argument.  A question is one call, and costs a read for each document.
[[nodiscard]] std::shared_ptr<Revisions> revisions_of(std::shared_ptr<FirestoreDatabase> database);

// Whether ask_firestore() would take the question, of any database.
// May return: invalid_argument, saying what is wrong.
[[nodiscard]] Result<void> check_firestore_question(const FirestoreQuestion& question);

// "owner == {entity}", "state in [\"open\",\"held\"]": a field, an operator, and {entity} or JSON.
// May return: invalid_argument, saying what is wrong.
[[nodiscard]] Result<FirestoreFilter> parse_firestore_filter(std::string_view text);

// "updated", "updated asc" or "updated desc".  May return: invalid_argument.
[[nodiscard]] Result<FirestoreOrder> parse_firestore_order(std::string_view text);

}  // namespace headrace
