#include "server/http/named_policy.h"

#include <string>
#include <vector>

#include "core/nearest.h"
#include "headrace/key.h"

namespace headrace::http {

Problem no_such_policy(const Engine& engine, std::string_view name) {
  const std::vector<PolicyView> policies = engine.policies();
  std::vector<std::string_view> names;
  for (const PolicyView& view : policies) names.push_back(view.policy.name);
  return {.code = "no-such-policy",
          .detail = "there is no policy \"" + std::string(name.substr(0, 2 * name_bytes_max)) +
                    "\"" + nearest_hint(name, names)};
}

Outcome<PolicyHandle> find_policy(const Engine& engine, std::string_view name) {
  PolicyHandle handle = engine.find(name);
  if (!handle) return std::unexpected(no_such_policy(engine, name));
  return handle;
}

Outcome<void> check_entity(std::string_view entity) {
  if (entity.empty()) return problem("bad-request", "the entity is empty");
  if (entity.size() <= entity_bytes_max) return {};
  return problem("uri-too-long", "the entity has " + std::to_string(entity.size()) +
                                     " bytes; entity_bytes_max is " +
                                     std::to_string(entity_bytes_max));
}

}  // namespace headrace::http
