// The triggers run in transactions of others, on the SQLite that others have: so there is nothing
// in them that an old one does not know.
//
// Rows are compared by what a reader sees: bytes, whatever the column's collation, and types.  An
// UPDATE that leaves a row as it was tells nothing; one that moves its key tells both keys.  Values
// and the names of columns are lists of SQL literals ('owner'='7'), as quote() makes them.  That
// ends at a zero byte, so then no value is told, which counts as any.
//
// REPLACE removes rows without a word to the triggers for DELETE: so a row that comes, or gets
// another key, first looks for those that it may take the place of.  What comes of it nobody knows
// yet (OR IGNORE): it may tell too much.  Under its own key it will tell itself, and looks only for
// values that are asked for.
#include "feeds/sqlite/outbox_sql.h"

#include <algorithm>
#include <span>
#include <utility>

#include "sql/question.h"
#include "sqlite/schema.h"

namespace headrace::sqlite::feed {

namespace {

std::string advice(std::string what) {
  return std::move(what) + "; install the outbox again";
}

// As deep as its number has digits, for SQLite limits the depth of an expression.
std::string joined(std::span<const std::string> terms, std::string_view by) {
  if (terms.size() == 1) return terms.front();
  const std::size_t half = terms.size() / 2;
  std::string sql = "(" + joined(terms.first(half), by);
  return sql.append(by).append(joined(terms.subspan(half), by)) + ")";
}

std::string prefix_of(std::string_view feed) {
  return "headrace_outbox_" + std::string(feed) + " ";
}

// Of a column, in the rows OLD and NEW or, if `row` is empty, in the table and in NEW.
std::string differs(std::string_view column, std::string_view row = "OLD.") {
  const std::string name = sql::quoted(column);
  const std::string old = std::string(row) + name;
  return "(" + old + " IS NOT NEW." + name + " COLLATE BINARY OR typeof(" + old +
         ") <> typeof(NEW." + name + "))";
}

std::string text_of(std::string_view row, std::string_view column) {
  return "CAST(" + std::string(row) + sql::quoted(column) + " AS TEXT)";
}

std::string fields_sql(const Watched& watched) {
  std::vector<std::string> terms;
  for (const std::string& column : watched.columns) {
    terms.push_back("CASE WHEN " + differs(column) + " THEN " + literal(literal(column) + " ") +
                    " ELSE '' END");
  }
  return joined(terms, " || ");
}

std::string value_sql(const Watched::Value& value, std::string_view row) {
  const std::string text = text_of(row, value.column);
  const std::string bytes = "length(CAST(" + text + " AS BLOB))";
  return "CASE WHEN " + text + " IS NULL OR " + bytes + " > " +
         std::to_string(outbox_value_bytes_max) + " THEN '' WHEN instr(" + text +
         ", char(0)) > 0 THEN NULL ELSE " + literal(literal(value.name) + "=") + " || quote(" +
         text + ") || ' ' END";
}

std::string values_sql(const Watched& watched, std::initializer_list<std::string_view> rows) {
  std::vector<std::string> terms;
  for (const Watched::Value& value : watched.values) {
    for (const std::string_view row : rows) terms.push_back(value_sql(value, row));
  }
  return terms.empty() ? "NULL" : joined(terms, " || ");
}

// The rows that are told; `from` is what stands behind the columns: FROM, WHERE.
std::string tell(std::string_view feed, const Watched& watched, std::string_view what,
                 std::string_view key, std::string_view fields, std::string_view values,
                 std::string_view from = "") {
  std::string sql = "  INSERT INTO " + sql::quoted(outbox_name(feed)) +
                    "(tbl, op, key, fields, vals)\n    SELECT " + literal(watched.table) + ", " +
                    literal(what);
  for (const std::string_view column : {key, fields, values}) sql.append(", ").append(column);
  return sql.append(from) + ";\n";
}

class Triggers {
 public:
  Triggers(std::string_view feed, const Watched& watched) : feed_(feed), watched_(watched) {}

