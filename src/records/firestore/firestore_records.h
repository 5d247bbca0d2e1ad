// firestore/firestore_records.h: how the records' operations become calls; see the public header.
//
// Threads, Errors, Lifetimes: as Records.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firestore/documents.h"
#include "headrace/records/firestore.h"
#include "records/firestore/names.h"
#include "records/firestore/plan.h"
#include "records/firestore/sums.h"

namespace headrace::firestore_records {

class FirestoreRecords final : public Records {
 public:
  FirestoreRecords(std::shared_ptr<FirestoreDatabase> database, FirestoreRecordsOptions options,
                   Clock& clock, Random& random)
      : options_(std::move(options)),
        documents_(std::move(database), options_.answer_within, clock),
        names_(documents_.database(), options_.collection),
        random_(random) {}
  ~FirestoreRecords() override { close(); }

  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override;
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override;
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override;
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override;
  Task<Result<Usage>> usage(TenantId tenant) override;
  bool is_shared() const noexcept override { return true; }
  Health health() const override;
  void close() override;

 private:
  // What was found under an edit's keys, and in the sums that were asked for, at one moment.
  struct Seen {
    std::vector<Kept> kept{};
    std::vector<KeptSums> sums{};  // In the order of their numbers.
  };

  Task<Result<Seen>> see(std::vector<RecordKey> keys, TenantId tenant, Looked looked);
  Task<Result<std::vector<RecordKey>>> find(api::StructuredQuery question);
  [[nodiscard]] std::unexpected<Error> failed(Error error);
  [[nodiscard]] std::unexpected<Error> damaged(const Error& error);

  const FirestoreRecordsOptions options_;
  firestore::Documents documents_;
  const Names names_;
  Random& random_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> edits_{0};
  std::atomic<std::uint64_t> damaged_{0};
};

}  // namespace headrace::firestore_records
