#include <algorithm>
#include <atomic>
#include <cassert>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "firestore/call.h"
#include "firestore/database.h"
#include "firestore/status.h"
#include "headrace/sources/firestore.h"
#include "sources/firestore/moment.h"
#include "sources/firestore/question.h"

namespace headrace {

namespace {

namespace api = google::firestore::v1;
using firestore::Question;

// Of a query's answer.
constexpr std::size_t query_bytes_max = 64 << 20;
// Of a batch: as many documents as it may name, each as large as Firestore lets it be.
constexpr std::size_t batch_bytes_max = firestore_batch_max * (std::size_t{2} << 20);

// Stops when all the fetches of a batch have been stopped.
class AllStopped {
 public:
  explicit AllStopped(const std::vector<Fetch>& fetches)
      : left_(fetches.size()), callbacks_(std::make_unique<Slot[]>(fetches.size())) {
    for (std::size_t i = 0; i < fetches.size(); ++i) {
      callbacks_[i].emplace(fetches[i].stop, Count{*this});
    }
  }
  AllStopped(const AllStopped&) = delete;
  AllStopped& operator=(const AllStopped&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  struct Count {
    AllStopped& all;
    void operator()() const noexcept {
      if (all.left_.fetch_sub(1) == 1) all.stop_.request_stop();
    }
  };
  using Slot = std::optional<std::stop_callback<Count>>;

  std::stop_source stop_;
  std::atomic<std::size_t> left_;
  std::unique_ptr<Slot[]> callbacks_;
};

std::optional<Error> unwanted(const Fetch& fetch, Instant now) {
  if (fetch.stop.stop_requested()) {
    return Error{Code::cancelled, "nobody waits for the Firestore read any more"};
  }
  if (now >= fetch.deadline) {
    return Error{Code::timed_out, "the Firestore read did not end before the fetch's deadline"};
  }
  return std::nullopt;
}

// Why a fetch has no answer, if `rest` is why the call had none.
Error why_not(const Fetch& fetch, Instant now, const Error& rest) {
  std::optional<Error> own = unwanted(fetch, now);
  return own && own->code != rest.code ? std::move(*own) : rest;
}

// The fetches of one batch, and which of them have no answer yet.
struct Batch {
  std::vector<Fetch> fetches{};
  std::vector<std::optional<Result<Fetched>>> answers{};
  std::unordered_multimap<std::string, std::size_t> open{};  // Documents still to be asked for.
  Instant deadline{};                                        // The latest.
  bool for_update = false;
};

class FirestoreSource final : public Source {
 public:
  // `whole` has the fields that may be written besides.
  FirestoreSource(std::shared_ptr<FirestoreDatabase> database, Question question, Question whole)
      : database_(std::move(database)), question_(std::move(question)), whole_(std::move(whole)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    if (question_.is_query()) return query(std::move(fetch));
    return document(std::move(fetch));
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    assert(!fetches.empty() && fetches.size() <= batch_max());
    if (question_.is_query()) return queries(std::move(fetches));
    return documents(std::move(fetches));
  }
  std::size_t batch_max() const noexcept override {
    return question_.is_query() ? 1 : firestore_batch_max;
  }
  std::vector<Dependency> dependencies() const override { return {question_.dependency()}; }
  bool is_writable() const noexcept override {
    return database_->options().writable && !question_.is_query();
  }
  std::string commits_in() const override {
    return is_writable() ? database_->place() : std::string();
  }
  std::size_t along_max() const noexcept override { return firestore::writes_per_commit_max - 1; }
  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override;
  Task<Result<Written>> write(Write write) override;

 private:
  [[nodiscard]] std::optional<Error> not_writable() const;
  [[nodiscard]] Task<Result<Fetched>> document(Fetch fetch);
  [[nodiscard]] Task<std::vector<Result<Fetched>>> documents(std::vector<Fetch> fetches,
                                                             bool for_update = false);
  [[nodiscard]] Task<Result<Fetched>> query(Fetch fetch);
  [[nodiscard]] Task<std::vector<Result<Fetched>>> queries(std::vector<Fetch> fetches);

  [[nodiscard]] Batch open_batch(std::vector<Fetch> fetches) const;
  [[nodiscard]] api::BatchGetDocumentsRequest request_of(const Batch& batch) const;
  void take(Batch& batch, api::BatchGetDocumentsResponse& response) const;
  [[nodiscard]] std::vector<Result<Fetched>> close_batch(Batch batch, const Error& rest) const;
  [[nodiscard]] Result<Fetched> found(std::vector<api::RunQueryResponse>& responses) const;
  [[nodiscard]] Result<Written> written(const Write& write, const grpc::Status& status,
                                        const api::CommitResponse& response) const;

