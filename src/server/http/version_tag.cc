#include "server/http/version_tag.h"

#include <optional>
#include <vector>

namespace headrace::http {

namespace {

constexpr std::size_t tags_max = 64;

// The version that a tag names; none: it is nobody's here, and matches nothing.
std::optional<std::uint64_t> version_in(std::string_view quoted) {
  quoted = quoted.substr(1, quoted.size() - 2);
  if (quoted.ends_with(".j")) quoted.remove_suffix(2);
  if (!quoted.starts_with('v')) return std::nullopt;
  std::uint64_t version = 0;
  const char* end = quoted.data() + quoted.size();
  const auto [stopped, error] = std::from_chars(quoted.data() + 1, end, version);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return version;
}

struct Listed {
  bool any = false;  // "*"
  std::vector<std::uint64_t> versions{};
};

std::unexpected<Problem> no_list(std::string_view name) {
  return problem("bad-request", std::string(name) + " is * or up to " + std::to_string(tags_max) +
                                    " ETags in quotes, with commas between them");
}

enum class Weak : bool { counts, does_not_count };

Outcome<void> take_list(Listed& listed, std::string_view name, std::string_view list, Weak weak) {
  if (list == "*") {
    listed.any = true;
    return {};
  }
  std::size_t tags = 0;
  for (bool behind_comma = true;; behind_comma = false) {
    while (list.starts_with(' ') || list.starts_with('\t') || list.starts_with(',')) {
      behind_comma = behind_comma || list.front() == ',';
      list.remove_prefix(1);
    }
    if (list.empty()) break;
    const bool is_weak = list.starts_with("W/");
    if (is_weak) list.remove_prefix(2);
    const std::size_t end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos || !behind_comma || ++tags > tags_max) return no_list(name);
    const auto version = version_in(list.substr(0, end + 1));
    if (version && (!is_weak || weak == Weak::counts)) listed.versions.push_back(*version);
    list.remove_prefix(end + 1);
  }
  if (tags == 0) return no_list(name);
  return {};
}

Outcome<std::optional<Listed>> listed_in(const wire::Headers& headers, std::string_view name,
                                         Weak weak) {
  std::optional<Listed> listed;
  for (const wire::Header& header : headers) {
    if (!wire::same_token(header.name, name)) continue;
    if (!listed) listed.emplace();
    if (const Outcome<void> taken = take_list(*listed, name, header.value, weak); !taken) {
      return std::unexpected(taken.error());
    }
  }
  return listed;
}

}  // namespace

Outcome<Condition> condition_of(const wire::Headers& headers) {
  auto match = listed_in(headers, "If-Match", Weak::does_not_count);
  if (!match) return std::unexpected(std::move(match.error()));
  auto none_match = listed_in(headers, "If-None-Match", Weak::counts);
  if (!none_match) return std::unexpected(std::move(none_match.error()));
  Condition condition;
  if (*match && (*match)->any) condition.present = true;
  if (*match && !(*match)->any) condition.one_of = std::move((*match)->versions);
  if (*none_match && (*none_match)->any) condition.absent = true;
  if (*none_match) condition.none_of = std::move((*none_match)->versions);
  return condition;
}

}  // namespace headrace::http
