// What is there is asked of the catalog; what is not becomes SQL, and nothing else does.
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/sources/postgres.h"
#include "io/bell.h"
#include "sources/postgres/line.h"
#include "sources/postgres/revision_sql.h"
#include "sources/postgres/states.h"
#include "sql/part.h"
#include "sql/question.h"

namespace headrace {

namespace postgres {

namespace {

// The longest that the SQL may take: it waits for whoever writes the tables just then, and who
// comes later waits behind it.
constexpr auto apply_within = std::chrono::seconds(60);
constexpr char lock_timeout[] = "SET LOCAL lock_timeout = '3s';\n";

using Texts = std::vector<std::string>;
using Rows = std::vector<Texts>;

struct Event {
  std::string_view name{};
  std::string_view type{};  // As the catalog has it.
  std::string_view rows{};
};
constexpr std::array<Event, 4> events = {
    {{.name = "insert", .type = "4", .rows = " REFERENCING NEW TABLE AS new_rows"},
     {.name = "update",
      .type = "16",
      .rows = " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"},
     {.name = "delete", .type = "8", .rows = " REFERENCING OLD TABLE AS old_rows"},
     {.name = "truncate", .type = "32", .rows = ""}}};

// Of these types equal values have one spelling.  A domain is as what it is made of.
constexpr char find_part[] = R"(
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind,
  CASE WHEN $2 <> '' THEN '_' || to_hex(hashtextextended($2, 0)) END,
  a.attname, format_type(a.atttypid, a.atttypmod),
  (b.typtype = 'e' OR b.oid = ANY (
     '{int2,int4,int8,text,varchar,uuid,bool,date,timestamp,timestamptz}'::regtype[])) AND
    coalesce(l.collisdeterministic, true)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0
  AND NOT a.attisdropped
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_type AS b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE c.oid = to_regclass($1))";

// $1, $2, $3: the table's oid, the part's table and column; the trigger of each event, if it is
// there.
std::string find_relations() {
  std::string sql = "WITH RECURSIVE " + relations_of("$1::oid") +
                    " SELECT format('%I.%I', n.nspname, c.relname), c.relkind";
  for (const Event& event : events) {
    sql += ", (SELECT min(g.tgname) FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgtype = ";
    sql += event.type;
    sql += " AND " + keeps_part("$2", "$3") + ")";
  }
  return sql +
         " FROM relation JOIN pg_class AS c ON c.oid = relation.oid "
         "JOIN pg_namespace AS n ON n.oid = c.relnamespace ORDER BY c.oid";
}

// $1, $2: the part's table and column; no table: all.
constexpr char find_triggers[] = R"(
SELECT format('%I ON %I.%I', g.tgname, n.nspname, c.relname)
FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_proc AS f ON f.oid = g.tgfoid
WHERE f.pronamespace = to_regnamespace('headrace') AND f.proname IN ('bump_table', 'bump_values')
  AND ($1 = '' OR g.tgargs = convert_to($1, getdatabaseencoding()) || '\x00'::bytea ||
    CASE WHEN $2 = '' THEN ''::bytea
         ELSE convert_to($2, getdatabaseencoding()) || '\x00'::bytea END)
ORDER BY c.oid, g.tgname)";

std::string literal(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) {
    if (c == '\'') sql += '\'';
    sql += c;
  }
  return sql + "'";
}

std::string in_transaction(const std::string& sql) {
  if (sql.empty()) return sql;
  return "BEGIN;\nSET LOCAL standard_conforming_strings = on;\n" + std::string(lock_timeout) + sql +
         "COMMIT;\n";
}

struct Relation {
  std::string name{};
  std::string kind{};
  std::array<std::string, events.size()> triggers{};
};

// A part as the catalog knows it.
struct Found {
  Part part{};
  std::string suffix{};  // Of its triggers' names, so that no two parts have the same.
  std::vector<Relation> relations{};
  bool is_recorded = false;
};

// Headrace's own things.
struct Ground {
  bool has_schema = false;
  bool has_tables = false;
  std::vector<const RevisionFunction*> missing{};
  bool is_readable = false;  // By who will read.
};

// Who lets itself in so; none, if that is no connection.  As libpq does, by what the environment
// says if the connection does not.
std::optional<std::string> role_of(const std::string& connection) {
  using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;
  const Options said(PQconninfoParse(connection.c_str(), nullptr), &PQconninfoFree);
  const Options usual(PQconndefaults(), &PQconninfoFree);
  if (!said || !usual) return std::nullopt;
  for (const PQconninfoOption* all : {said.get(), usual.get()}) {
    for (const PQconninfoOption* one = all; one->keyword != nullptr; ++one) {
      if (std::string_view(one->keyword) == "user" && one->val != nullptr) return one->val;
    }
  }
  return std::nullopt;
}

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

