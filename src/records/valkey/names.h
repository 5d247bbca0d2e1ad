// valkey/names.h: what the records are called on the server.
//
// All names of a tenant have the same hash tag, the part in braces, so that a cluster keeps them
// together.  A member is a record's key without its tenant: it stands in the tenant's indexes.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "headrace/records.h"
#include "headrace/result.h"

namespace headrace::valkey_records {

class Names {
 public:
  explicit Names(std::string prefix) : prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string record(const RecordKey& key) const;
  [[nodiscard]] std::string sums(TenantId tenant) const;     // Last version, records, bytes.
  [[nodiscard]] std::string members(TenantId tenant) const;  // Of all, in their order.
  [[nodiscard]] std::string ends(TenantId tenant) const;     // Of those that have one.
  [[nodiscard]] std::string tenants() const;                 // Those that have ends.

 private:
  [[nodiscard]] std::string of(TenantId tenant, std::string_view what) const;

  std::string prefix_;
};

[[nodiscard]] std::string_view member_of(const RecordKey& key) noexcept;
[[nodiscard]] Result<RecordKey> key_of(TenantId tenant, std::string_view member);

}  // namespace headrace::valkey_records
