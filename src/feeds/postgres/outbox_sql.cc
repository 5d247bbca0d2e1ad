// The triggers run in transactions of others, so they must neither fail nor make anybody wait.
//
// They only append: no two statements meet on a row.  Nothing in them depends on operators or
// types outside pg_catalog: keys are compared as text, and rows by their bytes (*<>), which any
// type has.  A column that the function names may have been renamed since, and the outbox may be
// gone: then the change is told without details, or by the feed, which sees both in the catalog.
// What does not fit the key (a bulk, a TRUNCATE, a table that is a part of the changed one) is told
// as a change of any entity.
//
// An UPDATE is the difference of what each key stood for before and after the statement: a key that
// was moved away has gone, one that was moved to has come.
#include "feeds/postgres/outbox_sql.h"

#include <initializer_list>
#include <utility>

#include "sql/question.h"

namespace headrace::postgres::feed {

namespace {

constexpr std::string_view begin_sql =
    "BEGIN;\n"
    "SET LOCAL standard_conforming_strings = on;\n"
    "SET LOCAL lock_timeout = '500ms';\n"
    "SELECT pg_advisory_xact_lock(hashtextextended('headrace.outbox', 0));\n";

constexpr std::string_view shared_sql =
    R"(CREATE SCHEMA IF NOT EXISTS headrace;
CREATE TABLE IF NOT EXISTS headrace.outbox (
  feed text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tbl text NOT NULL,
  op text NOT NULL,
  key text,
  fields text[],
  vals jsonb,
  PRIMARY KEY (feed, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE TABLE IF NOT EXISTS headrace.outbox_feeds (feed text PRIMARY KEY, state text NOT NULL);
DO $$ BEGIN
  IF NOT has_table_privilege('headrace.outbox', 'INSERT') THEN
    RAISE EXCEPTION 'headrace.outbox belongs to somebody else, and what is installed now could '
      'not write into it';
  END IF;
END $$;
)";

// What begins with a dollar is filled in.
constexpr std::string_view body_sql = R"(
DECLARE
  affected bigint := 1;
BEGIN
  IF to_regclass('headrace.outbox') IS NULL THEN RETURN NULL; END IF;
  IF TG_OP = 'DELETE' THEN
    affected := (SELECT count(*) FROM (SELECT FROM headrace_old LIMIT $MAX + 1) AS r);
  ELSIF TG_OP <> 'TRUNCATE' THEN
    affected := (SELECT count(*) FROM (SELECT FROM headrace_new LIMIT $MAX + 1) AS r);
  END IF;
  IF affected = 0 THEN RETURN NULL; END IF;
  $IF_KEYED
    IF TG_OP = 'UPDATE' AND affected <= $MAX THEN
      IF NOT EXISTS (
          SELECT ROW(o.*)::text FROM headrace_old AS o
          EXCEPT ALL SELECT ROW(n.*)::text FROM headrace_new AS n)
        THEN RETURN NULL;
      END IF;
    END IF;
    INSERT INTO headrace.outbox(feed, tbl, op) VALUES ($FEED, $TABLE, lower(TG_OP));
  $END_IF
  $NOTIFY
  RETURN NULL;
END
)";

// Where the table has a key.
constexpr std::string_view keyed_sql =
    R"(IF TG_OP <> 'TRUNCATE' AND affected <= $MAX AND TG_ARGV[0] = 'part' AND $COUNT = (
      SELECT count(*) FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0
      AND NOT attisdropped AND attname = ANY ($COLUMNS)) THEN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO headrace.outbox(feed, tbl, op, key, vals)
      SELECT $FEED, $TABLE, 'insert', n.$KEY::text, $NEW_VALUES FROM headrace_new AS n;
    ELSIF TG_OP = 'DELETE' THEN
      INSERT INTO headrace.outbox(feed, tbl, op, key, vals)
      SELECT $FEED, $TABLE, 'delete', o.$KEY::text, $OLD_VALUES FROM headrace_old AS o;
    ELSE
      INSERT INTO headrace.outbox(feed, tbl, op, key, fields, vals)
      SELECT $FEED, $TABLE, 'update', coalesce(n.$KEY::text, o.$KEY::text),
        CASE WHEN o.$KEY IS NOT NULL AND n.$KEY IS NOT NULL THEN array_remove(ARRAY[$FIELDS
        ], NULL) END, $BOTH_VALUES
      FROM headrace_old AS o FULL JOIN headrace_new AS n
        ON o.$KEY::text COLLATE "C" = n.$KEY::text COLLATE "C"
      WHERE o.$KEY IS NULL OR n.$KEY IS NULL OR ROW(o.*)::record *<> ROW(n.*)::record;
      IF NOT FOUND THEN RETURN NULL; END IF;
    END IF;
  ELSE)";

