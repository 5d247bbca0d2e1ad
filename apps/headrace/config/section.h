// config/section.h: a table of the file, whose keys are taken one by one.
//
// Each member that takes a key notes that the key is known, checks its type, and writes its value
// where it is wanted; so the code that takes the keys is the one list of them.  finish() then tells
// of every key that nobody knew.
//
// Threads:   belongs to one thread.
// Errors:    go into the Report; what was faulty keeps its default.
// Lifetimes: borrows the report and the table.
#pragma once

#include <toml++/toml.h>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace headrace::config {

// What comes out of reading: faults, what was given, and which keys there are.
struct Report {
  std::string file{};
  std::vector<ConfigError> errors{};
  std::vector<Setting> settings{};
  std::set<std::string> keys{};

  void fail(Place place, std::string text) {
    errors.push_back({file, place.line, place.column, std::move(text)});
  }
};

// A value from outside the file, which beats the file's.
struct Override {
  std::string origin{};
  std::string text{};
};
using Overrides = std::map<std::string, Override, std::less<>>;

[[nodiscard]] Place place_of(const toml::node& node);

class Section {
 public:
  // `table` may be null: then everything keeps its default.  `pattern` is the name in known_keys().
  Section(Report& report, const toml::table* table, std::string name, std::string pattern,
          Place place, const Overrides* overrides = nullptr)
      : report_(report),
        table_(table),
        overrides_(overrides),
        name_(std::move(name)),
        pattern_(std::move(pattern)),
        place_(place) {}

  // Each returns whether a sound value was given.
  bool text(std::string_view key, std::string& into);
  bool path(std::string_view key, std::string& into);  // Made relative to the file's folder.
  bool duration(std::string_view key, Duration& into);
  bool range(std::string_view key, Duration& from, Duration& to);
  bool bytes(std::string_view key, std::size_t& into, std::size_t min = 1);
  bool count(std::string_view key, std::size_t& into, std::size_t min, std::size_t max);
  bool number(std::string_view key, double& into, double min, double max);
  bool truth(std::string_view key, bool& into);
  bool texts(std::string_view key, std::vector<std::string>& into);
  bool choice(std::string_view key, std::string& into, std::initializer_list<std::string_view> of);

  // The table under `key`, which may have any of its keys or none.  `like`: known_keys() need not
  // tell its keys, for they are those of this section.
  [[nodiscard]] Section section(std::string_view key, std::string_view like = {});
  // Calls `read` with the name of each table in the table under `key`; `like` as of section().
  void each(std::string_view key, const std::function<void(std::string, Section)>& read,
            std::string_view like = {});

  [[nodiscard]] bool has(std::string_view key) const;
  // Where the key's value stands, or the section if the key was not given.
  [[nodiscard]] Place place_of(std::string_view key) const;
  // Where the n-th element of the key's array stands.
  [[nodiscard]] Place place_of(std::string_view key, std::size_t n) const;
  [[nodiscard]] Place place() const noexcept { return place_; }

  // A fault of one key's value.
  void fail(std::string_view key, std::string text);
  void fail_at(Place place, std::string_view key, std::string text);
  // A fault of the section itself.
  void fail(std::string text);

  // REQUIRES: all keys have been taken.
  void finish();

 private:
  struct Given {
    const toml::node* node = nullptr;
    const Override* override = nullptr;
  };

  // Notes the key; null if it was not given.
  [[nodiscard]] std::optional<Given> take(std::string_view key, bool is_value = true);
  void note(std::string_view key, const Given& given);
  // The value as a string; complains that it must be `what` if it is none.
  [[nodiscard]] std::optional<std::string> take_text(std::string_view key, std::string_view what);
  bool too_long(std::string_view key);  // Of a duration; false.
  [[nodiscard]] std::string full(std::string_view key) const;

  Report& report_;
  const toml::table* table_;
  const Overrides* overrides_;
  std::string name_;
  std::string pattern_;
  Place place_;
  std::set<std::string, std::less<>> known_{};
};

}  // namespace headrace::config
