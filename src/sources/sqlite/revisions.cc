#include "sources/sqlite/revisions.h"

#include <cassert>
#include <utility>

#include "headrace/sources/sqlite.h"
#include "sources/sqlite/database.h"
#include "sql/part.h"
#include "sqlite/schema.h"

namespace headrace {

namespace sqlite {

namespace {

// A column that turns texts into numbers finds 7 under "007".
constexpr char find[] = R"(
SELECT p.identity, r.revision, NOT ?4 OR CAST(CAST(?3 AS NUMERIC) AS TEXT) = ?3
FROM headrace_part AS p
LEFT JOIN headrace_revision AS r ON r.name = p.name AND r."column" = p."column" AND r.value =
  CASE WHEN ?4 AND CAST(?3 AS NUMERIC) = ?3 THEN CAST(CAST(?3 AS NUMERIC) AS TEXT) ELSE ?3 END
WHERE p.name = ?1 AND p."column" = ?2)";

// What is read in it is read at one moment.
struct Snapshot {
  Connection& connection;
  ~Snapshot() { sqlite3_exec(connection.raw(), "ROLLBACK", nullptr, nullptr, nullptr); }
};

struct Reset {
  sqlite3_stmt* statement;
  ~Reset() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

void bind(sqlite3_stmt* statement, int place, const std::string& text) {
  sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string column_text(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? "" : text;
}

}  // namespace

void RevisionReader::forget() {
  data_version_.reset();
  schema_version_.reset();
  find_.reset();
  remembered_.clear();
  keepings_.clear();
}

Result<void> RevisionReader::prepare(Connection& connection) {
  if (schema_version_) return {};
  Result<Statement> data = connection.prepare("PRAGMA data_version");
  if (!data) return std::unexpected(std::move(data.error()));
  Result<Statement> schema = connection.prepare("PRAGMA schema_version");
  if (!schema) return std::unexpected(std::move(schema.error()));
  data_version_ = std::move(*data);
  schema_version_ = std::move(*schema);
  return {};
}

Result<std::int64_t> RevisionReader::number(const Statement& statement, Connection& connection) {
  const Reset reset{statement.get()};
  if (sqlite3_step(statement.get()) == SQLITE_ROW) return sqlite3_column_int64(statement.get(), 0);
  return std::unexpected(connection.last_error());
}

Result<PartRevisions> RevisionReader::read(const std::vector<Part>& parts, Connection& connection) {
  if (Result<void> ready = prepare(connection); !ready) return std::unexpected(ready.error());
  const Result<std::int64_t> now = number(data_version_, connection);
  if (!now) return std::unexpected(now.error());
  PartRevisions all;
  if (*now == data_ && recall(parts, all)) return all;
  return read_anew(parts, connection);
}

bool RevisionReader::recall(const std::vector<Part>& parts, PartRevisions& all) const {
  for (const Part& part : parts) {
    const auto found = remembered_.find(part);
    if (found == remembered_.end()) return false;
    all.push_back(found->second);
  }
  return true;
}

Result<PartRevisions> RevisionReader::read_anew(const std::vector<Part>& parts,
                                                Connection& connection) {
  if (Result<void> begun = connection.run("BEGIN"); !begun) return std::unexpected(begun.error());
  const Snapshot snapshot{connection};
  const Result<std::int64_t> data = number(data_version_, connection);
  if (!data) return std::unexpected(data.error());
  const Result<std::int64_t> schema = number(schema_version_, connection);
  if (!schema) return std::unexpected(schema.error());
  if (std::exchange(schema_, *schema) != *schema) keepings_.clear();
  if (std::exchange(data_, *data) != *data) remembered_.clear();
  PartRevisions all;
  for (const Part& part : parts) {
    Result<PartRevision> revision = read_one(part, connection);
    if (!revision) return std::unexpected(std::move(revision.error()));
    if (remembered_.size() >= parts_remembered_max) remembered_.clear();
    remembered_[part] = *revision;
    all.push_back(std::move(*revision));
  }
  return all;
}

Result<const Keeping*> RevisionReader::kept(const Part& part, Connection& connection) {
  const Part name{.table = part.table, .column = part.column};
  if (const auto found = keepings_.find(name); found != keepings_.end()) return &found->second;
  Result<Keeping> keeping = keeping_of(name, connection);
  if (!keeping && keeping.error().code == Code::invalid_argument) {
    return std::unexpected(sql::nobody_keeps(part));
  }
  if (!keeping) return std::unexpected(std::move(keeping.error()));
  std::vector<std::string_view> wanted(std::begin(revision_tables), std::end(revision_tables));
  for (const Keeping::Trigger& trigger : keeping->triggers) wanted.emplace_back(trigger.sql);
  for (const std::string_view one : wanted) {
    const Result<bool> is_there = has_sql(one, connection);
    if (!is_there) return std::unexpected(is_there.error());
    if (!*is_there) return std::unexpected(sql::nobody_keeps(part));
  }
  if (keepings_.size() >= keepings_remembered_max) keepings_.clear();
  return &keepings_.insert_or_assign(name, std::move(*keeping)).first->second;
}

// The schema's version stands in it too: a table that was made anew or has other columns is not the
// same any more, and nobody knows what happened while a trigger was not there.
Result<PartRevision> RevisionReader::read_one(const Part& part, Connection& connection) {
  const Result<const Keeping*> keeping = kept(part, connection);
  if (!keeping) return std::unexpected(keeping.error());
  if (!find_) {
    Result<Statement> made = connection.prepare(find);
    if (!made) return std::unexpected(std::move(made.error()));
    find_ = std::move(*made);
  }
  const Part& name = (*keeping)->part;
  const std::string value = name.column.empty() ? std::string() : part.value;
  sqlite3_stmt* const row = find_.get();
  const Reset reset{row};
  bind(row, 1, name.table);
  bind(row, 2, name.column);
  bind(row, 3, value);
  sqlite3_bind_int(row, 4, (*keeping)->is_numeric ? 1 : 0);
  const int code = sqlite3_step(row);
  if (code == SQLITE_DONE) return std::unexpected(sql::nobody_keeps(part));
  if (code != SQLITE_ROW) return std::unexpected(connection.last_error());
  return PartRevision{
      .text = column_text(row, 0) + "." + std::to_string(schema_) + "." + column_text(row, 1),
      .own_spelling = sqlite3_column_int(row, 2) != 0};
}

namespace {

class SqliteRevisions final : public Revisions {
 public:
  explicit SqliteRevisions(std::shared_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant deadline) override {
    assert(!parts.empty() && parts.size() <= parts_max);
    for (const Part& part : parts) {
      if (std::string fault = sql::fault_of(part); !fault.empty()) {
        co_return failure(Code::invalid_argument, std::move(fault));
      }
    }
    Revising revising(*database_, std::move(parts), deadline);
    co_await revising;
    co_return std::move(revising.outcome);
  }

 private:
  const std::shared_ptr<SqliteDatabase> database_;
};

}  // namespace

}  // namespace sqlite

std::shared_ptr<Revisions> revisions_of(std::shared_ptr<SqliteDatabase> database) {
  assert(database);
  return std::make_shared<sqlite::SqliteRevisions>(std::move(database));
}

}  // namespace headrace
