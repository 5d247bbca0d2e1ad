// A key's bytes: each part behind its length, so that no two keys share bytes.
//
//   [1 byte tenant length][tenant][1 byte policy length][policy][4 bytes version][8 bytes
//   shape][entity]
//
// The entity comes last and needs no length.  Numbers are little-endian.
#include "headrace/key.h"

#include <algorithm>
#include <cstring>

#include "core/hash.h"

namespace headrace {

namespace {

template <class Number>
void append_number(std::string& bytes, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
}

void append_name(std::string& bytes, std::string_view name) {
  bytes.push_back(static_cast<char>(name.size()));
  bytes.append(name);
}

}  // namespace

Result<Key> Key::make(const Scope& scope, std::string_view entity) {
  if (scope.policy.empty()) return failure(Code::invalid_argument, "a key needs a policy's name");
  if (scope.tenant.size() > name_bytes_max || scope.policy.size() > name_bytes_max) {
    return failure(Code::too_large, "a tenant's or policy's name is longer than " +
                                        std::to_string(name_bytes_max) + " bytes");
  }
  if (entity.size() > entity_bytes_max) {
    return failure(Code::too_large, "the entity has " + std::to_string(entity.size()) +
                                        " bytes; the most is " + std::to_string(entity_bytes_max) +
                                        " (entity_bytes_max)");
  }
  std::string bytes;
  bytes.reserve(scope.tenant.size() + scope.policy.size() + 14 + entity.size());
  append_name(bytes, scope.tenant);
  append_name(bytes, scope.policy);
  append_number(bytes, scope.version);
  append_number(bytes, scope.shape);
  const std::size_t entity_at = bytes.size();
  bytes.append(entity);
  return Key(std::move(bytes), entity_at);
}

StoreKey store_key_of(std::string_view tenant, std::string_view policy,
                      std::string_view entity) noexcept {
  // The tenant's length as the seed keeps ("a", "bc") and ("ab", "c") apart.
  char names[2 * name_bytes_max];
  const std::size_t tenant_size = std::min(tenant.size(), name_bytes_max);
  const std::size_t policy_size = std::min(policy.size(), name_bytes_max);
  std::memcpy(names, tenant.data(), tenant_size);
  std::memcpy(names + tenant_size, policy.data(), policy_size);
  const Hash128 scope = hash128({names, tenant_size + policy_size}, tenant_size);
  const Hash128 which = hash128(entity, scope.low);
  return {{scope.high, scope.low, which.high, which.low}};
}

}  // namespace headrace
