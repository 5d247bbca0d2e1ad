#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/sources/sqlite.h"
#include "sources/sqlite/keeping.h"
#include "sql/part.h"
#include "sql/question.h"
#include "sqlite/schema.h"

namespace headrace {

namespace sqlite {

namespace {

std::string in_transaction(const std::string& sql) {
  return sql.empty() ? sql : "BEGIN IMMEDIATE;\n" + sql + "COMMIT;\n";
}

class Triggers final : public RevisionTriggers {
 public:
  explicit Triggers(std::string path) : path_(std::move(path)) {}

  Result<std::vector<Kept>> check(const std::vector<Part>& parts) override;
  Result<std::string> install(const std::vector<Part>& parts) override;
  Result<std::string> uninstall(const std::vector<Part>& parts) override;
  Result<void> apply(const std::string& sql) override;

 private:
  // Of a part, what is there.
  struct Found {
    Keeping keeping{};
    std::vector<bool> has{};  // For each trigger.
    bool is_recorded = false;
  };

  [[nodiscard]] static Result<bool> has_tables(Connection& connection);
  [[nodiscard]] static Result<Found> find(const Part& part, Connection& connection);
  [[nodiscard]] static Result<Kept> check_one(const Part& part, Connection& connection);
  [[nodiscard]] static Result<std::vector<Part>> recorded(Connection& connection);
  [[nodiscard]] static Result<std::string> drop_all(Connection& connection);

