// firestore/plan.h: records and sums as documents, and an edit as the writes of one Commit.
//
//   record   body: the record as wire/record.h writes it, without its version, which is the
//            document's update time; expires: its end, if it has one; replaces: the version before,
//            for a write that changes nothing would leave the update time as it was
//   sums     records, bytes: what is counted here; ceiling_records, ceiling_bytes: see sums.h
//
// Every key of an edit is a write with a precondition, also one that is only read: of a document
// that is there a write that changes nothing, of one that is not a delete.
//
// Threads:   functions of their arguments alone.
// Errors:    read_kept() returns damaged; plan_of() too_large.
// Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firestore/documents.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "records/firestore/names.h"
#include "records/firestore/sums.h"

namespace headrace::firestore_records {

using firestore::Version;
namespace api = firestore::api;

namespace field {
inline constexpr char body[] = "body";
inline constexpr char expires[] = "expires";
inline constexpr char replaces[] = "replaces";
inline constexpr char records[] = "records";
inline constexpr char bytes[] = "bytes";
inline constexpr char ceiling_records[] = "ceiling_records";
inline constexpr char ceiling_bytes[] = "ceiling_bytes";
}  // namespace field

// What stands under a key.
struct Kept {
  std::optional<Version> version{};  // Of the document; none if it is not there.
  RecordRef record{};
};
[[nodiscard]] Result<Kept> read_kept(const api::Document* document);
[[nodiscard]] std::uint64_t number_of(const Version& version);
// The nearest time that Firestore can write.
[[nodiscard]] google::protobuf::Timestamp timestamp_of(WallTime time);

struct KeptSums {
  std::optional<Version> version{};
  Sums sums{};
};
[[nodiscard]] KeptSums read_sums(const api::Document* document);

// The writes of an edit, one for each key in their order; the sums' come behind.
struct Plan {
  std::vector<api::Write> writes{};
  bool changes = false;
  Amount growth{};
};
// A removal of what is not there becomes none.  REQUIRES: as many of each as keys.
[[nodiscard]] Result<Plan> plan_of(const Names& names, const std::vector<RecordKey>& keys,
                                   const std::vector<Kept>& found,
                                   std::vector<Records::Change>& changes);

// Which of a tenant's sums an edit looks at: one, or all.
struct Looked {
  std::size_t first = 0;
  std::size_t count = 1;

  [[nodiscard]] bool is_all() const noexcept { return count == firestore_sums; }
};
inline constexpr Looked all_sums{.first = 0, .count = firestore_sums};

// How an edit is counted.
struct Count {
  enum class What : std::uint8_t {
    counted,  // The writes do it.
    unknown,  // It takes a look at all sums to say.
    over_records,
    over_bytes,
  };
  What what = What::counted;
  std::vector<api::Write> writes{};
  Amount total{};  // If over: what there would be.
};
// REQUIRES: `seen` is of those that were looked at.
[[nodiscard]] Count count_of(const Names& names, TenantId tenant, const Amount& growth,
                             const Amount& ceiling, const Looked& looked,
                             const std::vector<KeptSums>& seen);

// All in one Commit, if Firestore takes as much.  May return: too_large.
[[nodiscard]] Result<void> check_size(const std::vector<api::Write>& writes);

}  // namespace headrace::firestore_records
