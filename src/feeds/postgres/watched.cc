#include "feeds/postgres/watched.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sql/question.h"

namespace headrace::postgres::feed {

namespace {

constexpr char find_table[] =
    "SELECT c.oid, n.nspname || '.' || c.relname, c.relkind IN ('r', 'p') "
    "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE c.oid = to_regclass($1)";

constexpr char find_key[] =
    "SELECT a.attname FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a "
    "ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
    "WHERE i.indrelid = $1::oid AND i.indisprimary AND i.indnkeyatts = 1";

constexpr char find_columns[] =
    "SELECT attname FROM pg_catalog.pg_attribute "
    "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

// A statement fires the triggers of the table that it names, and not those of its partitions, nor
// of the one that it is a partition of.
constexpr char find_relations[] =
    "WITH RECURSIVE down(oid) AS (SELECT $1::oid UNION "
    "SELECT i.inhrelid FROM down JOIN pg_catalog.pg_inherits AS i ON i.inhparent = down.oid), "
    "up(oid) AS (SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1::oid UNION "
    "SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = up.oid) "
    "SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), k.above, "
    "c.relpersistence = 'u' FROM (SELECT oid, false FROM down UNION ALL SELECT oid, true FROM up) "
    "AS k(oid, above) "
    "JOIN pg_catalog.pg_class AS c ON c.oid = k.oid "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace ORDER BY 2";

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

Result<Watched> read_one(const PostgresOutboxTable& asked, Session& session, Instant until) {
  const Result<Rows> found = ask_rows(session, find_table, {asked.table}, 3, until);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return wrong("there is no table " + asked.table);
  const std::vector<std::string>& one = found->front();
  if (one[2] != "t") return wrong(asked.table + " is no table, which alone can tell of changes");
  Watched watched{.oid = one[0], .collection = one[1], .values = asked.values};
  const Result<Rows> key = ask_rows(session, find_key, {watched.oid}, 1, until);
  if (!key) return std::unexpected(key.error());
  if (!key->empty()) watched.key = key->front().front();
  const Result<Rows> columns = ask_rows(session, find_columns, {watched.oid}, 1, until);
  if (!columns) return std::unexpected(columns.error());
  for (const auto& column : *columns) watched.columns.push_back(column[0]);
  for (const std::string& value : watched.values) {
    if (std::ranges::count(watched.columns, value) == 0) {
      return wrong("column \"" + value + "\" is not in table " + asked.table);
    }
  }
  const Result<Rows> relations = ask_rows(session, find_relations, {watched.oid}, 4, until);
  if (!relations) return std::unexpected(relations.error());
  for (const auto& relation : *relations) {
    if (relation[3] == "t") {
      return wrong(relation[1] + " is unlogged: nobody would be told when a crash empties it");
    }
    watched.relations.push_back(
        {.oid = relation[0], .name = relation[1], .is_above = relation[2] == "t"});
  }
  return watched;
}

}  // namespace

Result<void> check_name(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  const bool is_name = !name.empty() && name.size() <= outbox_name_bytes_max &&
                       name.find_first_not_of(allowed) == std::string_view::npos;
  if (is_name) return {};
  return wrong("an outbox's name has 1 to " + std::to_string(outbox_name_bytes_max) +
               " letters, digits, \"-\" and \"_\"");
}

Result<void> check(const PostgresOutbox& outbox) {
  if (Result<void> named = check_name(outbox.name); !named) return named;
  const auto has_nul = [](std::string_view text) { return text.contains('\0'); };
  if (outbox.tables.empty() || outbox.tables.size() > outbox_tables_max) {
    return wrong("an outbox tells of 1 to " + std::to_string(outbox_tables_max) + " tables");
  }
  if (outbox.rows_max == 0) return wrong("rows_max must be more than zero");
  for (const PostgresOutboxTable& table : outbox.tables) {
    if (table.values.size() > outbox_values_max) {
      return wrong("of table " + table.table + " more than " + std::to_string(outbox_values_max) +
                   " columns are to be told");
    }
    if (table.table.empty() || has_nul(table.table) || std::ranges::any_of(table.values, has_nul)) {
      return wrong("a table has no name, or a name contains a zero byte");
    }
  }
  if (has_nul(outbox.role)) return wrong("the role's name contains a zero byte");
  return {};
}

std::string names_of(const std::vector<PostgresOutboxTable>& tables) {
  std::string list;
  for (const PostgresOutboxTable& one : tables) {
    list += list.empty() ? "{\"" : ",\"";
    for (const char c : one.table) {
      if (c == '"' || c == '\\') list += '\\';
      list += c;
    }
    list += '"';
  }
  return list + "}";
}

Result<std::vector<Watched>> read_watched(const PostgresOutbox& outbox, Session& session,
                                          Instant until) {
  std::vector<Watched> all;
  for (const PostgresOutboxTable& asked : outbox.tables) {
    Result<Watched> one = read_one(asked, session, until);
    if (!one) return std::unexpected(std::move(one.error()));
    if (std::ranges::count(all, one->oid, &Watched::oid) > 0) {
      return wrong("table " + asked.table + " is named twice");
    }
    all.push_back(std::move(*one));
  }
  return all;
}

bool is_lack(const Session::Refusal& refusal) {
  constexpr std::string_view syntax_or_rights = "42";
  constexpr std::string_view no_such_schema = "3F000";
  return refusal.state.starts_with(syntax_or_rights) || refusal.state == no_such_schema;
}

Result<Rows> ask_rows(Session& session, const std::string& sql,
                      const std::vector<std::string>& parameters, int columns, Instant until) {
  Rows rows;
  Result<void> done = session.ask(sql, parameters, until, [&](const Row& row) {
    std::vector<std::string>& texts = rows.emplace_back();
    for (int i = 0; i < columns; ++i) texts.emplace_back(row.at(i).value_or(""));
  });
  if (done) return rows;
  if (!is_lack(session.refusal())) return std::unexpected(std::move(done.error()));
  return wrong("PostgreSQL says: " + session.refusal().words);
}

}  // namespace headrace::postgres::feed
