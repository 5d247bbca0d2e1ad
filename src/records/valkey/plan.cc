#include "records/valkey/plan.h"

#include <cassert>
#include <charconv>
#include <utility>

#include "wire/record.h"

namespace headrace::valkey_records {

namespace {

using What = Records::Change::What;

constexpr std::size_t version_digits = 16;

std::string_view word_of(What what) {
  switch (what) {
    case What::put: return "put";
    case What::remove: return "remove";
    case What::keep: break;
  }
  return "keep";
}

std::string end_of(const Record& record) {
  if (record.expires == Record::never) return {};
  return std::to_string(record.expires.time_since_epoch().count());
}

}  // namespace

Result<Kept> read_kept(const RespValue& value) {
  if (value.is_null()) return Kept();
  std::uint64_t version = 0;
  const std::string_view digits = value.text.substr(0, version_digits);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (digits.size() != version_digits || error != std::errc() ||
      end != digits.data() + digits.size()) {
    return failure(Code::damaged, "a record on the server has no version before it");
  }
  auto record = decode_record(value.text.substr(version_digits));
  if (!record) return std::unexpected(std::move(record.error()));
  record->version = version;
  return Kept{.version = std::string(digits),
              .record = std::make_shared<const Record>(*std::move(record))};
}

Plan plan_of(const Names& names, const std::vector<RecordKey>& keys, const std::vector<Kept>& found,
             std::vector<Records::Change>& changes, const Records::Ceiling& ceiling) {
  assert(found.size() == keys.size());
  assert(changes.size() == keys.size());
  const TenantId tenant = keys.front().tenant();
  Plan plan{.names = {names.sums(tenant), names.members(tenant), names.ends(tenant)},
            .arguments = {std::to_string(ceiling.records_max), std::to_string(ceiling.bytes_max),
                          "", ""}};
  std::int64_t records = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Records::Change& change = changes[i];
    const RecordRef& before = found[i].record;
    if (change.what == What::remove && !before) change.what = What::keep;
    plan.names.push_back(names.record(keys[i]));
    plan.arguments.push_back(found[i].version);
    plan.arguments.emplace_back(word_of(change.what));
    plan.arguments.emplace_back(member_of(keys[i]));
    const bool puts = change.what == What::put;
    change.record.version = 0;  // The script says which, in front of these bytes.
    plan.arguments.push_back(puts ? end_of(change.record) : "");
    plan.arguments.push_back(puts ? encode(change.record) : "");
    if (change.what == What::keep) continue;
    plan.changes = true;
    plan.has_ends |= puts && change.record.expires != Record::never;
    const auto charge = [&key = keys[i]](const Record& record) {
      return static_cast<std::int64_t>(charged_bytes(key.key(), record));
    };
    if (before) --records, bytes -= charge(*before);
    if (puts) ++records, bytes += charge(change.record);
  }
  plan.arguments[2] = std::to_string(records);
  plan.arguments[3] = std::to_string(bytes);
  return plan;
}

Result<Outcome> read_outcome(const RespValue& value) {
  const bool is_outcome = !value.items.empty() && value.items[0].integer >= 0 &&
                          value.items[0].integer <= std::to_underlying(Outcome::What::over_bytes);
  if (!is_outcome) {
    return failure(Code::store_unavailable, "its answer to an edit is not understood");
  }
  Outcome outcome{.what = static_cast<Outcome::What>(value.items[0].integer)};
  if (value.items.size() > 1) outcome.number = static_cast<std::uint64_t>(value.items[1].integer);
  return outcome;
}

}  // namespace headrace::valkey_records
