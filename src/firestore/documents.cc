#include "firestore/documents.h"

#include <algorithm>

#include "firestore/call.h"
#include "firestore/status.h"
#include "headrace/key.h"

namespace headrace::firestore {

namespace {

using ReadCall = StreamCall<api::BatchGetDocumentsResponse>;
using CommitCall = UnaryCall<api::CommitResponse>;
using QueryCall = StreamCall<api::RunQueryResponse>;

// Twice what the documents of one call can have.
constexpr std::size_t answer_bytes_max = std::size_t{64} << 20;

// What Firestore and its emulator say where a document is not as a precondition wants it.
bool is_refusal(const grpc::Status& status, const api::CommitRequest& request) {
  const bool has_condition =
      std::ranges::any_of(request.writes(), &api::Write::has_current_document);
  return has_condition && is_failed_precondition(status);
}

// The answers of a call that ended; none if one is missing.
std::optional<View> view_of(std::vector<api::BatchGetDocumentsResponse>& responses,
                            std::size_t wanted, Moment& read_at) {
  View view;
  std::size_t answered = 0;
  for (api::BatchGetDocumentsResponse& response : responses) {
    if (response.has_read_time()) read_at = std::max(read_at, moment_of(response.read_time()));
    if (response.has_found()) {
      std::string name = response.found().name();
      view.found.emplace(std::move(name), std::move(*response.mutable_found()));
      ++answered;
    } else if (!response.missing().empty()) {
      ++answered;
    }
  }
  if (answered != wanted || read_at == Moment{}) return std::nullopt;
  return view;
}

// By these Firestore says that it has carried out nothing; by others it says nothing.
bool is_undone(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::INVALID_ARGUMENT:
    case grpc::NOT_FOUND:
    case grpc::ALREADY_EXISTS:
    case grpc::PERMISSION_DENIED:
    case grpc::UNAUTHENTICATED:
    case grpc::RESOURCE_EXHAUSTED:
    case grpc::FAILED_PRECONDITION:
    case grpc::ABORTED:
    case grpc::OUT_OF_RANGE:
    case grpc::UNIMPLEMENTED: return true;
    default: return false;
  }
}

}  // namespace

bool is_collection_id(std::string_view text) noexcept {
  const bool is_plain =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
  const bool is_reserved = text == "." || text == ".." || text.starts_with("__");
  return !text.empty() && text.size() <= name_bytes_max && is_plain && !is_reserved;
}

api::Precondition still_at(const Version& version) {
  api::Precondition condition;
  condition.mutable_update_time()->set_seconds(version.seconds);
  condition.mutable_update_time()->set_nanos(version.nanos);
  return condition;
}

api::Precondition not_there() {
  api::Precondition condition;
  condition.set_exists(false);
  return condition;
}

api::StructuredQuery in_order_of_names(const std::string& collection,
                                       const std::vector<std::string>& fields,
                                       std::size_t documents_max) {
  api::StructuredQuery query;
  query.add_from()->set_collection_id(collection);
  for (const std::string& one : fields) {
    query.mutable_select()->add_fields()->set_field_path(one);
  }
  api::StructuredQuery::Order& order = *query.add_order_by();
  order.mutable_field()->set_field_path("__name__");
  order.set_direction(api::StructuredQuery::ASCENDING);
  query.mutable_limit()->set_value(static_cast<std::int32_t>(documents_max));
  return query;
}

std::unexpected<Error> Documents::failed(const Error& error) {
  if (closing_.stop_requested()) {
    return failure(Code::store_unavailable, "what is kept in Firestore was closed here");
  }
  failed_total_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::scoped_lock lock(mutex_);
    trouble_ = error.what;
  }
  is_troubled_.store(true, std::memory_order_relaxed);
  return failure(Code::store_unavailable, error.what);
}

std::unexpected<Error> Documents::failed(const Error& error, io::Breaker::Turn& turn) {
  const bool is_answered = error.code != Code::timed_out && error.code != Code::source_unavailable;
  if (is_answered) {
    turn.answered();
  } else {
    turn.not_answered(clock_.now());
  }
  return failed(error);
}

std::unexpected<Error> Documents::not_asked() {
  failed_total_.fetch_add(1, std::memory_order_relaxed);
  return failure(Code::store_unavailable, trouble() + "; it is not asked for a while");
}

void Documents::succeeded(io::Breaker::Turn& turn) {
  turn.answered();
  if (!is_troubled_.exchange(false, std::memory_order_relaxed)) return;
  const std::scoped_lock lock(mutex_);
  trouble_.clear();
}

std::string Documents::trouble() const {
  const std::scoped_lock lock(mutex_);
  return trouble_;
}

Task<bool> Documents::pause(std::size_t round) {
  const std::size_t next = std::min(round + 1, database_->options().tries_max);
  Task<bool> pausing =
      database_->pause(std::max<std::size_t>(next, 2), deadline(), closing_.get_token());
  const bool go_on = co_await std::move(pausing);
  co_return go_on;
}

