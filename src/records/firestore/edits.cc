// Edits: read, ask the editor, and commit on condition that all is as it was read; again if it was
// not.  A Commit whose precondition failed, and one that Firestore has aborted, have changed
// nothing, and are the outcomes after which anything is sent again.
//
// Records and sums are read by one call, so that what an editor declines, and what a ceiling
// refuses, is declined and refused for something that was there at one moment.
#include <algorithm>
#include <cassert>
#include <utility>

#include "records/firestore/firestore_records.h"

namespace headrace::firestore_records {

namespace {

using firestore::Committed;
using firestore::Documents;
using firestore::View;

std::unexpected<Error> over(const Count& count, const Records::Ceiling& ceiling) {
  const bool records = count.what == Count::What::over_records;
  const std::int64_t total = records ? count.total.records : count.total.bytes;
  const std::uint64_t max = records ? ceiling.records_max : ceiling.bytes_max;
  return failure(Code::over_quota,
                 "this would make " + std::to_string(total) + " of " + std::to_string(max) +
                     (records ? " records (records_max)" : " bytes (bytes_max)") + "; remove some");
}

std::vector<RecordRef> records_of(const std::vector<Kept>& kept) {
  std::vector<RecordRef> records;
  records.reserve(kept.size());
  for (const Kept& one : kept) records.push_back(one.record);
  return records;
}

// What is there after the edit; `versions` are of its documents.
std::vector<RecordRef> left_by(const std::vector<Kept>& found, std::vector<Records::Change> changes,
                               const std::vector<Version>& versions) {
  using What = Records::Change::What;
  std::vector<RecordRef> left;
  left.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    switch (changes[i].what) {
      case What::keep: left.push_back(found[i].record); break;
      case What::remove: left.emplace_back(); break;
      case What::put:
        changes[i].record.version = number_of(versions[i]);
        left.push_back(std::make_shared<const Record>(std::move(changes[i].record)));
        break;
    }
  }
  return left;
}

}  // namespace

Task<Result<FirestoreRecords::Seen>> FirestoreRecords::see(std::vector<RecordKey> keys,
                                                           TenantId tenant, Looked looked) {
  std::vector<std::string> names;
  for (const RecordKey& key : keys) names.push_back(names_.record(key));
  for (std::size_t i = 0; i < looked.count; ++i) {
    names.push_back(names_.sums(tenant, looked.first + i));
  }
  std::vector<std::string> fields{field::body, field::records, field::bytes, field::ceiling_records,
                                  field::ceiling_bytes};
  auto reading = documents_.read(names, std::move(fields));
  const Result<View> view = co_await std::move(reading);
  if (!view) co_return failed(view.error());
  Seen seen;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Result<Kept> kept = read_kept(view->find(names[i]));
    if (!kept) co_return damaged(kept.error());
    seen.kept.push_back(*std::move(kept));
  }
  for (std::size_t i = keys.size(); i < names.size(); ++i) {
    seen.sums.push_back(read_sums(view->find(names[i])));
  }
  co_return seen;
}

Task<Result<std::vector<RecordRef>>> FirestoreRecords::edit(std::vector<RecordKey> keys,
                                                            Editor editor, Ceiling ceiling) {
  assert(!keys.empty());
  assert(keys.size() <= edit_keys_max);
  const TenantId tenant = keys.front().tenant();
  Looked looked{.first = random_.bits() % firestore_sums};
  for (std::size_t tries = 0; tries < options_.edit_tries_max;) {
    auto seeing = see(keys, tenant, looked);
    const Result<Seen> seen = co_await std::move(seeing);
    if (!seen) co_return std::unexpected(seen.error());
    auto changes = editor(records_of(seen->kept));
    if (!changes) co_return records_of(seen->kept);
    Result<Plan> plan = plan_of(names_, keys, seen->kept, *changes);
    if (!plan) co_return std::unexpected(std::move(plan.error()));
    if (!plan->changes) co_return records_of(seen->kept);
    Count count = count_of(names_, tenant, plan->growth, amount_of(ceiling), looked, seen->sums);
    if (count.what == Count::What::unknown) {
      looked = all_sums;
      continue;
    }
    if (count.what != Count::What::counted) co_return over(count, ceiling);
    std::ranges::move(count.writes, std::back_inserter(plan->writes));
    if (const Result<void> fits = check_size(plan->writes); !fits) {
      co_return std::unexpected(fits.error());
    }
    auto committing = documents_.commit(std::move(plan->writes), Documents::Repeat::by_caller);
    const Result<Committed> committed = co_await std::move(committing);
    if (!committed) co_return failed(committed.error());
    if (committed->is_done) {
      edits_.fetch_add(1, std::memory_order_relaxed);
      co_return left_by(seen->kept, *std::move(changes), committed->versions);
    }
    looked = {.first = random_.bits() % firestore_sums};
    auto pausing = documents_.pause(++tries);
    co_await std::move(pausing);
  }
  co_return failure(Code::refused, "others changed the same records " +
                                       std::to_string(options_.edit_tries_max) +
                                       " times in between (edit_tries_max); try again later");
}

}  // namespace headrace::firestore_records
