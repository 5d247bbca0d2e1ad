// headrace/invalidation.h: what an invalidation names.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <string>
#include <vector>

namespace headrace {

// All that is named is invalidated together.
struct Invalidation {
  struct KeyName {
    std::string policy{};
    std::string entity{};
  };
  std::vector<KeyName> keys{};
  std::vector<std::string> tags{};
  std::vector<std::string> policies{};
  bool everything = false;

  [[nodiscard]] bool is_empty() const noexcept {
    return keys.empty() && tags.empty() && policies.empty() && !everything;
  }
};

}  // namespace headrace
