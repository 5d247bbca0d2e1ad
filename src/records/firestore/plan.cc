#include "records/firestore/plan.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "wire/record.h"

namespace headrace::firestore_records {

namespace {

using What = Records::Change::What;

// The names of the fields, and the values beside the body: generously counted.
constexpr std::size_t rest_bytes = 512;
// Firestore's own limit of a request.
constexpr std::size_t commit_bytes_max = 10 << 20;
constexpr std::size_t request_bytes = 4096;  // Beside the writes.

const api::Value* value_of(const api::Document& document, const char* name) {
  const auto found = document.fields().find(name);
  return found == document.fields().end() ? nullptr : &found->second;
}

std::int64_t number_in(const api::Document& document, const char* name) {
  const api::Value* const value = value_of(document, name);
  return value == nullptr ? 0 : value->integer_value();
}

void set_number(api::Document& document, const char* name, std::int64_t number) {
  (*document.mutable_fields())[name].set_integer_value(number);
}

void expect(api::Write& write, const std::optional<Version>& version) {
  *write.mutable_current_document() =
      version ? firestore::still_at(*version) : firestore::not_there();
}

// Looks at a document, and changes nothing.
api::Write look_at(std::string name, const Kept& kept) {
  api::Write write;
  if (kept.version) {
    write.mutable_update()->set_name(std::move(name));
    write.mutable_update_mask();  // No field is in it.
  } else {
    write.set_delete_(std::move(name));
  }
  expect(write, kept.version);
  return write;
}

api::Write removal(std::string name, const Kept& kept) {
  api::Write write;
  write.set_delete_(std::move(name));
  expect(write, kept.version);
  return write;
}

Result<api::Write> putting(std::string name, const Kept& kept, const Record& record) {
  std::string body = encode(record);
  if (name.size() + body.size() + rest_bytes > firestore::document_bytes_max) {
    return failure(Code::too_large,
                   "a record of " + std::to_string(body.size()) +
                       " bytes does not fit into a Firestore document, which has at most 1 MiB "
                       "(document_bytes_max) with its key and all else");
  }
  api::Write write;
  api::Document& document = *write.mutable_update();
  document.set_name(std::move(name));
  (*document.mutable_fields())[field::body].set_bytes_value(std::move(body));
  if (record.expires != Record::never) {
    *(*document.mutable_fields())[field::expires].mutable_timestamp_value() =
        timestamp_of(record.expires);
  }
  const std::uint64_t before = kept.version ? number_of(*kept.version) : 0;
  set_number(document, field::replaces, static_cast<std::int64_t>(before));
  expect(write, kept.version);
  return write;
}

Amount charge_of(const RecordKey& key, const Record& record) {
  return {.records = 1, .bytes = static_cast<std::int64_t>(charged_bytes(key.key(), record))};
}

// Those sums, if they are still what was seen.
api::Write replacement(std::string name, const KeptSums& seen, const Sums& sums) {
  api::Write write;
  api::Document& document = *write.mutable_update();
  document.set_name(std::move(name));
  set_number(document, field::records, sums.amount.records);
  set_number(document, field::bytes, sums.amount.bytes);
  set_number(document, field::ceiling_records, sums.ceiling.records);
  set_number(document, field::ceiling_bytes, sums.ceiling.bytes);
  expect(write, seen.version);
  return write;
}

// So much added to those sums, whatever they are.
api::Write addition(std::string name, const Amount& amount) {
  api::Write write;
  write.mutable_update()->set_name(std::move(name));
  write.mutable_update_mask();  // Nothing but what follows.
  const auto add = [&write](const char* name_of_field, std::int64_t number) {
    api::DocumentTransform::FieldTransform& one = *write.add_update_transforms();
    one.set_field_path(name_of_field);
    one.mutable_increment()->set_integer_value(number);
  };
  add(field::records, amount.records);
  add(field::bytes, amount.bytes);
  return write;
}

}  // namespace

std::uint64_t number_of(const Version& version) {
  return static_cast<std::uint64_t>(version.seconds) * 1'000'000 +
         static_cast<std::uint64_t>(version.nanos) / 1000;
}

google::protobuf::Timestamp timestamp_of(WallTime time) {
  constexpr WallTime first{std::chrono::sys_days(std::chrono::year(1) / 1 / 1)};
  constexpr WallTime behind{std::chrono::sys_days(std::chrono::year(10000) / 1 / 1)};
  const WallTime bounded = std::clamp(time, first, behind - std::chrono::milliseconds(1));
  return firestore::timestamp_of(firestore::Moment(bounded.time_since_epoch()));
}

Result<Kept> read_kept(const api::Document* document) {
  Kept kept;
  if (document == nullptr) return kept;
  kept.version = Version::of(document->update_time());
  const api::Value* const body = value_of(*document, field::body);
  if (body == nullptr || !body->has_bytes_value()) {
    return failure(Code::damaged, "a record's document has no body: " + document->name());
  }
  auto record = decode_record(body->bytes_value());
  if (!record) return std::unexpected(std::move(record.error()));
  record->version = number_of(*kept.version);
  kept.record = std::make_shared<const Record>(*std::move(record));
  return kept;
}

KeptSums read_sums(const api::Document* document) {
  if (document == nullptr) return {};
  return {.version = Version::of(document->update_time()),
          .sums = {.amount = {.records = number_in(*document, field::records),
                              .bytes = number_in(*document, field::bytes)},
                   .ceiling = {.records = number_in(*document, field::ceiling_records),
                               .bytes = number_in(*document, field::ceiling_bytes)}}};
}

Result<Plan> plan_of(const Names& names, const std::vector<RecordKey>& keys,
                     const std::vector<Kept>& found, std::vector<Records::Change>& changes) {
  assert(found.size() == keys.size());
  assert(changes.size() == keys.size());
  Plan plan;
  plan.writes.reserve(keys.size() + firestore_sums);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Records::Change& change = changes[i];
    const Kept& kept = found[i];
    if (change.what == What::remove && !kept.record) change.what = What::keep;
    plan.changes |= change.what != What::keep;
    if (change.what == What::keep) {
      plan.writes.push_back(look_at(names.record(keys[i]), kept));
      continue;
    }
    if (kept.record) plan.growth -= charge_of(keys[i], *kept.record);
    if (change.what == What::remove) {
      plan.writes.push_back(removal(names.record(keys[i]), kept));
      continue;
    }
    change.record.version = 0;  // The document's update time is it.
    Result<api::Write> write = putting(names.record(keys[i]), kept, change.record);
    if (!write) return std::unexpected(std::move(write.error()));
    plan.writes.push_back(*std::move(write));
    plan.growth += charge_of(keys[i], change.record);
  }
  return plan;
}

