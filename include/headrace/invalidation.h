// headrace/invalidation.h: what an invalidation names.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace headrace {

// Of the name of one state of a source, where changes are told by it.
inline constexpr std::size_t revision_bytes_max = 1024;
// Of one key: so many changes are remembered by their names, the newest to come.
inline constexpr std::size_t floors_per_key_max = 16;

// All that is named is invalidated together.
struct Invalidation {
  struct KeyName {
    std::string policy{};
    std::string entity{};
    // The source's name for the state that it has since the change which this invalidation is
    // about: whatever is read at a state that does not contain it is neither kept nor answered
    // (Source::covers, Engine::Limits::floor_lasts).  Empty: none is known, or none is needed,
    // since the source's reads always see what was committed before.  At most revision_bytes_max.
    std::string revision{};
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
