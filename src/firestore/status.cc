#include "firestore/status.h"

#include <cstddef>
#include <string>

namespace headrace::firestore {

namespace {

// Firestore's link for creating a missing index is long, and has to stay whole.
constexpr std::size_t words_bytes_max = 1500;

struct Meaning {
  Code code;
  std::string_view advice;
};

Meaning meaning_of(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::UNAVAILABLE:
      return {Code::source_unavailable, "it could not be reached; check network and endpoint"};
    case grpc::DEADLINE_EXCEEDED: return {Code::timed_out, "it did not answer in time"};
    case grpc::CANCELLED:
      // Who stopped or whose time was over has been asked before: this was somebody on the way.
      return {Code::source_unavailable, "the call was broken off on its way; try again"};
    case grpc::RESOURCE_EXHAUSTED:
      return {Code::refused, "a quota or the database's capacity is used up; slow down"};
    case grpc::NOT_FOUND:
      return {Code::source_failed, "check project and database; there is no such database"};
    case grpc::PERMISSION_DENIED:
      return {Code::source_failed,
              "the credentials may not do this; grant them the role roles/datastore.user (or "
              "datastore.viewer to read)"};
    case grpc::UNAUTHENTICATED:
      return {Code::source_failed,
              "the credentials were not accepted; check credentials_file, and this machine's "
              "clock"};
    case grpc::FAILED_PRECONDITION:
      return {Code::source_failed, "the query may need an index, or the database another mode"};
    case grpc::INVALID_ARGUMENT:
      return {Code::source_failed, "it does not understand the question; check fields and filters"};
    case grpc::UNIMPLEMENTED: return {Code::source_failed, "is the endpoint a Firestore?"};
    default: return {Code::source_failed, "it failed; try later"};
  }
}

}  // namespace

Error error_of(const grpc::Status& status, std::string_view where) {
  const Meaning meaning = meaning_of(status);
  std::string text(where);
  text += ": ";
  text += meaning.advice;
  if (!status.error_message().empty()) {
    text += " (" + status.error_message().substr(0, words_bytes_max) + ")";
  }
  return {meaning.code, std::move(text)};
}

bool is_failed_precondition(const grpc::Status& status) {
  return status.error_code() == grpc::FAILED_PRECONDITION ||
         status.error_code() == grpc::ALREADY_EXISTS || is_missing_document(status);
}

bool is_missing_document(const grpc::Status& status) {
  if (status.error_code() != grpc::NOT_FOUND) return false;
  // A database that is missing has the same code.  Only what Firestore and its emulator are known
  // to say of documents counts, for "there was nothing" must never be said of a failure.
  const std::string words = status.error_message();
  return words.starts_with("No document to ") || words.starts_with("no entity to ") ||
         words.contains("/documents/");
}

}  // namespace headrace::firestore