std::string fault_of_kind(const std::string& table, std::string_view kind) {
  if (kind == "r" || kind == "p") return "";
  if (kind == "v" || kind == "m") {
    return table + " is a view, which has no such triggers: name the tables that it reads";
  }
  if (kind == "f")
    return table + " is a foreign table: what changes on its server nobody sees here";
  return table + " is no table";
}

std::string trigger_sql(const Found& found, const Relation& relation, const Event& event) {
  const std::string name = sql::quoted("headrace_" + std::string(event.name) + found.suffix);
  std::string verb(event.name);
  std::ranges::transform(verb, verb.begin(), [](char c) { return static_cast<char>(c - 32); });
  const Part& part = found.part;
  const std::string call = part.column.empty()
                               ? "bump_table(" + literal(part.table)
                               : "bump_values(" + literal(part.table) + ", " + literal(part.column);
  return "CREATE OR REPLACE TRIGGER " + name + " AFTER " + verb + " ON " + relation.name +
         std::string(event.rows) + "\n  FOR EACH STATEMENT EXECUTE FUNCTION headrace." + call +
         ");\nALTER TABLE ONLY " + relation.name + " ENABLE ALWAYS TRIGGER " + name + ";\n";
}

std::string missing_triggers(const Found& found) {
  std::string sql;
  for (const Relation& relation : found.relations) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (relation.triggers[i].empty()) sql += trigger_sql(found, relation, events[i]);
    }
  }
  return sql;
}

std::string missing_ground(const Ground& ground, const std::string& reader) {
  std::string sql;
  if (!ground.has_tables) sql += revision_tables();
  for (const RevisionFunction* one : ground.missing) {
    sql += revision_function(*one);
    // Or anybody could have it read a table of theirs with its owner's rights.
    if (one->name.starts_with("bump_")) {
      sql += "REVOKE ALL ON FUNCTION headrace." + std::string(one->name) + " FROM PUBLIC;\n";
    }
  }
  if (ground.is_readable) return sql;
  const std::string to = " TO " + sql::quoted(reader) + ";\n";
  return sql + "GRANT USAGE ON SCHEMA headrace" + to +
         "GRANT SELECT ON headrace.part, headrace.revision" + to;
}

class Triggers final : public RevisionTriggers {
 public:
  Triggers(const PostgresDatabaseOptions& source, std::string reader, Login login, Clock& clock)
      : reader_(std::move(reader)),
        server_{.login = std::move(login), .connect_within = source.connect_within, .clock = clock},
        line_(server_, bell_, Use::writing) {}

  [[nodiscard]] bool is_made() const noexcept { return bell_.is_made(); }

  Result<std::vector<Kept>> check(const std::vector<Part>& parts) override;
  Result<std::string> install(const std::vector<Part>& parts) override;
  Result<std::string> uninstall(const std::vector<Part>& parts) override;
  Result<void> apply(const std::string& sql) override;

 private:
  Result<void> open();
  Result<Rows> ask(const std::string& sql, const Texts& parameters, int columns);
  Result<Ground> look_at_ground();
  Result<bool> can_read();
  Result<Found> find(const Part& part, const Ground& ground);
  Result<Kept> check_one(const Part& part, const Ground& ground);
  Result<std::vector<Part>> recorded(const Ground& ground);

  const std::string reader_;
  Server server_;
  Bell bell_;
  Line line_;
};

Result<void> Triggers::open() {
  return line_.open(server_.clock.now() + server_.connect_within);
}

// What the server has against a statement is told in its own words.
Result<Rows> Triggers::ask(const std::string& sql, const Texts& parameters, int columns) {
  Rows rows;
  const Result<void> done =
      line_.session().ask(sql, parameters, server_.clock.now() + apply_within, [&](const Row& row) {
        Texts& texts = rows.emplace_back();
        for (int i = 0; i < columns; ++i) texts.emplace_back(row.at(i).value_or(""));
      });
  if (done) return rows;
  const Session::Refusal& refusal = line_.session().refusal();
  if (refusal.state.empty()) return std::unexpected(done.error());
  return failure(code_of(refusal.state), "PostgreSQL says: " + refusal.words);
}

Result<bool> Triggers::can_read() {
  const Result<Rows> rows =
      ask("SELECT has_schema_privilege($1, 'headrace', 'USAGE') AND "
          "has_table_privilege($1, 'headrace.part', 'SELECT') AND "
          "has_table_privilege($1, 'headrace.revision', 'SELECT')",
          {reader_}, 1);
  if (!rows) return std::unexpected(rows.error());
  return rows->front().front() == "t";
}