  void add(std::string_view what, std::string_view moment, std::string_view event,
           const std::string& body, const std::string& when = "") {
    Trigger& trigger = all_.emplace_back();
    trigger.name = prefix_of(feed_) + watched_.table + " " + std::string(what);
    trigger.sql = "CREATE TRIGGER " + sql::quoted(trigger.name) + " " + std::string(moment) + " " +
                  std::string(event) + " ON " + sql::quoted(watched_.table) +
                  (when.empty() ? "" : "\nWHEN " + when) + "\nBEGIN\n" + body + "END";
  }
  [[nodiscard]] std::string tell(std::string_view what, std::string_view key,
                                 std::string_view fields, std::string_view values,
                                 std::string_view from = "") const {
    return feed::tell(feed_, watched_, what, key, fields, values, from);
  }
  [[nodiscard]] std::vector<Trigger> take() && { return std::move(all_); }

 private:
  const std::string_view feed_;
  const Watched& watched_;
  std::vector<Trigger> all_;
};

std::string any_differs(const Watched& watched) {
  std::vector<std::string> terms;
  for (const std::string& column : watched.columns) terms.push_back(differs(column));
  return joined(terms, " OR ");
}

void add_keyed(Triggers& triggers, const Watched& watched) {
  const std::string fresh = text_of("NEW.", watched.key);
  const std::string old = text_of("OLD.", watched.key);
  const std::string news = values_sql(watched, {"NEW."});
  const std::string moved = differs(watched.key);
  triggers.add("insert", "AFTER", "INSERT", triggers.tell("insert", fresh, "NULL", news));
  triggers.add("delete", "AFTER", "DELETE",
               triggers.tell("delete", old, "NULL", values_sql(watched, {"OLD."})));
  triggers.add(
      "update", "AFTER", "UPDATE",
      triggers.tell("update", old,
                    "CASE WHEN " + moved + " THEN NULL ELSE " + fields_sql(watched) + " END",
                    values_sql(watched, {"OLD.", "NEW."})) +
          triggers.tell("update", fresh, "NULL", news, " WHERE " + moved),
      any_differs(watched));
  if (watched.conflicts.empty()) return;
  const std::string key = sql::quoted(watched.key);
  const std::string from =
      " FROM " + sql::quoted(watched.table) + " WHERE (" + watched.conflicts + ") AND ";
  std::vector<std::string> untold{differs(watched.key, "")};
  for (const Watched::Value& value : watched.values) untold.push_back(differs(value.column, ""));
  const std::string values = values_sql(watched, {""});
  const std::string gone = text_of("", watched.key);
  triggers.add("before insert", "BEFORE", "INSERT",
               triggers.tell("replace", gone, "NULL", values, from + joined(untold, " OR ")));
  triggers.add("before update", "BEFORE", "UPDATE",
               triggers.tell("replace", gone, "NULL", values,
                             from + key + " IS NOT OLD." + key + " COLLATE BINARY"));
}

Result<bool> has_table(std::string_view name, Connection& connection) {
  const Result<Rows> found = ask(
      connection, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1", {name});
  if (!found) return std::unexpected(found.error());
  return !found->empty();
}

Result<std::string> drop_triggers(std::string_view feed, Connection& connection) {
  const Result<Rows> names = ask(connection,
                                 "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' "
                                 "AND substr(name, 1, length(?1)) = ?1 ORDER BY name",
                                 {prefix_of(feed)});
  if (!names) return std::unexpected(names.error());
  std::string sql;
  for (const Texts& one : *names) sql += "DROP TRIGGER " + sql::quoted(one[0]) + ";\n";
  return sql;
}

// Of this very text; one of another text goes.
Result<std::string> make_table(std::string_view name, const std::string& sql,
                               Connection& connection) {
  const Result<bool> has = has_sql(sql, connection);
  if (!has) return std::unexpected(has.error());
  if (*has) return "";
  return "DROP TABLE IF EXISTS " + sql::quoted(name) + ";\n" + sql + ";\n";
}

}  // namespace

std::string outbox_name(std::string_view feed) {
  return "headrace_outbox_" + std::string(feed);
}

std::string feeds_table_sql() {
  return "CREATE TABLE " + std::string(feeds_table) +
         "(feed TEXT PRIMARY KEY, identity TEXT, state TEXT, acknowledged INTEGER)";
}

std::string outbox_table_sql(std::string_view feed) {
  return "CREATE TABLE " + sql::quoted(outbox_name(feed)) +
         "(id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL DEFAULT (julianday('now')), tbl TEXT, "
         "op TEXT, key TEXT, fields TEXT, vals TEXT)";
}

std::vector<Trigger> triggers_of(std::string_view feed, const Watched& watched) {
  Triggers triggers(feed, watched);
  if (!watched.key.empty()) {
    add_keyed(triggers, watched);
    return std::move(triggers).take();
  }
  const auto any = [&triggers](std::string_view what) {
    return triggers.tell(what, "NULL", "NULL", "NULL");
  };
  triggers.add("insert", "AFTER", "INSERT", any("insert"));
  triggers.add("delete", "AFTER", "DELETE", any("delete"));
  triggers.add("update", "AFTER", "UPDATE", any("update"), any_differs(watched));
  return std::move(triggers).take();
}

Result<std::string> read_lack(const SqliteOutbox& outbox, Connection& connection) {
  const std::string name = outbox_name(outbox.name);
  const std::pair<std::string_view, std::string> tables[] = {{feeds_table, feeds_table_sql()},
                                                             {name, outbox_table_sql(outbox.name)}};
  for (const auto& [table, sql] : tables) {
    const Result<bool> has = has_sql(sql, connection);
    if (!has) return std::unexpected(has.error());
    if (!*has) return advice("the table " + std::string(table) + " is not there");
  }
  const Result<Rows> row =
      ask(connection, "SELECT 1 FROM headrace_feeds WHERE feed = ?1", {outbox.name});
  if (!row) return std::unexpected(row.error());
  if (row->empty()) return advice("feed " + outbox.name + " is not in headrace_feeds");
  const Result<std::vector<Watched>> all = read_watched(outbox, connection);
  if (!all && all.error().code == Code::invalid_argument) return all.error().what;
  if (!all) return std::unexpected(all.error());
  for (const Watched& watched : *all) {
    for (const Trigger& trigger : triggers_of(outbox.name, watched)) {
      const Result<bool> has = has_sql(trigger.sql, connection);
      if (!has) return std::unexpected(has.error());
      if (*has) continue;
      return advice("the trigger \"" + trigger.name + "\" is not there, or not as table " +
                    watched.table + " wants it");
    }
  }
  return "";
}

Result<std::string> install_sql(const SqliteOutbox& outbox, Connection& connection) {
  const Result<std::vector<Watched>> all = read_watched(outbox, connection);
  if (!all) return std::unexpected(all.error());
  const std::string name = outbox_name(outbox.name);
  std::string sql = "BEGIN IMMEDIATE;\n";
  const Result<std::string> parts[] = {drop_triggers(outbox.name, connection),
                                       make_table(feeds_table, feeds_table_sql(), connection),
                                       make_table(name, outbox_table_sql(outbox.name), connection)};
  for (const Result<std::string>& part : parts) {
    if (!part) return part;
    sql += *part;
  }
  for (const Watched& watched : *all) {
    for (const Trigger& trigger : triggers_of(outbox.name, watched)) sql += trigger.sql + ";\n";
  }
  return sql + "INSERT OR REPLACE INTO headrace_feeds\n  SELECT " + literal(outbox.name) +
         ", hex(randomblob(16)), '', coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = " +
         literal(name) + ";\nCOMMIT;\n";
}

Result<std::string> uninstall_sql(std::string_view feed, Connection& connection) {
  Result<std::string> triggers = drop_triggers(feed, connection);
  if (!triggers) return triggers;
  std::string sql = "BEGIN IMMEDIATE;\n" + *triggers + "DROP TABLE IF EXISTS " +
                    sql::quoted(outbox_name(feed)) + ";\n";
  const Result<bool> has = has_table(feeds_table, connection);
  if (!has) return std::unexpected(has.error());
  if (*has) {
    const Result<Rows> others =
        ask(connection, "SELECT 1 FROM headrace_feeds WHERE feed <> ?1", {feed});
    if (!others) return std::unexpected(others.error());
    sql += others->empty() ? "DROP TABLE headrace_feeds;\n"
                           : "DELETE FROM headrace_feeds WHERE feed = " + literal(feed) + ";\n";
  }
  return sql + "COMMIT;\n";
}

}  // namespace headrace::sqlite::feed
