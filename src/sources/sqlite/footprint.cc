#include "sources/sqlite/footprint.h"

#include <algorithm>
#include <optional>

namespace headrace::sqlite {

namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

// Adds a column to what is known of its table; an empty one stands for all of them.
void add(std::vector<Dependency>& to, const std::string& table, const std::string& column) {
  const auto known = std::ranges::find(to, table, &Dependency::collection);
  if (known == to.end()) {
    to.push_back({.collection = table, .of_entity = false});
    if (!column.empty()) to.back().fields.push_back(column);
  } else if (column.empty()) {
    known->fields.clear();
  } else if (!known->fields.empty() &&
             std::ranges::find(known->fields, column) == known->fields.end()) {
    known->fields.push_back(column);
  }
}

}  // namespace

Footprint::Footprint(sqlite3* database) : database_(database) {
  sqlite3_set_authorizer(database_, &Footprint::note, this);
}

Footprint::~Footprint() {
  sqlite3_set_authorizer(database_, nullptr, nullptr);
}

int Footprint::note(void* self, int action, const char* first, const char* second, const char*,
                    const char* trigger) {
  std::optional<How> how;
  if (action == SQLITE_READ) how = How::read;
  if (action == SQLITE_UPDATE) how = How::update;
  if (action == SQLITE_INSERT) how = How::insert;
  if (action == SQLITE_DELETE) how = How::remove;
  const std::string_view table = first == nullptr ? "" : first;
  if (!how || table.empty() || table.starts_with("sqlite_")) return SQLITE_OK;
  const bool has_column = (*how == How::read || *how == How::update) && second != nullptr;
  static_cast<Footprint*>(self)->touches_.push_back({.how = *how,
                                                     .table = std::string(table),
                                                     .column = has_column ? second : "",
                                                     .by_trigger = trigger != nullptr});
  return SQLITE_OK;
}

std::vector<Dependency> Footprint::reads() const {
  std::vector<Dependency> all;
  for (const Touch& touch : touches_) {
    if (touch.how == How::read && !touch.column.empty()) add(all, touch.table, touch.column);
  }
  // A table of which no column is read: only whether rows are there.
  for (const Touch& touch : touches_) {
    const bool known = std::ranges::find(all, touch.table, &Dependency::collection) != all.end();
    if (touch.how == How::read && !known) add(all, touch.table, "");
  }
  return all;
}

// SQLite names each column that the statement itself sets once, and once that it makes or removes a
// row.  All further mentions are by triggers, or by cascades, which have no name.
std::vector<Dependency> Footprint::changes_besides(std::string_view table,
                                                   const std::vector<std::string>& fields) const {
  std::vector<Dependency> besides;
  std::vector<std::string> own = fields;
  bool made = false;
  bool removed = false;
  for (const Touch& touch : touches_) {
    if (touch.how == How::read) continue;
    if (!touch.by_trigger && same_name(touch.table, table)) {
      const auto expected = std::ranges::find_if(
          own, [&touch](const std::string& field) { return same_name(field, touch.column); });
      if (touch.how == How::update && expected != own.end()) {
        own.erase(expected);
        continue;
      }
      bool& once = touch.how == How::insert ? made : removed;
      if (touch.how != How::update && !std::exchange(once, true)) continue;
    }
    add(besides, touch.table, touch.how == How::update ? touch.column : "");
  }
  return besides;
}

}  // namespace headrace::sqlite
