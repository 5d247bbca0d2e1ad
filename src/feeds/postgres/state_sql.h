// feeds/postgres/state_sql.h: what of the catalog it hangs on that all changes of tables are told.
//
// The parts of a question from which the state of an installation is made: of the versions (xmin)
// that catalog rows have, so that it never is what it was again, once it was another.
//
// Threads:   constants.
// Errors:    none.
// Lifetimes: static.
#pragma once

#include <string_view>

namespace headrace::postgres::feed {

// Of a WITH RECURSIVE: in `kin` are the tables that $2 names, their parts, and what they are parts
// of.  A part that comes or goes writes the versions of its columns.
inline constexpr std::string_view kin_sql = R"(named(oid) AS (
  SELECT to_regclass(name)::oid FROM unnest($2::text[]) AS name
), down(oid) AS (
  SELECT oid FROM named
  UNION SELECT i.inhrelid FROM down JOIN pg_catalog.pg_inherits AS i ON i.inhparent = down.oid
), up(oid) AS (
  SELECT oid FROM named
  UNION SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = up.oid
), kin(oid) AS (
  SELECT oid FROM down UNION SELECT oid FROM up
))";

// Texts, of which the state is made.
inline constexpr std::string_view state_of_kin_sql = R"(
  SELECT 'none' FROM named WHERE oid IS NULL
  UNION ALL SELECT concat_ws(' ', 'table', c.oid, n.nspname, c.relname, c.relkind, c.relpersistence)
    FROM pg_catalog.pg_class AS c JOIN kin ON kin.oid = c.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  UNION ALL SELECT concat_ws(' ', 'column', a.attrelid, a.attnum, a.xmin)
    FROM pg_catalog.pg_attribute AS a JOIN kin ON kin.oid = a.attrelid WHERE a.attnum > 0
  UNION ALL SELECT concat_ws(' ', 'key', i.indrelid, i.indkey)
    FROM pg_catalog.pg_index AS i JOIN kin ON kin.oid = i.indrelid WHERE i.indisprimary)";

// Another server, or this one after it was restored or another took over, has another history.
inline constexpr char history_sql[] =
    "SELECT system_identifier || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || ' ' || "
    "(SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) "
    "FROM pg_control_system()";

}  // namespace headrace::postgres::feed
