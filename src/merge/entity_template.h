// merge/entity_template.h: "{domain}/{name}": how an entity is named after values.
//
// Injective: a "/" of the template's own stands between any two braces, and none comes out of a
// value.  So of an entity it is plain which value is which.
//
// Threads:   values.
// Errors:    invalid_argument, in a sentence.
// Lifetimes: owns its text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"

namespace headrace::merge {

// What stands for which name in braces.
using Bound = std::vector<std::pair<std::string_view, std::string_view>>;

class EntityTemplate {
 public:
  [[nodiscard]] static Result<EntityTemplate> parse(std::string_view text);

  // The names in braces, each once, in their order.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] bool has(std::string_view name) const noexcept;

  // REQUIRES: `bound` has each of names().
  [[nodiscard]] std::string fill(const Bound& bound) const;

  // Whether some entity could be named by both.
  [[nodiscard]] bool may_meet(const EntityTemplate& other) const noexcept;

 private:
  // What stands between two slashes: at most one name, and a text on each side of it.
  struct Segment {
    std::string before{};
    std::string name{};  // Empty: `before` is all there is.
    std::string after{};

    [[nodiscard]] bool may_be(std::string_view text) const noexcept;
  };
  [[nodiscard]] static Result<Segment> parse_segment(std::string_view text);
  [[nodiscard]] static bool may_meet(const Segment& a, const Segment& b) noexcept;

  std::vector<Segment> segments_;
  std::vector<std::string> names_;
};

}  // namespace headrace::merge
