// merge/overlay.h: fragments of JSON, each laid over those before it.
//
// Objects merge member by member, at any depth, in the order in which names were first seen;
// whatever else replaces what is below it as a whole, null too, and an object replaces what is
// none.  Numbers, strings and lists are copied as they were written.  Of members of one name in
// one object the last counts.  A fragment that is {} adds nothing.
//
// Threads:   belongs to one thread.
// Errors:    source_failed (not JSON, or deeper than fragment_depth_max), too_large
//            (merged_bytes_max).  What was refused left no trace.
// Lifetimes: fragments must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "headrace/result.h"

namespace headrace::json_text {
class JsonWalk;
}

namespace headrace::merge {

inline constexpr std::size_t fragment_depth_max = 64;       // Objects and lists in one another.
inline constexpr std::size_t merged_bytes_max = 16u << 20;  // Of all fragments of one answer.

class Overlay {
 public:
  // Lays `fragment` over what is there; false if it is {}.
  [[nodiscard]] Result<bool> add(std::string_view fragment);

  // False until something was added.
  [[nodiscard]] bool has_value() const noexcept { return root_.has_value(); }
  // REQUIRES: has_value().
  [[nodiscard]] std::string text() const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = UINT32_MAX;

  struct Member {
    std::string_view quoted;  // Its name as it was written ...
    std::string_view name;    // ... and as it is meant.
    Index value = none;
    Index next = none;
  };
  struct Value {
    std::string_view text{};  // Of what is no object.
    bool is_object = false;
    Index first = none;
    Index last = none;
  };
  struct Named {
    Index object;
    std::string_view name;
    friend bool operator==(const Named&, const Named&) = default;
  };
  struct NamedHash {
    std::size_t operator()(const Named& named) const noexcept;
  };

  [[nodiscard]] Index read(json_text::JsonWalk& walk);
  // `above` over `below`: the one of them that is the outcome.
  [[nodiscard]] Index lay(Index above, Index below);
  void put(Index object, const Member& member);
  [[nodiscard]] std::string_view meant_by(std::string_view quoted);
  void write(std::string& out, Index value) const;

  std::pmr::monotonic_buffer_resource memory_;
  std::vector<Value> values_;
  std::vector<Member> members_;
  std::pmr::unordered_map<Named, Index, NamedHash> by_name_{&memory_};
  std::forward_list<std::string> decoded_;  // Names that were written with escapes.
  std::optional<Index> root_;
  std::size_t bytes_ = 0;
};

}  // namespace headrace::merge
