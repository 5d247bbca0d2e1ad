#include "sources/postgres/question.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "sql/question.h"

namespace headrace::postgres {

namespace {

constexpr Oid bytea = 17;  // The same on every server.

using Rows = std::vector<std::vector<std::string>>;

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// What the server has against it is the question's fault; that it does not answer is not.
std::unexpected<Error> told(const Session& session, const Error& error) {
  if (session.refusal().state.empty()) return std::unexpected(error);
  return wrong("PostgreSQL says: " + session.refusal().words);
}

// Asks for texts; NULL is empty.
class Catalog {
 public:
  Catalog(Session& session, Instant until) : session_(session), until_(until) {}

  Result<Rows> ask(const std::string& sql, const std::vector<std::string>& parameters,
                   int columns) {
    Rows rows;
    const Result<void> done = session_.ask(sql, parameters, until_, [&](const Row& row) {
      std::vector<std::string>& texts = rows.emplace_back();
      for (int i = 0; i < columns; ++i) texts.emplace_back(row.at(i).value_or(""));
    });
    if (!done) return told(session_, done.error());
    return rows;
  }

  Result<Description> describe(const std::string& sql) {
    const Result<void> prepared = session_.prepare("", sql, until_);
    if (!prepared) return told(session_, prepared.error());
    Result<Description> described = session_.describe("", until_);
    if (!described) return told(session_, described.error());
    return described;
  }

 private:
  Session& session_;
  const Instant until_;
};

constexpr char find_table[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relkind = 'r' AND "
    "EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid) "
    "FROM pg_catalog.pg_class AS c "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)";

constexpr char find_columns[] =
    "SELECT attname, format_type(atttypid, -1), attgenerated <> '' "
    "FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped";

// Indexes by which a value of the column names one row at any moment.
constexpr char find_unique[] =
    "SELECT i.indisprimary FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a "
    "ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = $1::oid "
    "AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indnkeyatts = 1 "
    "AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attname = $2";

constexpr char changes_itself[] =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = $1::oid "
    "AND NOT tgisinternal AND tgenabled <> 'D') OR EXISTS (SELECT FROM pg_catalog.pg_attribute "
    "WHERE attrelid = $1::oid AND attgenerated <> '') OR EXISTS (SELECT FROM "
    "pg_catalog.pg_rewrite WHERE ev_class = $1::oid)";

// All tables whose rows go, or change, with a row of this one.
std::string find_cascades(const std::string& action) {
  const std::string acts = "k.contype = 'f' AND k." + action + " IN ('c', 'n', 'd')";
  return "WITH RECURSIVE c(oid) AS (SELECT k.conrelid FROM pg_catalog.pg_constraint AS k "
         "WHERE k.confrelid = $1::oid AND " +
         acts +
         " UNION SELECT k.conrelid FROM c JOIN pg_catalog.pg_constraint AS k "
         "ON k.confrelid = c.oid AND " +
         acts +
         ") SELECT n.nspname, r.relname FROM c JOIN pg_catalog.pg_class AS r ON r.oid = c.oid "
         "JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace";
}

// All tables that a view reads, through other views.
constexpr char find_tables_of_view[] =
    "WITH RECURSIVE v(oid) AS (SELECT $1::oid UNION SELECT d.refobjid FROM v "
    "JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = v.oid JOIN pg_catalog.pg_depend AS d "
    "ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid "
    "AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> v.oid) "
    "SELECT n.nspname, c.relname FROM v JOIN pg_catalog.pg_class AS c ON c.oid = v.oid "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'f')";

std::vector<Dependency> wholly(const Rows& tables) {
  std::vector<Dependency> all;
  for (const auto& table : tables) {
    all.push_back({.collection = table[0] + "." + table[1], .of_entity = false});
  }
  return all;
}

// What stands for the fields in a row, each under its name.
std::string members(const std::vector<std::string>& fields, const std::vector<Oid>& types) {
  std::string list;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string column = "s." + sql::quoted(fields[i]);
    if (i > 0) list += ", ";
    if (types[i] == bytea) {
      list += "CASE WHEN ";
      list += column;
      list += " IS NOT NULL THEN json_build_object('$base64', translate(encode(";
      list += column;
      list += ", 'base64'), E'\\n', '')) END";
    } else {
      list += column;
    }
    list += " AS " + sql::quoted(fields[i]);
  }
  return list;
}

