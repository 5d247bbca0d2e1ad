// sources/sqlite/footprint.h: which tables and columns a statement reads and changes, as SQLite
// itself says while it compiles it: views, triggers and cascades included.
//
// Threads:   as the connection.
// Errors:    none; a statement that does not compile leaves a part of what it would touch.
// Lifetimes: a Footprint must end before its connection, and there may be one at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/source.h"

namespace headrace::sqlite {

class Footprint {
 public:
  // Notes all that is compiled on `database` from here on.
  explicit Footprint(sqlite3* database);
  ~Footprint();
  Footprint(const Footprint&) = delete;
  Footprint& operator=(const Footprint&) = delete;

  // One for each table, with the columns that matter; none if it is the rows' number alone.
  [[nodiscard]] std::vector<Dependency> reads() const;

  // What a statement changes besides `fields` of the rows of `table` that it names, and besides
  // making or removing them: by triggers and cascades.  One for each table.
  [[nodiscard]] std::vector<Dependency> changes_besides(
      std::string_view table, const std::vector<std::string>& fields) const;

 private:
  enum class How : std::uint8_t { read, update, insert, remove };
  struct Touch {
    How how = How::read;
    std::string table{};
    std::string column{};  // Empty: of the row as a whole.
    bool by_trigger = false;
  };
  static int note(void* self, int action, const char* first, const char* second, const char* schema,
                  const char* trigger);

  sqlite3* database_;
  std::vector<Touch> touches_;
};

}  // namespace headrace::sqlite
