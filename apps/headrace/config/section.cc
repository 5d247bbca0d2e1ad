#include "config/section.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "config/units.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

// No sum of a moment and two of them is beyond what a moment can be.
constexpr Duration duration_max = std::chrono::hours(876'000);

Place place_at(const toml::source_position& position) {
  return {static_cast<int>(position.line), static_cast<int>(position.column)};
}

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

// A value as it would stand in a file, shortened.
std::string shown(const toml::node& node) {
  constexpr std::size_t shown_max = 200;
  std::ostringstream out;
  if (const toml::table* table = node.as_table()) {
    out << *table;
  } else if (const toml::array* array = node.as_array()) {
    out << *array;
  } else {
    node.visit([&out](const auto& value) {
      if constexpr (toml::is_value<decltype(value)>) out << value;
    });
  }
  std::string text = out.str();
  if (text.size() > shown_max) text = text.substr(0, shown_max) + "...";
  return text;
}

std::string_view type_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number with a point";
    case toml::node_type::boolean: return "true or false";
    default: return "a date or time";
  }
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// 0.5, not 0.500000.
std::string shown(double number) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

}  // namespace

Place place_of(const toml::node& node) {
  return place_at(node.source().begin);
}

std::string Section::full(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

std::optional<Section::Given> Section::take(std::string_view key, bool is_value) {
  known_.emplace(key);
  if (is_value) {
    report_.keys.insert(pattern_.empty() ? std::string(key) : pattern_ + "." + std::string(key));
  }
  if (overrides_ != nullptr) {
    if (const auto found = overrides_->find(full(key)); found != overrides_->end()) {
      return Given{.override = &found->second};
    }
  }
  const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
  if (node == nullptr) return std::nullopt;
  return Given{.node = node};
}

void Section::note(std::string_view key, const Given& given) {
  if (given.override != nullptr) {
    report_.settings.push_back(
        {full(key), in_quotes(given.override->text), given.override->origin});
    return;
  }
  const Place at = config::place_of(*given.node);
  report_.settings.push_back(
      {full(key), shown(*given.node),
       report_.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column)});
}

std::optional<std::string> Section::take_text(std::string_view key, std::string_view what) {
  const std::optional<Given> given = take(key);
  if (!given) return std::nullopt;
  note(key, *given);
  if (given->override != nullptr) return given->override->text;
  if (const auto value = given->node->value_exact<std::string>()) return *value;
  fail(key, "must be " + std::string(what) + ", not " + std::string(type_of(*given->node)));
  return std::nullopt;
}

bool Section::text(std::string_view key, std::string& into) {
  std::optional<std::string> text = take_text(key, "a string");
  if (!text) return false;
  into = std::move(*text);
  return true;
}

bool Section::path(std::string_view key, std::string& into) {
  std::string text;
  if (!this->text(key, text)) return false;
  const std::filesystem::path path(text);
  const bool is_ours = overrides_ == nullptr || !overrides_->contains(full(key));
  const bool move = is_ours && !text.empty() && path.is_relative();
  into = move ? (std::filesystem::path(report_.file).parent_path() / path).string() : text;
  return true;
}

bool Section::too_long(std::string_view key) {
  fail(key, "must be at most 100 years (876000h)");
  return false;
}

bool Section::duration(std::string_view key, Duration& into) {
  constexpr std::string_view what = "a duration such as \"5m\", \"250ms\" or \"1h30m\"";
  const std::optional<std::string> text = take_text(key, what);
  if (!text) return false;
  const std::optional<Duration> duration = parse_duration(*text);
  if (!duration) {
    fail(key, "must be " + std::string(what) + ", not " + in_quotes(*text));
    return false;
  }
  if (*duration > duration_max) return too_long(key);
  into = *duration;
  return true;
}

bool Section::range(std::string_view key, Duration& from, Duration& to) {
  constexpr std::string_view what = "a duration or a range of them such as \"5ms..20ms\"";
  const std::optional<std::string> text = take_text(key, what);
  if (!text) return false;
  const auto range = parse_range(*text);
  if (!range) {
    fail(key, "must be " + std::string(what) + ", not " + in_quotes(*text));
    return false;
  }
  if (std::max(range->first, range->second) > duration_max) return too_long(key);
  std::tie(from, to) = *range;
  return true;
}

bool Section::bytes(std::string_view key, std::size_t& into, std::size_t min) {
  constexpr std::string_view what = "a size such as \"64MiB\"";
  const std::optional<std::string> text = take_text(key, what);
  if (!text) return false;
  const auto bytes = parse_bytes(*text);
  if (!bytes) {
    fail(key, "must be " + std::string(what) + ", not " + in_quotes(*text));
    return false;
  }
  if (*bytes < min) {
    fail(key, "must be at least " + std::to_string(min) + "B");
    return false;
  }
  into = *bytes;
  return true;
}

