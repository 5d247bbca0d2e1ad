// Partitions are published as themselves: what is published as the table that they are parts of has
// no TRUNCATE of a part.
//
// The publication comes first, and the slot after it: a slot tells whole transactions from one on
// that began after it was asked for, and so after all that it publishes was published.
#include "feeds/decoding/installation.h"

#include <algorithm>
#include <utility>

#include "feeds/postgres/outbox_sql.h"
#include "feeds/postgres/watched.h"
#include "sql/question.h"

namespace headrace::postgres::decoding {

namespace {

using feed::ask_rows;
using feed::literal;
using feed::Rows;

constexpr std::string_view begin_sql =
    "BEGIN;\n"
    "SET LOCAL standard_conforming_strings = on;\n"
    "SET LOCAL lock_timeout = '500ms';\n"
    "SELECT pg_advisory_xact_lock(hashtextextended('headrace.decoding', 0));\n";

constexpr std::string_view shared_sql =
    "CREATE SCHEMA IF NOT EXISTS headrace;\n"
    "CREATE TABLE IF NOT EXISTS headrace.decoding_feeds (\n"
    "  feed text PRIMARY KEY, slot text NOT NULL, publication oid NOT NULL, state text NOT "
    "NULL);\n";

// All slots and publications that an installation of this name has made.
std::string pattern_of(std::string_view name) {
  return "^headrace_" + std::string(name) + "_[0-9a-f]{16}$";
}

std::string drop_publications(std::string_view name) {
  return "  FOR old IN SELECT pubname FROM pg_publication WHERE pubname ~ " +
         literal(pattern_of(name)) +
         " LOOP\n"
         "    EXECUTE 'DROP PUBLICATION ' || quote_ident(old);\n"
         "  END LOOP;\n";
}

std::string block(const std::string& body) {
  return "DO " + literal(body) + ";\n";
}

std::string publish_sql(const PostgresDecoding& decoding, const std::vector<Published>& tables) {
  std::string list;
  for (const Published& one : tables) list += (list.empty() ? "ONLY " : ", ONLY ") + one.name;
  return block("DECLARE\n  old text;\n  own text := " + literal("headrace_" + decoding.name + "_") +
               " || left(replace(gen_random_uuid()::text, '-', ''), 16);\nBEGIN\n" +
               drop_publications(decoding.name) + "  EXECUTE 'CREATE PUBLICATION ' || own || " +
               literal(" FOR TABLE " + list +
                       " WITH (publish = 'insert, update, delete, truncate', "
                       "publish_via_partition_root = false)") +
               ";\n"
               "  INSERT INTO headrace.decoding_feeds(feed, slot, publication, state)\n"
               "  SELECT " +
               literal(decoding.name) +
               ", own, oid, '' FROM pg_publication WHERE pubname = own\n"
               "  ON CONFLICT (feed) DO UPDATE SET slot = excluded.slot, "
               "publication = excluded.publication, state = '';\nEND ");
}

// A feed that runs lets go of its slot once it sees that it is another's, or nobody's.
std::string drop_slots(std::string_view name) {
  const std::string old_slots =
      "FROM pg_replication_slots WHERE database = current_database() AND slot_name ~ " +
      literal(pattern_of(name)) +
      " AND slot_name NOT IN (SELECT slot FROM headrace.decoding_feeds)";
  return block(
      "BEGIN\n"
      "  FOR tries IN 1..50 LOOP\n"
      "    PERFORM pg_drop_replication_slot(slot_name) " +
      old_slots +
      " AND NOT active;\n"
      "    EXIT WHEN NOT EXISTS (SELECT " +
      old_slots +
      ");\n"
      "    PERFORM pg_sleep(0.1);\n"
      "  END LOOP;\n"
      "  IF EXISTS (SELECT " +
      old_slots +
      ") THEN\n"
      "    RAISE EXCEPTION 'a slot of an earlier installation is in use; stop who uses it, and try "
      "again';\n"
      "  END IF;\nEND ");
}

constexpr char find_wal_level[] = "SELECT current_setting('wal_level')";

constexpr char find_feeds[] = "SELECT to_regclass('headrace.decoding_feeds') IS NOT NULL";

constexpr char find_own[] =
    "SELECT f.slot, p.oid IS NOT NULL, s.wal_status, "
    "p.oid = f.publication AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate "
    "AND NOT p.pubviaroot FROM headrace.decoding_feeds AS f "
    "LEFT JOIN pg_catalog.pg_publication AS p ON p.pubname = f.slot "
    "LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = f.slot "
    "AND s.plugin = 'pgoutput' AND s.database = current_database() AND NOT s.temporary "
    "WHERE f.feed = $1";

// From version 15 on a publication may leave out rows or columns.
constexpr char find_members[] =
    "SELECT r.prrelid FROM pg_catalog.pg_publication_rel AS r JOIN pg_catalog.pg_publication AS p "
    "ON p.oid = r.prpubid WHERE p.pubname = $1 AND coalesce(to_jsonb(r)->>'prqual', "
    "to_jsonb(r)->>'prattrs') IS NULL";

std::string advice(std::string what) {
  return std::move(what) + "; install the feed again";
}

std::string lack_of_tables(const std::vector<Published>& tables, const Rows& members) {
  for (const Published& one : tables) {
    if (std::ranges::count(members, std::vector{one.oid}) == 0) {
      return advice("the publication does not have all of " + one.name);
    }
    if (!one.to_write_whole_rows.empty()) {
      return advice("what " + one.to_write_whole_rows.front() +
                    " writes to the log of old rows is not enough: its replica identity must be " +
                    (one.table.values.empty() ? "its primary key, or FULL" : "FULL"));
    }
  }
  return "";
}

}  // namespace

std::string grant_sql(const PostgresDecoding& decoding) {
  if (decoding.role.empty()) return "";
  const std::string role = sql::quoted(decoding.role);
  return "GRANT USAGE ON SCHEMA headrace TO " + role +
         ";\nGRANT SELECT, UPDATE ON headrace.decoding_feeds TO " + role + ";\n";
}

std::vector<std::string> install_sql(const PostgresDecoding& decoding,
                                     const std::vector<Published>& tables) {
  std::string sql(begin_sql);
  sql += shared_sql;
  for (const Published& one : tables) {
    for (const std::string& name : one.to_write_whole_rows) {
      sql += "ALTER TABLE ONLY " + name + " REPLICA IDENTITY FULL;\n";
    }
  }
  sql += publish_sql(decoding, tables) + grant_sql(decoding) + "COMMIT;\n";
  return {sql, drop_slots(decoding.name), "SET statement_timeout = '30s';\n",
          "SELECT pg_create_logical_replication_slot(slot, 'pgoutput') "
          "FROM headrace.decoding_feeds WHERE feed = " +
              literal(decoding.name) + ";\n"};
}

std::vector<std::string> uninstall_sql(std::string_view name) {
  return {std::string(begin_sql) + std::string(shared_sql) +
              block("DECLARE\n  old text;\nBEGIN\n" + drop_publications(name) + "END ") +
              "DELETE FROM headrace.decoding_feeds WHERE feed = " + literal(name) + ";\nCOMMIT;\n",
          drop_slots(name),
          block("BEGIN\n  IF NOT EXISTS (SELECT FROM headrace.decoding_feeds) THEN\n"
                "    DROP TABLE headrace.decoding_feeds;\n  END IF;\nEND ")};
}

Result<std::string> read_lack(const PostgresDecoding& decoding,
                              const std::vector<Published>& tables, Session& session,
                              Instant until) {
  const Result<Rows> level = ask_rows(session, find_wal_level, {}, 1, until);
  if (!level) return std::unexpected(level.error());
  if (level->front()[0] != "logical") {
    return "wal_level is " + level->front()[0] +
           ": set it to logical, start the server anew, and install the feed";
  }
  const Result<Rows> feeds = ask_rows(session, find_feeds, {}, 1, until);
  if (!feeds) return std::unexpected(feeds.error());
  const Rows none;
  const Result<Rows> own = feeds->front()[0] == "t"
                               ? ask_rows(session, find_own, {decoding.name}, 4, until)
                               : Result<Rows>(none);
  if (!own) return std::unexpected(own.error());
  if (own->empty()) return "feed " + decoding.name + " is not installed; install the feed";
  const std::vector<std::string>& found = own->front();
  if (found[1] != "t") return advice("the publication " + found[0] + " is gone");
  if (found[2].empty()) return advice("the slot " + found[0] + " is gone");
  if (found[2] == "lost") return advice("the slot " + found[0] + " has lost a part of the log");
  if (found[3] != "t") return advice("the publication " + found[0] + " is not as it should be");
  const Result<Rows> members = ask_rows(session, find_members, {found[0]}, 1, until);
  if (!members) return std::unexpected(members.error());
  return lack_of_tables(tables, *members);
}

}  // namespace headrace::postgres::decoding
