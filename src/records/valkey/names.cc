#include "records/valkey/names.h"

namespace headrace::valkey_records {

namespace {

constexpr std::size_t tenant_bytes = 4;  // At the front of a key's.

}  // namespace

std::string Names::of(TenantId tenant, std::string_view what) const {
  std::string name = prefix_;
  name += ":{";
  name += std::to_string(tenant);
  name += '}';
  name += what;
  return name;
}

std::string Names::record(const RecordKey& key) const {
  std::string name = of(key.tenant(), ":r:");
  name += member_of(key);
  return name;
}

std::string Names::sums(TenantId tenant) const {
  return of(tenant, ":sums");
}
std::string Names::members(TenantId tenant) const {
  return of(tenant, ":members");
}
std::string Names::ends(TenantId tenant) const {
  return of(tenant, ":ends");
}
std::string Names::tenants() const {
  return prefix_ + ":tenants";
}

std::string_view member_of(const RecordKey& key) noexcept {
  return key.bytes().substr(tenant_bytes);
}

Result<RecordKey> key_of(TenantId tenant, std::string_view member) {
  const RecordKey front(tenant, "", "");
  std::string bytes(front.bytes().substr(0, tenant_bytes));
  bytes += member;
  return RecordKey::parse(bytes);
}

}  // namespace headrace::valkey_records