bool Section::count(std::string_view key, std::size_t& into, std::size_t min, std::size_t max) {
  const std::optional<Given> given = take(key);
  if (!given) return false;
  note(key, *given);
  const std::optional<std::int64_t> count = given->override != nullptr
                                                ? parse_number<std::int64_t>(given->override->text)
                                                : given->node->value_exact<std::int64_t>();
  const bool sound = count && *count >= 0 && static_cast<std::size_t>(*count) >= min &&
                     static_cast<std::size_t>(*count) <= max;
  if (sound) {
    into = static_cast<std::size_t>(*count);
  } else {
    fail(key, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return sound;
}

bool Section::number(std::string_view key, double& into, double min, double max) {
  const std::optional<Given> given = take(key);
  if (!given) return false;
  note(key, *given);
  std::optional<double> number;
  if (given->override != nullptr) {
    number = parse_number<double>(given->override->text);
  } else if (given->node->is_number()) {
    number = given->node->value<double>();
  }
  const bool sound = number && std::isfinite(*number) && *number >= min && *number <= max;
  if (sound) {
    into = *number;
  } else {
    fail(key, "must be a number from " + shown(min) + " to " + shown(max));
  }
  return sound;
}

bool Section::texts(std::string_view key, std::vector<std::string>& into) {
  const std::optional<Given> given = take(key);
  if (!given) return false;
  note(key, *given);
  constexpr std::string_view what = "must be an array of strings such as [\"name\", \"email\"]";
  const toml::array* array = given->node == nullptr ? nullptr : given->node->as_array();
  if (array == nullptr) {
    fail(key, std::string(what));
    return false;
  }
  into.clear();
  for (const toml::node& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text) {
      fail_at(config::place_of(element), key, std::string(what));
      return false;
    }
    into.push_back(*text);
  }
  return true;
}

bool Section::truth(std::string_view key, bool& into) {
  const std::optional<Given> given = take(key);
  if (!given) return false;
  note(key, *given);
  std::optional<bool> truth;
  if (given->override != nullptr) {
    if (given->override->text == "true" || given->override->text == "false") {
      truth = given->override->text == "true";
    }
  } else if (given->node->is_boolean()) {
    truth = given->node->value<bool>();
  }
  if (!truth) fail(key, "must be true or false");
  into = truth.value_or(into);
  return truth.has_value();
}

bool Section::choice(std::string_view key, std::string& into,
                     std::initializer_list<std::string_view> of) {
  std::string all;
  for (const std::string_view one : of) all += (all.empty() ? "" : ", ") + in_quotes(one);
  const std::optional<std::string> text = take_text(key, "one of " + all);
  if (!text) return false;
  const bool sound = std::ranges::find(of, *text) != of.end();
  if (sound) {
    into = *text;
  } else {
    fail(key, "must be one of " + all + ", not " + in_quotes(*text));
  }
  return sound;
}

Section Section::section(std::string_view key, std::string_view like) {
  const std::optional<Given> given = take(key, false);
  const std::string pattern = like.empty() ? full(key) : std::string(like);
  if (!given) return {report_, nullptr, full(key), pattern, place_, overrides_};
  const toml::table* table = given->node->as_table();
  if (table == nullptr) {
    fail(key, "must be a section, [" + full(key) + "], not " + std::string(type_of(*given->node)));
  }
  return {report_, table, full(key), pattern, place_of(key), overrides_};
}

void Section::each(std::string_view key, const std::function<void(std::string, Section)>& read,
                   std::string_view like) {
  const Section outer = section(key);
  if (outer.table_ == nullptr) return;
  std::string pattern(like);
  if (like.empty()) {
    pattern = pattern_.empty() ? std::string() : pattern_ + ".";
    pattern += key;
    pattern += ".*";
  }
  for (const auto& [name, node] : *outer.table_) {
    const std::string inner = full(key) + "." + std::string(name.str());
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      report_.fail(place_at(name.source().begin), inner + ": must be a section, [" + inner + "]");
      continue;
    }
    read(std::string(name.str()), Section(report_, table, inner, pattern, config::place_of(node)));
  }
}

bool Section::has(std::string_view key) const {
  return (table_ != nullptr && table_->contains(key)) ||
         (overrides_ != nullptr && overrides_->contains(full(key)));
}

Place Section::place_of(std::string_view key) const {
  const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
  return node == nullptr ? place_ : config::place_of(*node);
}

Place Section::place_of(std::string_view key, std::size_t n) const {
  const toml::array* array = table_ == nullptr ? nullptr : table_->get_as<toml::array>(key);
  const toml::node* element = array == nullptr ? nullptr : array->get(n);
  return element == nullptr ? place_of(key) : config::place_of(*element);
}

void Section::fail(std::string_view key, std::string text) {
  if (overrides_ != nullptr) {
    if (const auto found = overrides_->find(full(key)); found != overrides_->end()) {
      report_.errors.push_back({found->second.origin, 0, 0, std::move(text)});
      return;
    }
  }
  fail_at(place_of(key), key, std::move(text));
}

void Section::fail_at(Place place, std::string_view key, std::string text) {
  report_.fail(place, full(key) + ": " + std::move(text));
}

void Section::fail(std::string text) {
  report_.fail(place_, name_ + ": " + std::move(text));
}

void Section::finish() {
  if (table_ == nullptr) return;
  const std::vector<std::string_view> names(known_.begin(), known_.end());
  for (const auto& [key, node] : *table_) {
    if (known_.contains(key.str())) continue;
    const std::string_view what = node.is_table() ? "unknown section" : "unknown key";
    report_.fail(place_at(key.source().begin),
                 full(key.str()) + ": " + std::string(what) + nearest_hint(key.str(), names));
  }
}

}  // namespace headrace::config
