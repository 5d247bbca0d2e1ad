// Reading and the port's small things; edits are in edits.cc.
#include "records/firestore/firestore_records.h"

#include <algorithm>
#include <utility>

namespace headrace::firestore_records {

namespace {

using firestore::View;

constexpr char name_field[] = "__name__";

// The least bytes that come after all that begin with `prefix`.
std::string behind(std::string_view prefix) {
  std::string bytes(prefix);
  while (bytes.back() == '\xff') bytes.pop_back();
  bytes.back() = static_cast<char>(static_cast<unsigned char>(bytes.back()) + 1);
  return bytes;
}

}  // namespace

void FirestoreRecords::close() {
  closed_ = true;
  documents_.close();
}

std::unexpected<Error> FirestoreRecords::failed(Error error) {
  if (closed_) return failure(Code::closed, "the records are closed");
  return std::unexpected(std::move(error));
}

std::unexpected<Error> FirestoreRecords::damaged(const Error& error) {
  damaged_.fetch_add(1, std::memory_order_relaxed);
  return failure(Code::store_unavailable, error.what);
}

Records::Health FirestoreRecords::health() const {
  return {.edits_total = edits_,
          .failed_total = documents_.failed_total() + damaged_,
          .trouble = documents_.trouble()};
}

Task<Result<std::vector<RecordRef>>> FirestoreRecords::read(std::vector<RecordKey> keys) {
  std::vector<RecordRef> records;
  if (keys.empty()) co_return records;
  std::vector<std::string> names;
  for (const RecordKey& key : keys) names.push_back(names_.record(key));
  std::vector<std::string> fields{field::body};
  auto reading = documents_.read(names, std::move(fields));
  const Result<View> view = co_await std::move(reading);
  if (!view) co_return failed(view.error());
  records.reserve(names.size());
  for (const std::string& name : names) {
    Result<Kept> kept = read_kept(view->find(name));
    if (!kept) co_return damaged(kept.error());
    records.push_back(std::move(kept->record));
  }
  co_return records;
}

// The keys of the records that a question finds, of which only names come.
Task<Result<std::vector<RecordKey>>> FirestoreRecords::find(api::StructuredQuery question) {
  auto asking = documents_.query(std::move(question));
  const auto row = co_await std::move(asking);
  if (!row) co_return failed(row.error());
  std::vector<RecordKey> keys;
  keys.reserve(row->found.size());
  for (const api::Document& document : row->found) {
    std::optional<RecordKey> key = names_.key_of(document.name());
    if (!key) {
      co_return damaged({.what = "the collection of the records holds documents that are none, "
                                 "such as \"" +
                                 document.name() +
                                 "\"; remove them, it must be the records' alone"});
    }
    keys.push_back(*std::move(key));
  }
  co_return keys;
}

// Names sort as keys do, so it is one stretch of the collection.
Task<Result<Records::Page>> FirestoreRecords::list(RecordKey prefix, std::string from,
                                                   std::size_t keys_max) {
  const std::size_t count = std::clamp(keys_max, std::size_t{1}, page_keys_max);
  const std::vector<std::string> fields{name_field};
  api::StructuredQuery question = firestore::in_order_of_names(options_.collection, fields, count);
  std::string first = names_.record(prefix);
  if (!from.empty()) {
    const Result<RecordKey> last = RecordKey::parse(from);
    if (!last || !from.starts_with(prefix.bytes())) {
      co_return failure(Code::invalid_argument,
                        "what to list on from is no key of this listing; begin anew");
    }
    first = names_.record(*last);
  }
  question.mutable_start_at()->add_values()->set_reference_value(first);
  question.mutable_start_at()->set_before(from.empty());
  // A tenant's keys begin with a length, so there is always something behind.
  question.mutable_end_at()->add_values()->set_reference_value(names_.at(behind(prefix.bytes())));
  question.mutable_end_at()->set_before(true);
  auto finding = find(std::move(question));
  Result<std::vector<RecordKey>> keys = co_await std::move(finding);
  if (!keys) co_return std::unexpected(std::move(keys.error()));
  Page page{.keys = *std::move(keys)};
  if (page.keys.size() == count) page.next = page.keys.back().bytes();
  co_return page;
}

Task<Result<std::vector<RecordKey>>> FirestoreRecords::expired(WallTime at, std::size_t keys_max) {
  api::StructuredQuery question;
  question.add_from()->set_collection_id(options_.collection);
  question.mutable_select()->add_fields()->set_field_path(name_field);
  api::StructuredQuery::FieldFilter& filter = *question.mutable_where()->mutable_field_filter();
  filter.mutable_field()->set_field_path(field::expires);
  filter.set_op(api::StructuredQuery::FieldFilter::LESS_THAN_OR_EQUAL);
  *filter.mutable_value()->mutable_timestamp_value() = timestamp_of(at);
  api::StructuredQuery::Order& order = *question.add_order_by();
  order.mutable_field()->set_field_path(field::expires);
  order.set_direction(api::StructuredQuery::ASCENDING);
  const std::size_t count = std::clamp(keys_max, std::size_t{1}, page_keys_max);
  question.mutable_limit()->set_value(static_cast<std::int32_t>(count));
  return find(std::move(question));
}

Task<Result<Records::Usage>> FirestoreRecords::usage(TenantId tenant) {
  auto seeing = see({}, tenant, all_sums);
  const Result<Seen> seen = co_await std::move(seeing);
  if (!seen) co_return std::unexpected(seen.error());
  Amount total;
  for (const KeptSums& one : seen->sums) total += one.sums.amount;
  co_return Usage{.records = static_cast<std::uint64_t>(std::max<std::int64_t>(total.records, 0)),
                  .bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(total.bytes, 0))};
}

}  // namespace headrace::firestore_records

namespace headrace {

Result<std::unique_ptr<Records>> open_firestore_records(std::shared_ptr<FirestoreDatabase> database,
                                                        FirestoreRecordsOptions options,
                                                        Clock& clock, Random& random) {
  if (!firestore::is_collection_id(options.collection)) {
    return failure(Code::invalid_argument, "the collection of records on Firestore " +
                                               std::string(firestore::collection_id_rule));
  }
  if (options.answer_within <= Duration::zero() || options.edit_tries_max == 0) {
    return failure(
        Code::invalid_argument,
        "answer_within and edit_tries_max of records on Firestore are more than nothing");
  }
  return std::make_unique<firestore_records::FirestoreRecords>(std::move(database),
                                                               std::move(options), clock, random);
}

}  // namespace headrace