using Filling = std::pair<std::string_view, std::string_view>;

// What was filled in is not looked at again: names may be odd.
std::string filled(std::string_view text, std::initializer_list<Filling> fillings) {
  std::string sql;
  while (!text.empty()) {
    const Filling* found = nullptr;
    for (const Filling& each : fillings) {
      if (text.starts_with(each.first)) found = &each;
    }
    sql += found != nullptr ? found->second : text.substr(0, 1);
    text.remove_prefix(found != nullptr ? found->first.size() : 1);
  }
  return sql;
}

// Up to 16 of them, each with one value or two: {"owner": ["7", "8"]}.
std::string values_sql(const Watched& watched, std::initializer_list<std::string_view> rows) {
  if (watched.values.empty()) return "NULL";
  const std::string max = std::to_string(outbox_value_bytes_max);
  std::string sql;
  for (const std::string& name : watched.values) {
    std::string list;
    for (const std::string_view row : rows) {
      const std::string value = std::string(row) + "." + sql::quoted(name) + "::text";
      list += list.empty() ? "" : ", ";
      list += filled("CASE WHEN octet_length($VALUE) <= $MAX THEN $VALUE END",
                     {{"$VALUE", value}, {"$MAX", max}});
    }
    sql += sql.empty() ? "jsonb_build_object(" : ", ";
    sql += filled("$NAME, jsonb_build_array($LIST)", {{"$NAME", literal(name)}, {"$LIST", list}});
  }
  return sql + ")";
}

// Without the cast the server compares the columns with an operator of theirs.
std::string fields_sql(const Watched& watched) {
  std::string sql;
  for (const std::string& column : watched.columns) {
    const std::string name = sql::quoted(column);
    sql += sql.empty() ? "\n          " : ",\n          ";
    sql += filled("CASE WHEN ROW(o.$NAME)::record *<> ROW(n.$NAME)::record THEN $TEXT END",
                  {{"$NAME", name}, {"$TEXT", literal(column)}});
  }
  return sql;
}

std::string columns_sql(const Watched& watched) {
  std::string sql;
  for (const std::string& column : watched.columns) {
    sql += sql.empty() ? "ARRAY[" : ", ";
    sql += literal(column);
  }
  return sql + "]::name[]";
}

std::string keyed_part(const PostgresOutbox& outbox, const Watched& watched) {
  if (watched.key.empty()) return "";
  const std::string max = std::to_string(outbox.rows_max);
  const std::string feed = literal(outbox.name);
  const std::string table = literal(watched.collection);
  const std::string count = std::to_string(watched.columns.size());
  const std::string columns = columns_sql(watched);
  const std::string fields = fields_sql(watched);
  const std::string news = values_sql(watched, {"n"});
  const std::string olds = values_sql(watched, {"o"});
  const std::string both = values_sql(watched, {"o", "n"});
  const std::string key = sql::quoted(watched.key);
  return filled(keyed_sql, {{"$MAX", max},
                            {"$FEED", feed},
                            {"$TABLE", table},
                            {"$COUNT", count},
                            {"$COLUMNS", columns},
                            {"$FIELDS", fields},
                            {"$NEW_VALUES", news},
                            {"$OLD_VALUES", olds},
                            {"$BOTH_VALUES", both},
                            {"$KEY", key}});
}

std::string create_function(const PostgresOutbox& outbox, const Watched& watched) {
  const std::string name = "headrace." + sql::quoted(function_name(outbox.name, watched));
  return "CREATE FUNCTION " + name +
         "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"
         "SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, MDY'\n"
         "SET IntervalStyle = 'iso_8601' SET extra_float_digits = 1 SET bytea_output = 'hex'\n"
         "AS " +
         literal(function_body(outbox, watched)) + ";\nREVOKE ALL ON FUNCTION " + name +
         "() FROM PUBLIC;\n";
}

