// The revision of a document is the moment of its last change, which Firestore tells with it.
//
// A document that is gone and comes back has another one.  While it is absent its revision is the
// same each time: there is nothing else to tell one absence from another, and nothing else to build
// from it.  A batch is read at one moment, or as if it were: what it has told of is unchanged until
// the last of it was read.
#include <algorithm>
#include <cassert>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firestore/call.h"
#include "firestore/database.h"
#include "headrace/sources/firestore.h"
#include "sources/firestore/moment.h"
#include "sources/firestore/names.h"

namespace headrace {

namespace {

namespace api = google::firestore::v1;
using firestore::name_field;

static_assert(Revisions::parts_max <= firestore_batch_max);

constexpr std::string_view absent = "absent";
constexpr std::size_t answer_bytes_max = 4 << 20;  // Names and moments alone.

std::unexpected<Error> wrong(const Part& part, std::string why) {
  const std::string name =
      part.column.empty() ? part.table : part.table + "[" + part.column + "=" + part.value + "]";
  return failure(Code::invalid_argument, "\"" + name + "\" has no revision: " + std::move(why));
}

Result<std::string> document_of(const Part& part, const std::string& root) {
  if (part.column != name_field) {
    return wrong(part,
                 "of Firestore a part is one document, as \"users[__name__=42]\"; a collection as "
                 "a whole has none");
  }
  if (const Result<void> sound = firestore::check_collection(part.table, false); !sound) {
    return wrong(part, sound.error().what);
  }
  if (const std::string why = firestore::fault_of_id(part.value); !why.empty()) {
    return wrong(part, why);
  }
  return root + "/" + part.table + "/" + part.value;
}

class FirestoreRevisions final : public Revisions {
 public:
  explicit FirestoreRevisions(std::shared_ptr<FirestoreDatabase> database)
      : database_(std::move(database)) {}

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant deadline) override;

 private:
  using Open = std::unordered_multimap<std::string, std::size_t>;  // Documents, and their places.

  [[nodiscard]] Result<Open> documents_of(const std::vector<Part>& parts) const;
  [[nodiscard]] api::BatchGetDocumentsRequest request_of(const Open& open) const;

  const std::shared_ptr<FirestoreDatabase> database_;
};

Result<FirestoreRevisions::Open> FirestoreRevisions::documents_of(
    const std::vector<Part>& parts) const {
  const std::string root = database_->name() + "/documents";
  Open open;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Result<std::string> name = document_of(parts[i], root);
    if (!name) return std::unexpected(std::move(name.error()));
    open.emplace(*std::move(name), i);
  }
  return open;
}

// The mask names nothing: no field is sent.
api::BatchGetDocumentsRequest FirestoreRevisions::request_of(const Open& open) const {
  api::BatchGetDocumentsRequest request;
  request.set_database(database_->name());
  request.mutable_mask();
  for (auto at = open.begin(); at != open.end(); at = open.equal_range(at->first).second) {
    request.add_documents(at->first);
  }
  return request;
}

Task<Result<PartRevisions>> FirestoreRevisions::read(std::vector<Part> parts, Instant deadline) {
  assert(!parts.empty() && parts.size() <= parts_max);
  const Result<Open> open = documents_of(parts);
  if (!open) co_return std::unexpected(open.error());
  const api::BatchGetDocumentsRequest request = request_of(*open);
  const std::stop_token never;
  for (std::size_t next = 2;; ++next) {
    using BatchCall = firestore::StreamCall<api::BatchGetDocumentsResponse>;
    BatchCall* self = nullptr;
    BatchCall call(database_->executor(), answer_bytes_max,
                   [&request, &self](firestore::Stub& stub, grpc::ClientContext& context) {
                     stub.BatchGetDocuments(&context, &request, self);
                     self->start(context);
                   });
    self = &call;
    Task<Result<void>> running = database_->run(call, deadline, never);
    const Result<void> ran = co_await std::move(running);
    if (!ran) co_return std::unexpected(ran.error());
    if (call.status().ok()) {
      PartRevisions revisions(parts.size());
      for (const api::BatchGetDocumentsResponse& one : call.responses()) {
        const bool is_found = one.has_found();
        const auto [first, last] = open->equal_range(is_found ? one.found().name() : one.missing());
        for (auto at = first; at != last; ++at) {
          revisions[at->second].text =
              is_found ? firestore::moment_text(one.found().update_time()) : std::string(absent);
        }
      }
      if (std::ranges::find(revisions, "", &PartRevision::text) == revisions.end()) {
        co_return revisions;
      }
      co_return failure(Code::source_failed, "Firestore left a document out of its answer");
    }
    const Error fault = database_->error_of(call.status(), deadline, never);
    if (fault.code != Code::source_unavailable) co_return std::unexpected(fault);
    Task<bool> pausing = database_->pause(next, deadline, never);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) co_return std::unexpected(fault);
  }
}

}  // namespace

std::shared_ptr<Revisions> revisions_of(std::shared_ptr<FirestoreDatabase> database) {
  assert(database);
  return std::make_shared<FirestoreRevisions>(std::move(database));
}

}  // namespace headrace