Count count_of(const Names& names, TenantId tenant, const Amount& growth, const Amount& ceiling,
               const Looked& looked, const std::vector<KeptSums>& seen) {
  assert(seen.size() == looked.count);
  Count count;
  if (growth.is_none()) return count;
  const std::size_t first = looked.first;
  if (!growth.grows()) {
    count.writes.push_back(addition(names.sums(tenant, first), growth));
    return count;
  }
  if (!looked.is_all()) {
    Sums sums = seen.front().sums;
    if (!has_room(sums, first, growth, ceiling)) return {.what = Count::What::unknown};
    sums.amount += growth;
    count.writes.push_back(replacement(names.sums(tenant, first), seen.front(), sums));
    return count;
  }
  AllSums all;
  std::ranges::transform(seen, all.begin(), &KeptSums::sums);
  count.total = total_of(all);
  const Over over = over_by(count.total, growth, ceiling);
  count.total += growth;
  if (over == Over::records) count.what = Count::What::over_records;
  if (over == Over::bytes) count.what = Count::What::over_bytes;
  if (over != Over::nothing) return count;
  all = share_out(count.total, ceiling);
  for (std::size_t i = 0; i < all.size(); ++i) {
    count.writes.push_back(replacement(names.sums(tenant, i), seen[i], all[i]));
  }
  return count;
}

Result<void> check_size(const std::vector<api::Write>& writes) {
  std::size_t bytes = request_bytes;
  for (const api::Write& write : writes) bytes += write.ByteSizeLong();
  if (bytes <= commit_bytes_max) return {};
  return failure(Code::too_large, "an edit of " + std::to_string(bytes) +
                                      " bytes is more than Firestore takes at once, " +
                                      std::to_string(commit_bytes_max) +
                                      " (commit_bytes_max); change fewer records in one step");
}

}  // namespace headrace::firestore_records
