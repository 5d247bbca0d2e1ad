#include "records/embedded/quota.h"

#include <cassert>
#include <string>

namespace headrace::embedded_records {

namespace {

std::unexpected<Error> over(std::uint64_t is, std::uint64_t max, std::string_view what,
                            std::string_view name) {
  return failure(Code::over_quota, "this would make " + std::to_string(is) + " of " +
                                       std::to_string(max) + ' ' + std::string(what) + " (" +
                                       std::string(name) + "); remove some");
}

bool is_over(std::uint64_t was, std::uint64_t is, std::uint64_t max) {
  return max != 0 && is > max && is > was;
}

}  // namespace

Result<Records::Usage> usage_after(Records::Usage usage, const std::vector<RecordKey>& keys,
                                   const std::vector<RecordRef>& found,
                                   const std::vector<Records::Change>& changes,
                                   const Records::Ceiling& ceiling) {
  using What = Records::Change::What;
  assert(found.size() == keys.size());
  assert(changes.size() == keys.size());
  const Records::Usage before = usage;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (changes[i].what == What::keep) continue;
    if (found[i]) {
      usage.records -= 1;
      usage.bytes -= charged_bytes(keys[i].key(), *found[i]);
    }
    if (changes[i].what == What::put) {
      usage.records += 1;
      usage.bytes += charged_bytes(keys[i].key(), changes[i].record);
    }
  }
  if (is_over(before.records, usage.records, ceiling.records_max)) {
    return over(usage.records, ceiling.records_max, "records", "records_max");
  }
  if (is_over(before.bytes, usage.bytes, ceiling.bytes_max)) {
    return over(usage.bytes, ceiling.bytes_max, "bytes", "bytes_max");
  }
  return usage;
}

}  // namespace headrace::embedded_records