  const std::shared_ptr<FirestoreDatabase> database_;
  const Question question_;
  const Question whole_;
};

Batch FirestoreSource::open_batch(std::vector<Fetch> fetches) const {
  Batch batch{.fetches = std::move(fetches)};
  batch.answers.resize(batch.fetches.size());
  const Instant now = database_->clock().now();
  for (std::size_t i = 0; i < batch.fetches.size(); ++i) {
    const Fetch& fetch = batch.fetches[i];
    batch.deadline = std::max(batch.deadline, fetch.deadline);
    if (std::optional<Error> error = unwanted(fetch, now)) {
      batch.answers[i] = std::unexpected(std::move(*error));
      continue;
    }
    Result<std::string> name = question_.document_of(fetch.entity);
    if (name) {
      batch.open.emplace(std::move(*name), i);
    } else {
      batch.answers[i] = std::unexpected(std::move(name.error()));
    }
  }
  return batch;
}

api::BatchGetDocumentsRequest FirestoreSource::request_of(const Batch& batch) const {
  api::BatchGetDocumentsRequest request;
  request.set_database(database_->name());
  // The mask is there even if it names nothing: without one whole documents would come.
  *request.mutable_mask() = (batch.for_update ? whole_ : question_).mask();
  for (auto at = batch.open.begin(); at != batch.open.end();) {
    request.add_documents(at->first);
    at = batch.open.equal_range(at->first).second;
  }
  return request;
}

// Answers come in Firestore's order, each with the name of its document.
void FirestoreSource::take(Batch& batch, api::BatchGetDocumentsResponse& response) const {
  const bool is_found = response.has_found();
  const auto [first, last] =
      batch.open.equal_range(is_found ? response.found().name() : response.missing());
  if (first == last) return;
  Fetched fetched;
  if (!batch.for_update) fetched.revision = firestore::moment_text(response.read_time());
  Result<void> done;
  if (is_found) {
    if (batch.for_update) {
      fetched.revision = firestore::moment_text(response.found().update_time());
    }
    done = (batch.for_update ? whole_ : question_).append(fetched.payload, response.found());
  } else {
    fetched.kind = Kind::absent;
  }
  for (auto at = first; at != last; ++at) {
    std::optional<Result<Fetched>>& answer = batch.answers[at->second];
    if (done) {
      answer = fetched;
    } else {
      answer = std::unexpected(done.error());
    }
    fetched.billed = 0;  // One that is asked for twice is read and charged once.
  }
  batch.open.erase(first, last);
}

std::vector<Result<Fetched>> FirestoreSource::close_batch(Batch batch, const Error& rest) const {
  const Instant now = database_->clock().now();
  std::vector<Result<Fetched>> answers;
  for (std::size_t i = 0; i < batch.fetches.size(); ++i) {
    if (batch.answers[i]) {
      answers.push_back(std::move(*batch.answers[i]));
    } else {
      answers.emplace_back(std::unexpected(why_not(batch.fetches[i], now, rest)));
    }
  }
  return answers;
}

Task<std::vector<Result<Fetched>>> FirestoreSource::documents(std::vector<Fetch> fetches,
                                                              bool for_update) {
  Batch batch = open_batch(std::move(fetches));
  batch.for_update = for_update;
  const AllStopped stopped(batch.fetches);
  const std::stop_token stop = stopped.token();
  Error rest{Code::source_failed, "Firestore left a document out of its answer"};
  for (std::size_t next = 2; !batch.open.empty(); ++next) {
    const api::BatchGetDocumentsRequest request = request_of(batch);
    using BatchCall = firestore::StreamCall<api::BatchGetDocumentsResponse>;
    BatchCall* self = nullptr;
    BatchCall call(database_->executor(), batch_bytes_max,
                   [&request, &self](firestore::Stub& stub, grpc::ClientContext& context) {
                     stub.BatchGetDocuments(&context, &request, self);
                     self->start(context);
                   });
    self = &call;
    Task<Result<void>> running = database_->run(call, batch.deadline, stop);
    const Result<void> ran = co_await std::move(running);
    for (api::BatchGetDocumentsResponse& response : call.responses()) take(batch, response);
    if (!ran) rest = ran.error();
    if (call.is_too_large()) {
      rest = {Code::source_failed, "the documents are larger than Firestore lets them be"};
    }
    if (!ran || call.is_too_large() || call.status().ok()) break;
    rest = database_->error_of(call.status(), batch.deadline, stop);
    if (rest.code != Code::source_unavailable) break;
    Task<bool> pausing = database_->pause(next, batch.deadline, stop);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) break;
  }
  co_return close_batch(std::move(batch), rest);
}

Task<Result<Fetched>> FirestoreSource::document(Fetch fetch) {
  std::vector<Fetch> one;
  one.push_back(std::move(fetch));
  Task<std::vector<Result<Fetched>>> task = documents(std::move(one));
  std::vector<Result<Fetched>> answers = co_await std::move(task);
  co_return std::move(answers.front());
}

Task<Result<Fetched>> FirestoreSource::fetch_for_update(Fetch fetch) {
  if (std::optional<Error> refusal = not_writable()) co_return std::unexpected(*refusal);
  std::vector<Fetch> one;
  one.push_back(std::move(fetch));
  Task<std::vector<Result<Fetched>>> task = documents(std::move(one), true);
  std::vector<Result<Fetched>> answers = co_await std::move(task);
  co_return std::move(answers.front());
}

Result<Fetched> FirestoreSource::found(std::vector<api::RunQueryResponse>& responses) const {
  Fetched fetched;
  fetched.payload = "[";
  std::size_t documents = 0;
  for (const api::RunQueryResponse& response : responses) {
    if (response.has_read_time()) fetched.revision = firestore::moment_text(response.read_time());
    if (!response.has_document()) continue;
    if (documents++ > 0) fetched.payload += ',';
    if (Result<void> done = question_.append(fetched.payload, response.document()); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  if (question_.is_too_many(documents)) {
    return failure(Code::source_failed, "the query found more than " +
                                            std::to_string(firestore_documents_max) +
                                            " documents; give it a limit or narrower filters");
  }
  fetched.payload += ']';
  fetched.billed = static_cast<std::uint32_t>(std::max<std::size_t>(documents, 1));
  fetched.empty = documents == 0;
  return fetched;
}

Task<Result<Fetched>> FirestoreSource::query(Fetch fetch) {
  const Result<api::RunQueryRequest> request = question_.query_for(fetch.entity);
  if (!request) co_return std::unexpected(request.error());
  for (std::size_t next = 2;; ++next) {
    std::optional<Error> error = unwanted(fetch, database_->clock().now());
    if (error) co_return std::unexpected(std::move(*error));
    using QueryCall = firestore::StreamCall<api::RunQueryResponse>;
    QueryCall* self = nullptr;
    QueryCall call(database_->executor(), query_bytes_max,
                   [&request, &self](firestore::Stub& stub, grpc::ClientContext& context) {
                     stub.RunQuery(&context, &*request, self);
                     self->start(context);
                   });
    self = &call;
    Task<Result<void>> running = database_->run(call, fetch.deadline, fetch.stop);
    const Result<void> ran = co_await std::move(running);
    if (!ran) co_return std::unexpected(ran.error());
    // To break a call off is only a wish: the status of an answer that was cut short may be OK.
    if (call.is_too_large()) {
      co_return failure(Code::source_failed,
                        "the query's answer is larger than query_bytes_max of the Firestore "
                        "source, which is 64 MiB; give it a limit or fewer fields");
    }
    if (call.status().ok()) co_return found(call.responses());
    Error fault = database_->error_of(call.status(), fetch.deadline, fetch.stop);
    if (fault.code != Code::source_unavailable) co_return std::unexpected(std::move(fault));
    Task<bool> pausing = database_->pause(next, fetch.deadline, fetch.stop);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) {
      co_return std::unexpected(why_not(fetch, database_->clock().now(), fault));
    }
  }
}

Task<std::vector<Result<Fetched>>> FirestoreSource::queries(std::vector<Fetch> fetches) {
  std::vector<Result<Fetched>> answers;
  for (Fetch& one : fetches) {
    Task<Result<Fetched>> task = query(std::move(one));
    answers.push_back(co_await std::move(task));
  }
  co_return answers;
}

std::optional<Error> FirestoreSource::not_writable() const {
  if (question_.is_query()) {
    return Error{Code::invalid_argument, "a Firestore query cannot be written to"};
  }
  if (database_->options().writable) return std::nullopt;
  return Error{Code::invalid_argument, "the Firestore database was not opened as writable"};
}

Result<Written> FirestoreSource::written(const Write& write, const grpc::Status& status,
                                         const api::CommitResponse& response) const {
  Written outcome;
  if (write.expected && firestore::is_failed_precondition(status)) {
    outcome.conflict = true;
    return outcome;
  }
  // A precondition that fails leaves everything as it was, and Firestore charges no write for it.
  outcome.found = !firestore::is_missing_document(status);
  if (!outcome.found) return outcome;
  if (status.error_code() == grpc::INVALID_ARGUMENT) {
    return failure(Code::invalid_argument,
                   "Firestore refuses this write: " + status.error_message());
  }
  if (!status.ok()) {
    return std::unexpected(database_->error_of(status, write.deadline, std::stop_token()));
  }
  outcome.revision = firestore::moment_text(response.commit_time());
  outcome.writes = write.mode == Write::Mode::remove ? 0 : 1;
  outcome.deletes = 1 - outcome.writes;
  outcome.changed = {question_.change_of(write)};
  return outcome;
}

// Whether the error says so; as the engine understands it.
bool left_all_as_it_was(Code code) noexcept {
  return code == Code::refused || code == Code::invalid_argument;
}

// Adds what is to be made in the same Commit; false if that cannot be read, or is nothing.
bool add_along(const std::vector<std::string>& along, api::CommitRequest& request) {
  std::vector<api::Write> writes(along.size());
  for (std::size_t i = 0; i < along.size(); ++i) {
    if (!writes[i].ParseFromString(along[i])) return false;
  }
  for (api::Write& one : writes) *request.add_writes() = std::move(one);
  return !along.empty();
}

// A Commit that was lost on the way may have been made.  To make an update again changes nothing
// that it would not have changed: it sets the same fields of its mask to the same values, and who
// wrote in between wrote before it.  A removal is not made again: it would find the document gone,
// and could not say whether this or somebody else removed it.
//
// What a later try is told says nothing of an earlier one that may have been made: then neither
// "refused" nor "invalid_argument", after which nothing would have changed, may be the last word.
// What expects a state is not made again either: its own first try would be the other change that
// it then finds.
//
// What goes along goes with the first try alone.  If that one was made, to make it again could undo
// what others have done since; and if it was not because others are at the documents that come
// along ("aborted"), the change itself need not wait for them.
Task<Result<Written>> FirestoreSource::write(Write write) {
  if (std::optional<Error> refusal = not_writable()) co_return std::unexpected(*refusal);
  Result<api::Write> change = question_.write_of(write);
  if (!change) co_return std::unexpected(std::move(change.error()));
  api::CommitRequest request;
  request.set_database(database_->name());
  *request.add_writes() = std::move(*change);
  bool along = add_along(write.along, request);
  const std::stop_token never;
  std::optional<Error> unknown;  // Of the first try that may have been made.
  for (std::size_t next = 2;; ++next) {
    using CommitCall = firestore::UnaryCall<api::CommitResponse>;
    CommitCall* self = nullptr;
    CommitCall call(database_->executor(),
                    [&request, &self](firestore::Stub& stub, grpc::ClientContext& context) {
                      stub.Commit(&context, &request, &self->response(), self);
                      self->start();
                    });
    self = &call;
    Task<Result<void>> running = database_->run(call, write.deadline, never);
    Result<void> ran = co_await std::move(running);
    Result<Written> outcome = ran ? written(write, call.status(), call.response())
                                  : std::unexpected(std::move(ran.error()));
    if (outcome) {
      outcome->along = along && outcome->found;
      co_return outcome;
    }
    if (unknown && left_all_as_it_was(outcome.error().code)) {
      co_return std::unexpected(std::move(*unknown));
    }
    const bool is_undone = ran && call.status().error_code() == grpc::ABORTED;
    const bool may_repeat = outcome.error().code == Code::source_unavailable &&
                            write.mode != Write::Mode::remove && !write.expected;
    if (!is_undone && !may_repeat) co_return outcome;
    if (!is_undone && !unknown) unknown = outcome.error();
    along = false;
    request.mutable_writes()->DeleteSubrange(1, request.writes_size() - 1);
    Task<bool> pausing = database_->pause(next, write.deadline, never);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) co_return outcome;
  }
}

}  // namespace

Result<std::shared_ptr<Source>> ask_firestore(std::shared_ptr<FirestoreDatabase> database,
                                              FirestoreQuestion question) {
  assert(database);
  FirestoreQuestion all = question;
  for (const std::string& field : question.writable) {
    if (std::ranges::count(all.fields, field) == 0) all.fields.push_back(field);
  }
  Result<Question> made = Question::make(std::move(question), database->name() + "/documents");
  if (!made) return std::unexpected(std::move(made.error()));
  Result<Question> whole = Question::make(std::move(all), database->name() + "/documents");
  if (!whole) return std::unexpected(std::move(whole.error()));
  return std::make_shared<FirestoreSource>(std::move(database), std::move(*made),
                                           std::move(*whole));
}

}  // namespace headrace
