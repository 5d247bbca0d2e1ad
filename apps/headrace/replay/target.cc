#include "replay/target.h"

#include <algorithm>
#include <charconv>

namespace headrace::replay {

namespace {

// Reads the numbers behind one name, one after the other.  The values are flat objects that this
// program has caused itself, so that no full parser is needed on every read of a replay.
class Numbers {
 public:
  Numbers(std::string_view json, std::string_view quoted_name) : rest_(json), name_(quoted_name) {}

  // Whether the name stands there once more; number() is then what stands behind it.
  bool next() {
    const std::size_t found = rest_.find(name_);
    if (found == std::string_view::npos) return false;
    rest_.remove_prefix(found + name_.size());
    const char* at = rest_.data();
    const char* end = at + rest_.size();
    while (at != end && (*at == ' ' || *at == '"' || *at == ':')) ++at;
    is_number_ = std::from_chars(at, end, number_).ec == std::errc{};
    return true;
  }
  [[nodiscard]] bool is_number() const { return is_number_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::string_view name_;
  std::uint64_t number_ = 0;
  bool is_number_ = false;
};

bool is_empty_array(std::string_view json) {
  json.remove_prefix(std::min(json.find_first_not_of(" \n\t"), json.size()));
  if (!json.starts_with('[')) return false;
  json.remove_prefix(1);
  json.remove_prefix(std::min(json.find_first_not_of(" \n\t"), json.size()));
  return json.starts_with(']');
}

}  // namespace

Seen seen_in(std::string_view json, Entity entity, Origin origin) {
  const bool is_list = shape_of(entity.collection).is_list;
  Seen seen{.origin = origin};
  if (is_list && is_empty_array(json)) return seen;
  Numbers versions(json, R"("version")");
  while (versions.next()) {
    ++seen.documents;
    seen.garbage = seen.garbage || !versions.is_number() || versions.number() == 0;
    seen.version = std::max(seen.version, versions.number());
  }
  seen.garbage = seen.garbage || seen.documents == 0 || (!is_list && seen.documents != 1);
  // A policy of a server's own need not have the key; with it the value must be this entity's.
  Numbers keys(json, is_list ? R"("owner")" : R"("id")");
  while (keys.next()) {
    seen.garbage = seen.garbage || !keys.is_number() || keys.number() != entity.number;
  }
  return seen;
}

}  // namespace headrace::replay