Task<Result<View>> Documents::read(std::vector<std::string> names,
                                   std::vector<std::string> fields) {
  if (closing_.stop_requested()) co_return failed({});
  std::optional<io::Breaker::Turn> turn = breaker_.turn(clock_.now());
  if (!turn) co_return not_asked();
  api::BatchGetDocumentsRequest request;
  request.set_database(database_->name());
  for (std::string& one : fields) request.mutable_mask()->add_field_paths(std::move(one));
  std::ranges::sort(names);
  const auto doubled = std::ranges::unique(names);
  names.erase(doubled.begin(), doubled.end());
  for (std::string& one : names) request.add_documents(std::move(one));
  const Instant deadline = this->deadline();
  const std::stop_token stop = closing_.get_token();
  for (std::size_t next = 2;; ++next) {
    const Instant asked = clock_.now();
    ReadCall* self = nullptr;
    ReadCall call(database_->executor(), answer_bytes_max,
                  [&request, &self](Stub& stub, grpc::ClientContext& context) {
                    stub.BatchGetDocuments(&context, &request, self);
                    self->start(context);
                  });
    self = &call;
    Task<Result<void>> running = database_->run(call, deadline, stop);
    const Result<void> ran = co_await std::move(running);
    if (!ran) co_return failed(ran.error());
    if (call.is_too_large()) {
      turn->answered();
      co_return failure(Code::too_large,
                        "the documents that are asked for at once have more than " +
                            std::to_string(answer_bytes_max >> 20) +
                            " MiB (answer_bytes_max); ask for fewer");
    }
    if (call.status().ok()) {
      Moment read_at{};
      std::optional<View> view = view_of(call.responses(), names.size(), read_at);
      if (!view) {
        co_return failed({Code::source_failed, "Firestore left a document out of its answer"});
      }
      const Instant answered = clock_.now();
      time_.note(read_at, asked, answered);
      view->now = {.earliest = read_at, .latest = end_of(read_at, answered - asked)};
      succeeded(*turn);
      co_return std::move(*view);
    }
    const Error error = database_->error_of(call.status(), deadline, stop);
    if (error.code != Code::source_unavailable) co_return failed(error, *turn);
    Task<bool> pausing = database_->pause(next, deadline, stop);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) co_return failed(error, *turn);
  }
}

Task<Result<Documents::Row>> Documents::query(api::StructuredQuery question) {
  if (closing_.stop_requested()) co_return failed({});
  std::optional<io::Breaker::Turn> turn = breaker_.turn(clock_.now());
  if (!turn) co_return not_asked();
  api::RunQueryRequest request;
  request.set_parent(database_->name() + "/documents");
  *request.mutable_structured_query() = std::move(question);
  const Instant deadline = this->deadline();
  const std::stop_token stop = closing_.get_token();
  for (std::size_t next = 2;; ++next) {
    const Instant asked = clock_.now();
    QueryCall* self = nullptr;
    QueryCall call(database_->executor(), answer_bytes_max,
                   [&request, &self](Stub& stub, grpc::ClientContext& context) {
                     stub.RunQuery(&context, &request, self);
                     self->start(context);
                   });
    self = &call;
    Task<Result<void>> running = database_->run(call, deadline, stop);
    const Result<void> ran = co_await std::move(running);
    if (!ran) co_return failed(ran.error());
    if (call.status().ok()) {
      Row row;
      Moment read_at{};
      for (api::RunQueryResponse& response : call.responses()) {
        if (response.has_read_time()) read_at = std::max(read_at, moment_of(response.read_time()));
        if (response.has_document()) row.found.push_back(std::move(*response.mutable_document()));
      }
      if (call.is_too_large() || read_at == Moment{}) {
        co_return failed({Code::source_failed, "Firestore's answer to a query is cut short"});
      }
      const Instant answered = clock_.now();
      time_.note(read_at, asked, answered);
      row.now = {.earliest = read_at, .latest = end_of(read_at, answered - asked)};
      succeeded(*turn);
      co_return row;
    }
    const Error error = database_->error_of(call.status(), deadline, stop);
    if (error.code != Code::source_unavailable) co_return failed(error, *turn);
    Task<bool> pausing = database_->pause(next, deadline, stop);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) co_return failed(error, *turn);
  }
}

Task<Result<Committed>> Documents::commit(std::vector<api::Write> writes, Repeat repeat) {
  if (closing_.stop_requested()) co_return failed({});
  std::optional<io::Breaker::Turn> turn = breaker_.turn(clock_.now());
  if (!turn) co_return not_asked();
  api::CommitRequest request;
  request.set_database(database_->name());
  for (api::Write& one : writes) *request.add_writes() = std::move(one);
  const Instant deadline = this->deadline();
  const std::stop_token stop = closing_.get_token();
  for (std::size_t next = 2;; ++next) {
    const Instant asked = clock_.now();
    CommitCall* self = nullptr;
    CommitCall call(database_->executor(),
                    [&request, &self](Stub& stub, grpc::ClientContext& context) {
                      stub.Commit(&context, &request, &self->response(), self);
                      self->start();
                    });
    self = &call;
    Task<Result<void>> running = database_->run(call, deadline, stop);
    const Result<void> ran = co_await std::move(running);
    if (!ran) co_return failed(ran.error());
    Committed outcome;
    if (call.status().ok()) {
      outcome.is_done = true;
      outcome.at = moment_of(call.response().commit_time());
      time_.note(outcome.at, asked, clock_.now());
      for (const api::WriteResult& one : call.response().write_results()) {
        outcome.versions.push_back(Version::of(one.update_time()));
      }
    }
    const bool is_aborted = call.status().error_code() == grpc::ABORTED;
    if (outcome.is_done || is_refusal(call.status(), request) ||
        (is_aborted && repeat == Repeat::by_caller)) {
      succeeded(*turn);
      co_return outcome;
    }
    Error error = database_->error_of(call.status(), deadline, stop);
    if (!is_undone(call.status())) error.what += "; whether it was carried out is not known";
    // Firestore says "aborted" of what met others at the same documents, and left it undone.
    const bool may_retry =
        is_aborted || (error.code == Code::source_unavailable && repeat == Repeat::if_unknown);
    if (!may_retry) co_return failed(error, *turn);
    Task<bool> pausing = database_->pause(next, deadline, stop);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) co_return failed(error, *turn);
  }
}

}  // namespace headrace::firestore
