#include "revision/section_text.h"

#include <charconv>

namespace headrace {

namespace {
constexpr std::string_view head = "{\"generated_at\":";
constexpr std::string_view middle = ",\"value\":";
constexpr std::string_view tail = "}";
}  // namespace

std::string section_text(WallTime generated_at, std::string_view json) {
  std::string text(head);
  text += std::to_string(generated_at.time_since_epoch().count());
  text += middle;
  text += json;
  text += tail;
  return text;
}

std::optional<SectionText> read_section_text(std::string_view text) {
  if (!text.starts_with(head) || !text.ends_with(tail)) return std::nullopt;
  text.remove_prefix(head.size());
  text.remove_suffix(tail.size());
  WallTime::rep ms = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (fault != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with(middle)) return std::nullopt;
  text.remove_prefix(middle.size());
  return SectionText{.generated_at = WallTime(WallTime::duration(ms)), .json = text};
}

}  // namespace headrace