Result<Ground> Triggers::look_at_ground() {
  if (Result<void> opened = open(); !opened) return std::unexpected(opened.error());
  const Result<Rows> tables =
      ask("SELECT count(*) FILTER (WHERE c.relname = 'part'), count(*) FILTER (WHERE c.relname = "
          "'revision'), count(DISTINCT n.oid) FROM pg_namespace AS n LEFT JOIN pg_class AS c "
          "ON c.relnamespace = n.oid WHERE n.nspname = 'headrace'",
          {}, 3);
  if (!tables) return std::unexpected(tables.error());
  const Result<Rows> bodies =
      ask("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = to_regnamespace('headrace')",
          {}, 2);
  if (!bodies) return std::unexpected(bodies.error());
  Ground ground{.has_schema = tables->front()[2] != "0",
                .has_tables = tables->front()[0] == "1" && tables->front()[1] == "1"};
  for (const RevisionFunction& one : revision_functions()) {
    const Texts row{std::string(one.name), std::string(one.body)};
    if (std::ranges::find(*bodies, row) == bodies->end()) ground.missing.push_back(&one);
  }
  if (ground.has_schema && !ground.has_tables) {
    return wrong(
        "there is a schema headrace that is not Headrace's; it keeps its own tables under that "
        "name");
  }
  if (ground.has_tables) {
    const Result<bool> is_readable = can_read();
    if (!is_readable) return std::unexpected(is_readable.error());
    ground.is_readable = *is_readable;
  }
  return ground;
}

Result<Found> Triggers::find(const Part& part, const Ground& ground) {
  if (std::string fault = sql::fault_of(part); !fault.empty()) return wrong(std::move(fault));
  const Result<Rows> rows = ask(find_part, {part.table, part.column}, 7);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return wrong("there is no table " + part.table);
  const Texts& row = rows->front();
  if (std::string fault = fault_of_kind(row[1], row[2]); !fault.empty()) return wrong(fault);
  if (!part.column.empty() && row[4].empty()) {
    return wrong("table " + row[1] + " has no column \"" + part.column + "\"");
  }
  if (!part.column.empty() && row[6] != "t") {
    return wrong("column \"" + part.column + "\" of " + row[1] + " is of type " + row[5] +
                 ", in which equal values may have two spellings; name the whole table");
  }
  Found found{.part = {.table = row[1], .column = part.column}, .suffix = row[3]};
  const Result<Rows> relations =
      ask(find_relations(), {row[0], found.part.table, found.part.column}, 2 + events.size());
  if (!relations) return std::unexpected(relations.error());
  for (const Texts& one : *relations) {
    if (std::string fault = fault_of_kind(one[0], one[1]); !fault.empty()) return wrong(fault);
    Relation& relation = found.relations.emplace_back(Relation{.name = one[0], .kind = one[1]});
    std::ranges::copy(std::span(one).subspan(2), relation.triggers.begin());
  }
  if (!ground.has_tables) return found;
  const Result<Rows> records =
      ask("SELECT 1 FROM headrace.part WHERE name = $1 AND \"column\" = $2",
          {found.part.table, found.part.column}, 1);
  if (!records) return std::unexpected(records.error());
  found.is_recorded = !records->empty();
  return found;
}

Result<std::vector<Part>> Triggers::recorded(const Ground& ground) {
  std::vector<Part> parts;
  if (!ground.has_tables) return parts;
  const Result<Rows> rows = ask("SELECT name, \"column\" FROM headrace.part ORDER BY 1, 2", {}, 2);
  if (!rows) return std::unexpected(rows.error());
  for (const Texts& row : *rows) parts.push_back({.table = row[0], .column = row[1]});
  return parts;
}

Result<RevisionTriggers::Kept> Triggers::check_one(const Part& part, const Ground& ground) {
  const Result<Found> found = find(part, ground);
  if (!found && found.error().code != Code::invalid_argument) {
    return std::unexpected(found.error());
  }
  if (!found) return Kept{.part = part, .missing = {found.error().what}};
  Kept kept{.part = found->part};
  if (!ground.has_tables || !ground.missing.empty()) {
    kept.missing.emplace_back("Headrace's own tables and functions, or their present version");
  } else if (!ground.is_readable) {
    kept.missing.push_back("the right of role " + reader_ + " to read the revisions");
  }
  if (!found->is_recorded) kept.missing.emplace_back("the record of its installation");
  for (const Relation& relation : found->relations) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      const std::string& trigger = relation.triggers[i];
      if (trigger.empty()) {
        kept.missing.push_back("a trigger for " + std::string(events[i].name) + " on " +
                               relation.name + ", enabled always");
      } else {
        kept.by.push_back(trigger + " on " + relation.name);
      }
    }
  }
  return kept;
}