std::string plain_list(const std::vector<std::string>& fields) {
  std::string list;
  for (const std::string& field : fields) {
    list += list.empty() ? "s." : ", s.";
    list += sql::quoted(field);
  }
  return list;
}

std::vector<Oid> types_of(const Description& described) {
  std::vector<Oid> types;
  for (const auto& column : described.columns) types.push_back(column.type);
  return types;
}

std::string limit_of(const SqlQuestion& asked) {
  const bool many = asked.rows == SqlQuestion::Rows::many;
  return " LIMIT " + std::to_string((many ? asked.rows_max : 1) + 1);
}

// A query that is no subquery any more would be another one.
std::string trimmed(std::string_view query) {
  const std::size_t end = query.find_last_not_of(" \t\r\n;");
  return std::string(query.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

Result<void> ask_query(Question& question, Catalog& catalog) {
  const SqlQuestion& asked = question.asked;
  if (!asked.writable.empty()) {
    return wrong("writable: a query cannot be written to; name a table");
  }
  // It may end with a comment.
  const std::string from = " FROM (" + trimmed(asked.query) + "\n) AS s";
  const Result<Description> described =
      catalog.describe("SELECT " + plain_list(asked.fields) + from);
  if (!described) return std::unexpected(described.error());
  if (described->parameters.size() != 1) {
    return wrong("the query has " + std::to_string(described->parameters.size()) +
                 " parameters; it must have one, $1, for the entity");
  }
  question.single = "SELECT row_to_json(x.*)" + from + " CROSS JOIN LATERAL (SELECT " +
                    members(asked.fields, types_of(*described)) + ") AS x" + limit_of(asked);
  return {};
}

Result<void> read_columns(Question& question, const std::string& oid, Catalog& catalog) {
  const Result<Rows> columns = catalog.ask(find_columns, {oid}, 3);
  if (!columns) return std::unexpected(columns.error());
  // Which are bytes it says itself, through domains.
  const Result<Description> described =
      catalog.describe("SELECT * FROM " + question.table + " AS s");
  if (!described) return std::unexpected(described.error());
  for (const auto& column : *columns) {
    const bool is_bytes = std::ranges::any_of(described->columns, [&](const auto& one) {
      return one.type == bytea && one.name == column[0];
    });
    question.columns.push_back({.name = column[0],
                                .type = column[1],
                                .is_bytes = is_bytes,
                                .is_generated = column[2] == "t"});
  }
  return {};
}

Result<void> check_writable(const Question& question, bool is_table, bool is_unique) {
  const SqlQuestion& asked = question.asked;
  if (asked.writable.empty()) return {};
  if (!is_table) return wrong("writable: " + asked.table + " is no table");
  if (!is_unique) {
    return wrong("writable: table " + asked.table + " has no unique index on \"" + asked.key +
                 "\" alone, so that it does not name one row");
  }
  for (const std::string& field : asked.writable) {
    const std::string who = "writable: column \"" + field + "\"";
    const Question::Column* const column = question.find_column(field);
    if (column == nullptr) return wrong(who + " is not in table " + asked.table);
    if (column->is_generated) return wrong(who + " is computed by the table");
    if (field == asked.key) return wrong(who + " is the key; remove the row and make another");
  }
  return {};
}

// What happens to other rows and columns when one is written.
Result<void> read_consequences(Question& question, const std::string& oid, Catalog& catalog) {
  const Result<Rows> itself = catalog.ask(changes_itself, {oid}, 1);
  if (!itself) return std::unexpected(itself.error());
  question.changes_itself = itself->front().front() == "t";
  const Result<Rows> updated = catalog.ask(find_cascades("confupdtype"), {oid}, 2);
  if (!updated) return std::unexpected(updated.error());
  const Result<Rows> removed = catalog.ask(find_cascades("confdeltype"), {oid}, 2);
  if (!removed) return std::unexpected(removed.error());
  question.updated_with = wholly(*updated);
  question.removed_with = wholly(*removed);
  return {};
}

Result<void> make_sql(Question& question, Catalog& catalog) {
  const SqlQuestion& asked = question.asked;
  const std::string key = "s." + sql::quoted(asked.key);
  const std::string from = " FROM " + question.table + " AS s";
  const Result<Description> described =
      catalog.describe("SELECT " + plain_list(asked.fields) + from + " WHERE " + key + " = $1");
  if (!described) return std::unexpected(described.error());
  const Result<Rows> type = catalog.ask("SELECT format_type($1::oid, -1)",
                                        {std::to_string(described->parameters.at(0))}, 1);
  if (!type) return std::unexpected(type.error());
  question.key_type = type->front().front();
  const std::string row =
      " CROSS JOIN LATERAL (SELECT " + members(asked.fields, types_of(*described)) + ") AS x";
  question.single =
      "SELECT row_to_json(x.*)" + from + row + " WHERE " + key + " = $1" + limit_of(asked);
  question.batch = "SELECT a.n, row_to_json(x.*) FROM unnest($1::" + question.key_type +
                   "[]) WITH ORDINALITY AS a(e, n) CROSS JOIN LATERAL (SELECT s.*" + from +
                   " WHERE " + key + " = a.e" + limit_of(asked) + ") AS s" + row;
  if (const auto sound = catalog.describe(question.single); !sound) {
    return std::unexpected(sound.error());
  }
  // Keys that are arrays themselves cannot be listed so: each is asked for alone.
  if (!catalog.describe(question.batch)) question.batch.clear();
  return {};
}

// xmin names the transaction that has made this version of the row: whatever is changed of the row,
// it is another one.
Result<void> make_for_update(Question& question, Catalog& catalog) {
  const SqlQuestion& asked = question.asked;
  std::vector<std::string> fields = asked.fields;
  for (const std::string& field : asked.writable) {
    if (std::ranges::count(fields, field) == 0) fields.push_back(field);
  }
  const std::string from = " FROM " + question.table + " AS s";
  const Result<Description> described = catalog.describe("SELECT " + plain_list(fields) + from);
  if (!described) return std::unexpected(described.error());
  question.for_update = "SELECT row_to_json(x.*), s.xmin::text" + from +
                        " CROSS JOIN LATERAL (SELECT " + members(fields, types_of(*described)) +
                        ") AS x WHERE s." + sql::quoted(asked.key) + " = $1 LIMIT 2";
  return {};
}

Result<void> ask_table(Question& question, Catalog& catalog) {
  const SqlQuestion& asked = question.asked;
  const Result<Rows> found = catalog.ask(find_table, {asked.table}, 5);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return wrong("there is no table " + asked.table);
  const std::vector<std::string>& one = found->front();
  const std::string& oid = one[0];
  const bool is_table = one[3] == "r" || one[3] == "p";
  question.table = sql::quoted(one[1]) + "." + sql::quoted(one[2]);
  question.parses_entity_alone = is_table;
  if (Result<void> made = make_sql(question, catalog); !made) return made;
  if (Result<void> read = read_columns(question, oid, catalog); !read) return read;
  const Result<Rows> unique = catalog.ask(find_unique, {oid, asked.key}, 1);
  if (!unique) return std::unexpected(unique.error());
  // An index does not reach the tables that inherit from this one.
  const bool is_unique = !unique->empty() && one[4] != "t";
  if (Result<void> sound = check_writable(question, is_table, is_unique); !sound) return sound;
  question.is_writable = is_table && is_unique;
  if (question.is_writable) {
    if (Result<void> made = make_for_update(question, catalog); !made) return made;
  }
  if (!is_table) {
    const Result<Rows> tables = catalog.ask(find_tables_of_view, {oid}, 2);
    if (!tables) return std::unexpected(tables.error());
    question.reads = wholly(*tables);
    return {};
  }
  std::vector<std::string> fields = asked.fields;
  fields.push_back(asked.key);
  const std::vector<std::string> primary{"t"};
  question.reads = {{.collection = one[1] + "." + one[2],
                     .fields = std::move(fields),
                     .of_entity = is_unique && std::ranges::count(*unique, primary) > 0}};
  return read_consequences(question, oid, catalog);
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

const Question::Column* Question::find_column(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

Result<Question> make_question(SqlQuestion asked, Session& session, Instant until) {
  std::string fault = sql::fault_of(asked);
  if (!fault.empty()) return wrong(std::move(fault));
  Question question;
  question.id = next_id();
  question.asked = std::move(asked);
  Catalog catalog(session, until);
  Result<void> made =
      question.asked.query.empty() ? ask_table(question, catalog) : ask_query(question, catalog);
  if (!made) return std::unexpected(std::move(made.error()));
  return question;
}

}  // namespace headrace::postgres
