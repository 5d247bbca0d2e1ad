#include "feeds/firestore/lease.h"

#include <cstdint>

#include "firestore/call.h"
#include "firestore/status.h"

namespace headrace::firestore::feed {

namespace {

using ReadCall = StreamCall<api::BatchGetDocumentsResponse>;
using CommitCall = UnaryCall<api::CommitResponse>;

constexpr std::size_t answer_bytes_max = std::size_t{2} << 20;

constexpr char holder[] = "holder";
constexpr char watched[] = "watched";
constexpr char proved[] = "proved";
constexpr char resume[] = "resume";
constexpr char renewal[] = "renewal";

const api::Value* find(const api::Document& document, const char* field) {
  const auto at = document.fields().find(field);
  return at == document.fields().end() ? nullptr : &at->second;
}

}  // namespace

void write_record(const LeaseRecord& record, api::Document& into) {
  auto& fields = *into.mutable_fields();
  fields[holder].set_string_value(record.holder);
  fields[watched].set_string_value(record.watched);
  if (!record.acknowledged) return;
  *fields[proved].mutable_timestamp_value() = timestamp_of(record.acknowledged->at);
  fields[resume].set_bytes_value(record.acknowledged->token);
}

// What is missing, or of another type, is as if nobody had written it.
LeaseRecord record_of(const api::Document& document) {
  LeaseRecord record{.version = moment_of(document.update_time())};
  if (const api::Value* value = find(document, holder)) record.holder = value->string_value();
  if (const api::Value* value = find(document, watched)) record.watched = value->string_value();
  const api::Value* const at = find(document, proved);
  if (at == nullptr || !at->has_timestamp_value()) return record;
  record.acknowledged = Position{.at = moment_of(at->timestamp_value())};
  if (const api::Value* value = find(document, resume)) {
    record.acknowledged->token = value->bytes_value();
  }
  return record;
}

Task<Result<Lease::Answer>> Lease::read(std::stop_token stop) {
  api::BatchGetDocumentsRequest request;
  request.set_database(database_->name());
  request.add_documents(document_);
  const Instant asked_at = database_->clock().now();
  const Instant deadline = asked_at + answer_within_;
  ReadCall* self = nullptr;
  ReadCall call(database_->executor(), answer_bytes_max,
                [&request, &self](Stub& stub, grpc::ClientContext& context) {
                  stub.BatchGetDocuments(&context, &request, self);
                  self->start(context);
                });
  self = &call;
  Task<Result<void>> running = database_->run(call, deadline, stop);
  const Result<void> ran = co_await std::move(running);
  if (!ran) co_return std::unexpected(ran.error());
  if (!call.status().ok()) {
    co_return std::unexpected(database_->error_of(call.status(), deadline, stop));
  }
  for (const api::BatchGetDocumentsResponse& response : call.responses()) {
    if (!response.has_read_time() || (!response.has_found() && response.missing().empty())) {
      continue;
    }
    Answer answer{.asked_at = asked_at, .at = moment_of(response.read_time())};
    if (response.has_found()) answer.record = record_of(response.found());
    co_return answer;
  }
  co_return failure(Code::source_failed, "Firestore does not say what the feed's lease is");
}

api::CommitRequest Lease::request_of(const LeaseRecord& record) {
  api::CommitRequest request;
  request.set_database(database_->name());
  api::Write& write = *request.add_writes();
  write.mutable_update()->set_name(document_);
  write_record(record, *write.mutable_update());
  (*write.mutable_update()->mutable_fields())[renewal].set_integer_value(
      static_cast<std::int64_t>(random_.bits()));
  if (record.version) {
    *write.mutable_current_document()->mutable_update_time() = timestamp_of(*record.version);
  } else {
    write.mutable_current_document()->set_exists(false);
  }
  return request;
}

Task<Result<Lease::Answer>> Lease::write(LeaseRecord record, std::stop_token stop) {
  const api::CommitRequest request = request_of(record);
  const Instant asked_at = database_->clock().now();
  const Instant deadline = asked_at + answer_within_;
  CommitCall* self = nullptr;
  CommitCall call(database_->executor(),
                  [&request, &self](Stub& stub, grpc::ClientContext& context) {
                    stub.Commit(&context, &request, &self->response(), self);
                    self->start();
                  });
  self = &call;
  Task<Result<void>> running = database_->run(call, deadline, stop);
  const Result<void> ran = co_await std::move(running);
  if (!ran) co_return std::unexpected(ran.error());
  Answer answer{.asked_at = asked_at, .is_write = true, .record = std::move(record)};
  answer.is_done = !is_failed_precondition(call.status());
  if (!answer.is_done) co_return answer;
  if (!call.status().ok()) {
    co_return std::unexpected(database_->error_of(call.status(), deadline, stop));
  }
  if (call.response().write_results_size() != 1) {
    co_return failure(Code::source_failed, "Firestore does not say when it has written the lease");
  }
  answer.at = moment_of(call.response().commit_time());
  answer.record.version = moment_of(call.response().write_results(0).update_time());
  co_return answer;
}

}  // namespace headrace::firestore::feed