Result<std::vector<RevisionTriggers::Kept>> Triggers::check(const std::vector<Part>& parts) {
  const Result<Ground> ground = look_at_ground();
  if (!ground) return std::unexpected(ground.error());
  const Result<std::vector<Part>> wanted = parts.empty() ? recorded(*ground) : parts;
  if (!wanted) return std::unexpected(wanted.error());
  std::vector<Kept> all;
  for (const Part& part : *wanted) {
    Result<Kept> kept = check_one(part, *ground);
    if (!kept) return std::unexpected(kept.error());
    all.push_back(std::move(*kept));
  }
  return all;
}

Result<std::string> Triggers::install(const std::vector<Part>& parts) {
  const Result<Ground> ground = look_at_ground();
  if (!ground) return std::unexpected(ground.error());
  std::string sql = missing_ground(*ground, reader_);
  for (const Part& part : parts) {
    const Result<Found> found = find(part, *ground);
    if (!found) return std::unexpected(found.error());
    const std::string triggers = missing_triggers(*found);
    if (triggers.empty() && found->is_recorded) continue;
    // Nobody knows what was missed while some were not there.
    sql += triggers + "INSERT INTO headrace.part (name, \"column\") VALUES (" +
           literal(found->part.table) + ", " + literal(found->part.column) +
           ")\n  ON CONFLICT (name, \"column\") DO UPDATE SET identity = gen_random_uuid();\n";
  }
  return in_transaction(sql);
}

Result<std::string> Triggers::uninstall(const std::vector<Part>& parts) {
  const Result<Ground> ground = look_at_ground();
  if (!ground) return std::unexpected(ground.error());
  if (!ground->has_schema) return std::string();
  std::string sql;
  const auto drop = [&sql](const Rows& triggers) {
    for (const Texts& one : triggers) sql += "DROP TRIGGER " + one[0] + ";\n";
  };
  for (const Part& part : parts) {
    const Result<Found> found = find(part, *ground);
    if (!found) return std::unexpected(found.error());
    const Texts names{found->part.table, found->part.column};
    const Result<Rows> triggers = ask(find_triggers, names, 1);
    if (!triggers) return std::unexpected(triggers.error());
    drop(*triggers);
    if (!found->is_recorded) continue;
    sql += "DELETE FROM headrace.part WHERE name = " + literal(names[0]) +
           " AND \"column\" = " + literal(names[1]) + ";\n";
  }
  if (!parts.empty()) return in_transaction(sql);
  const Result<Rows> triggers = ask(find_triggers, {"", ""}, 1);
  if (!triggers) return std::unexpected(triggers.error());
  drop(*triggers);
  for (const RevisionFunction& one : revision_functions()) {
    sql += "DROP FUNCTION IF EXISTS headrace." + std::string(one.name) + ";\n";
  }
  sql += "DROP TABLE headrace.revision, headrace.part;\nDROP SCHEMA headrace;\n";
  return in_transaction(sql);
}

Result<void> Triggers::apply(const std::string& sql) {
  if (Result<void> opened = open(); !opened) return opened;
  Result<void> done = line_.session().run(sql, {}, server_.clock.now() + apply_within);
  if (done) return done;
  const Session::Refusal refusal = line_.session().refusal();
  line_.close();  // What was begun is undone there.
  if (refusal.state.empty()) return done;
  std::string advice;
  if (refusal.state == "42501") {
    advice = "; the tables' owner may do it: name one with --connection, or --print it for them";
  } else if (refusal.state == "55P03") {
    advice = "; somebody held a table for too long: try again when fewer write it";
  }
  return failure(Code::source_failed,
                 "nothing was changed; PostgreSQL says: " + refusal.words + advice);
}

}  // namespace

}  // namespace postgres

Result<std::unique_ptr<RevisionTriggers>> postgres_revision_triggers(PostgresDatabaseOptions source,
                                                                     std::string connection,
                                                                     Clock& clock) {
  const std::optional<std::string> reader = postgres::role_of(source.connection);
  if (source.connection.empty() || !reader || source.connect_within <= Duration::zero()) {
    return failure(Code::invalid_argument,
                   "revision triggers on PostgreSQL need the source's connection, and "
                   "connect_within of more than zero");
  }
  postgres::Login login{.connection = std::move(connection)};
  if (login.connection.empty()) {
    login = {.connection = source.connection, .password = source.password};
  }
  auto triggers = std::make_unique<postgres::Triggers>(source, *reader, std::move(login), clock);
  if (!triggers->is_made()) {
    return failure(Code::source_unavailable, "no descriptor is left for revision triggers");
  }
  return triggers;
}

}  // namespace headrace