  const std::string path_;
};

Result<bool> Triggers::has_tables(Connection& connection) {
  for (const std::string_view table : revision_tables) {
    Result<bool> has = has_sql(table, connection);
    if (!has || !*has) return has;
  }
  return true;
}

Result<Triggers::Found> Triggers::find(const Part& part, Connection& connection) {
  if (std::string fault = sql::fault_of(part); !fault.empty()) {
    return failure(Code::invalid_argument, std::move(fault));
  }
  Result<Keeping> keeping = keeping_of(part, connection);
  if (!keeping) return std::unexpected(std::move(keeping.error()));
  Found found{.keeping = std::move(*keeping)};
  for (const Keeping::Trigger& trigger : found.keeping.triggers) {
    const Result<bool> has = has_sql(trigger.sql, connection);
    if (!has) return std::unexpected(has.error());
    found.has.push_back(*has);
  }
  const Result<bool> has = has_tables(connection);
  if (!has) return std::unexpected(has.error());
  if (!*has) return found;
  const Part& name = found.keeping.part;
  const Result<Rows> record =
      ask(connection, "SELECT 1 FROM headrace_part WHERE name = ?1 AND \"column\" = ?2",
          {name.table, name.column});
  if (!record) return std::unexpected(record.error());
  found.is_recorded = !record->empty();
  return found;
}

Result<RevisionTriggers::Kept> Triggers::check_one(const Part& part, Connection& connection) {
  const Result<Found> found = find(part, connection);
  if (!found && found.error().code != Code::invalid_argument) {
    return std::unexpected(found.error());
  }
  if (!found) return Kept{.part = part, .missing = {found.error().what}};
  Kept kept{.part = found->keeping.part};
  const Result<bool> has = has_tables(connection);
  if (!has) return std::unexpected(has.error());
  if (!*has) kept.missing.emplace_back("Headrace's own tables");
  if (!found->is_recorded) kept.missing.emplace_back("the record of its installation");
  for (std::size_t i = 0; i < found->has.size(); ++i) {
    const Keeping::Trigger& trigger = found->keeping.triggers[i];
    if (found->has[i]) {
      kept.by.push_back(trigger.name);
    } else {
      kept.missing.push_back("a trigger for " + trigger.does + " on " + kept.part.table);
    }
  }
  return kept;
}

Result<std::vector<Part>> Triggers::recorded(Connection& connection) {
  const Result<bool> has = has_tables(connection);
  if (!has) return std::unexpected(has.error());
  std::vector<Part> parts;
  if (!*has) return parts;
  const Result<Rows> rows =
      ask(connection, "SELECT name, \"column\" FROM headrace_part ORDER BY 1, 2", {});
  if (!rows) return std::unexpected(rows.error());
  for (const Texts& row : *rows) parts.push_back({.table = row[0], .column = row[1]});
  return parts;
}

Result<std::vector<RevisionTriggers::Kept>> Triggers::check(const std::vector<Part>& parts) {
  Result<Connection> connection = Connection::open(path_);
  if (!connection) return std::unexpected(std::move(connection.error()));
  const Result<std::vector<Part>> wanted = parts.empty() ? recorded(*connection) : parts;
  if (!wanted) return std::unexpected(wanted.error());
  std::vector<Kept> all;
  for (const Part& part : *wanted) {
    Result<Kept> kept = check_one(part, *connection);
    if (!kept) return std::unexpected(std::move(kept.error()));
    all.push_back(std::move(*kept));
  }
  return all;
}

Result<std::string> Triggers::install(const std::vector<Part>& parts) {
  Result<Connection> connection = Connection::open(path_);
  if (!connection) return std::unexpected(std::move(connection.error()));
  const Result<bool> has = has_tables(*connection);
  if (!has) return std::unexpected(has.error());
  std::string sql;
  for (const std::string_view table : revision_tables) {
    if (!*has) sql += std::string(table) + ";\n";
  }
  for (const Part& part : parts) {
    const Result<Found> found = find(part, *connection);
    if (!found) return std::unexpected(found.error());
    std::string triggers;
    for (std::size_t i = 0; i < found->has.size(); ++i) {
      const Keeping::Trigger& trigger = found->keeping.triggers[i];
      if (found->has[i]) continue;
      triggers += "DROP TRIGGER IF EXISTS " + sql::quoted(trigger.name) + ";\n";
      triggers += trigger.sql + ";\n";
    }
    if (triggers.empty() && found->is_recorded) continue;
    // Nobody knows what was missed while some were not there.
    const Part& name = found->keeping.part;
    sql += triggers + "INSERT INTO headrace_part VALUES (" + literal(name.table) + ", " +
           literal(name.column) +
           ", hex(randomblob(16)))\n  ON CONFLICT (name, \"column\") DO UPDATE SET identity = "
           "excluded.identity;\n";
  }
  return in_transaction(sql);
}

Result<std::string> Triggers::drop_all(Connection& connection) {
  const Result<Rows> triggers =
      ask(connection,
          "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND name LIKE 'headrace %' "
          "AND sql LIKE '%INSERT INTO headrace_revision %' ORDER BY name",
          {});
  if (!triggers) return std::unexpected(triggers.error());
  std::string sql;
  for (const Texts& one : *triggers) sql += "DROP TRIGGER " + sql::quoted(one[0]) + ";\n";
  const Result<bool> has = has_tables(connection);
  if (!has) return std::unexpected(has.error());
  if (*has) sql += "DROP TABLE headrace_revision;\nDROP TABLE headrace_part;\n";
  return sql;
}

Result<std::string> Triggers::uninstall(const std::vector<Part>& parts) {
  Result<Connection> connection = Connection::open(path_);
  if (!connection) return std::unexpected(std::move(connection.error()));
  std::string sql;
  for (const Part& part : parts) {
    const Result<Found> found = find(part, *connection);
    if (!found) return std::unexpected(found.error());
    for (std::size_t i = 0; i < found->has.size(); ++i) {
      if (!found->has[i]) continue;
      sql += "DROP TRIGGER " + sql::quoted(found->keeping.triggers[i].name) + ";\n";
    }
    if (!found->is_recorded) continue;
    const Part& name = found->keeping.part;
    const std::string where = " WHERE name = " + literal(name.table) +
                              " AND \"column\" = " + literal(name.column) + ";\n";
    sql += "DELETE FROM headrace_revision" + where;
    sql += "DELETE FROM headrace_part" + where;
  }
  if (!parts.empty()) return in_transaction(sql);
  const Result<std::string> all = drop_all(*connection);
  if (!all) return all;
  return in_transaction(*all);
}

// What was begun and not committed goes with the connection.
Result<void> Triggers::apply(const std::string& sql) {
  Result<Connection> connection = Connection::open(path_, Connection::Access::write);
  if (!connection) return std::unexpected(std::move(connection.error()));
  Result<void> done = connection->run(sql.c_str());
  if (!done) done.error().what = "nothing was changed; " + done.error().what;
  return done;
}

}  // namespace

}  // namespace sqlite

std::unique_ptr<RevisionTriggers> sqlite_revision_triggers(std::string path) {
  return std::make_unique<sqlite::Triggers>(std::move(path));
}

}  // namespace headrace