std::string create_trigger(const PostgresOutbox& outbox, const Watched& watched,
                           const Watched::Relation& relation, std::string_view event) {
  const std::string name = sql::quoted(trigger_name(outbox.name, watched, event));
  std::string rows;
  if (event == "insert" || event == "update") rows += " NEW TABLE AS headrace_new";
  if (event == "delete" || event == "update") rows += " OLD TABLE AS headrace_old";
  return "CREATE TRIGGER " + name + " AFTER " + std::string(event) + " ON " + relation.name +
         (rows.empty() ? "" : " REFERENCING" + rows) +
         " FOR EACH STATEMENT EXECUTE FUNCTION headrace." +
         sql::quoted(function_name(outbox.name, watched)) + "('" +
         (relation.is_above ? "whole" : "part") + "');\nALTER TABLE ONLY " + relation.name +
         " ENABLE ALWAYS TRIGGER " + name + ";\n";
}

std::string drop_functions(const std::vector<std::string>& functions) {
  std::string sql;
  for (const std::string& name : functions) {
    sql += "DROP FUNCTION IF EXISTS headrace." + sql::quoted(name) + "() CASCADE;\n";
  }
  return sql;
}

}  // namespace

std::string literal(std::string_view text) {
  return "'" + filled(text, {{"'", "''"}}) + "'";
}

std::string channel_of(std::string_view feed) {
  return "headrace.outbox." + std::string(feed);
}

std::string function_name(std::string_view feed, const Watched& watched) {
  return "outbox_" + std::string(feed) + "_" + watched.oid;
}

std::string functions_pattern(std::string_view feed) {
  return "^outbox_" + std::string(feed) + "_[0-9]+$";
}

std::string trigger_name(std::string_view feed, const Watched& watched, std::string_view event) {
  return "headrace_" + function_name(feed, watched) + "_" + std::string(event);
}

std::string function_body(const PostgresOutbox& outbox, const Watched& watched) {
  const std::string max = std::to_string(outbox.rows_max);
  const std::string feed = literal(outbox.name);
  const std::string table = literal(watched.collection);
  const std::string keyed = keyed_part(outbox, watched);
  const std::string wakes =
      outbox.notify ? "PERFORM pg_notify(" + literal(channel_of(outbox.name)) + ", '');" : "";
  return filled(body_sql, {{"$MAX", max},
                           {"$FEED", feed},
                           {"$TABLE", table},
                           {"$IF_KEYED", keyed},
                           {"$END_IF", keyed.empty() ? "" : "END IF;"},
                           {"$NOTIFY", wakes}});
}

std::string grant_sql(const PostgresOutbox& outbox) {
  if (outbox.role.empty()) return "";
  const std::string role = sql::quoted(outbox.role);
  return "GRANT USAGE ON SCHEMA headrace TO " + role +
         ";\nGRANT SELECT, DELETE ON headrace.outbox TO " + role +
         ";\nGRANT SELECT, INSERT, UPDATE ON headrace.outbox_feeds TO " + role + ";\n";
}

std::string install_sql(const PostgresOutbox& outbox, const std::vector<Watched>& tables,
                        const std::vector<std::string>& old_functions) {
  std::string sql(begin_sql);
  sql += shared_sql;
  sql += drop_functions(old_functions);
  for (const Watched& watched : tables) {
    sql += create_function(outbox, watched);
    for (const Watched::Relation& relation : watched.relations) {
      for (const std::string_view event : outbox_events) {
        sql += create_trigger(outbox, watched, relation, event);
      }
    }
  }
  sql += grant_sql(outbox);
  return sql + "COMMIT;\n";
}

std::string uninstall_sql(std::string_view feed, const std::vector<std::string>& functions,
                          bool is_last) {
  std::string sql(begin_sql);
  sql += drop_functions(functions);
  if (is_last) {
    sql += "DROP TABLE IF EXISTS headrace.outbox, headrace.outbox_feeds;\n";
  } else {
    sql += "DELETE FROM headrace.outbox WHERE feed = " + literal(feed) +
           ";\nDELETE FROM headrace.outbox_feeds WHERE feed = " + literal(feed) + ";\n";
  }
  return sql + "COMMIT;\n";
}

}  // namespace headrace::postgres::feed
