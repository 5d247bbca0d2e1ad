// Why some keys and values are not told.  The log has a value as its type writes it, while those
// who ask compare it with a text that was cast: `true` and not `t`.  Where a type has such a cast
// of its own the two may differ: a key of that kind is told as any, and values are refused.
// Generated columns are not in the stream: where there are some no fields are told.
#include "feeds/decoding/published.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "feeds/postgres/watched.h"

namespace headrace::postgres::decoding {

namespace {

using feed::ask_rows;
using feed::Rows;
using feed::Watched;

constexpr char find_columns[] =
    "SELECT a.attname, a.attgenerated <> '', t.base = 0 OR EXISTS (SELECT FROM pg_catalog.pg_cast "
    "WHERE castsource = t.base AND casttarget = 'text'::regtype AND castmethod = 'f' "
    "AND castsource <> 'name'::regtype) FROM pg_catalog.pg_attribute AS a JOIN ("
    "SELECT n.oid, CASE WHEN n.typtype <> 'd' THEN n.oid WHEN b.typtype <> 'd' THEN b.oid ELSE 0 "
    "END AS base FROM pg_catalog.pg_type AS n LEFT JOIN pg_catalog.pg_type AS b "
    "ON b.oid = n.typbasetype) AS t ON t.oid = a.atttypid "
    "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped";

// The table and its parts: whether old rows are whole, and whether they have the primary key.
constexpr char find_parts[] =
    "WITH RECURSIVE down(oid) AS (SELECT $1::oid UNION "
    "SELECT i.inhrelid FROM down JOIN pg_catalog.pg_inherits AS i ON i.inhparent = down.oid) "
    "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind IN ('r', 'p'), "
    "c.oid = $1::oid OR c.relispartition, c.relreplident = 'f', "
    "c.relreplident = 'd' AND pg_get_replica_identity_index(c.oid) IS NOT NULL, c.oid "
    "FROM down JOIN pg_catalog.pg_class AS c ON c.oid = down.oid "
    "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace ORDER BY c.oid <> $1::oid, 1";

std::uint32_t oid_of(const std::string& text) {
  std::uint32_t oid = 0;
  std::from_chars(text.data(), text.data() + text.size(), oid);
  return oid;
}

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

Result<void> read_columns(const Watched& watched, Table& table, Session& session, Instant until) {
  const Result<Rows> columns = ask_rows(session, find_columns, {watched.oid}, 3, until);
  if (!columns) return std::unexpected(columns.error());
  for (const auto& column : *columns) {
    const bool is_generated = column[1] == "t";
    const bool is_told = !is_generated && column[2] != "t";
    if (is_generated) table.tells_fields = false;
    if (is_told) continue;
    if (column[0] == table.key) table.key.clear();
    if (std::ranges::count(table.values, column[0]) > 0) {
      return wrong("column \"" + column[0] + "\" of " + watched.collection +
                   (is_generated ? " is generated, so that the log does not have its values"
                                 : " is of a type whose values the log has in another form") +
                   "; have its tags without it, or use an outbox");
    }
  }
  return {};
}

Result<void> read_parts(Published& one, Session& session, Instant until) {
  const Result<Rows> parts = ask_rows(session, find_parts, {one.oid}, 6, until);
  if (!parts) return std::unexpected(parts.error());
  if (!parts->empty()) one.name = parts->front()[0];
  const bool needs_whole_rows = !one.table.values.empty();
  for (const auto& part : *parts) {
    if (part[1] != "t") return wrong(part[0] + " is no table of this server's own");
    if (part[2] != "t") {
      return wrong(part[0] + " inherits from " + one.name +
                   " and is no partition: its changes cannot be told as that one's; use an outbox");
    }
    one.table.oids.push_back(oid_of(part[5]));
    const bool is_enough = part[3] == "t" || (!needs_whole_rows && part[4] == "t");
    if (!is_enough) one.to_write_whole_rows.push_back(part[0]);
  }
  return {};
}

// Changes of a part are told as those of one table.
Result<void> refuse_parts(const std::vector<Watched>& all) {
  for (const Watched& one : all) {
    for (const Watched& other : all) {
      const auto found = std::ranges::find(one.relations, other.oid, &Watched::Relation::oid);
      if (one.oid == other.oid || found == one.relations.end() || found->is_above) continue;
      return wrong(other.collection + " is a part of " + one.collection +
                   ": by decoding a feed can tell of only one of the two; use an outbox");
    }
  }
  return {};
}

}  // namespace

Result<void> check_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
  const bool is_name = !name.empty() && name.size() <= outbox_name_bytes_max &&
                       name.find_first_not_of(allowed) == std::string_view::npos;
  if (is_name) return {};
  return wrong("the name of a feed by decoding has 1 to " + std::to_string(outbox_name_bytes_max) +
               " lower-case letters, digits and \"_\"");
}

Result<void> check(const PostgresDecoding& decoding) {
  if (Result<void> named = check_name(decoding.name); !named) return named;
  return feed::check(PostgresOutbox{.tables = decoding.tables, .role = decoding.role});
}

Result<std::vector<Published>> read_published(const PostgresDecoding& decoding, Session& session,
                                              Instant until) {
  const PostgresOutbox asked{.tables = decoding.tables};
  Result<std::vector<Watched>> tables = feed::read_watched(asked, session, until);
  if (!tables) return std::unexpected(std::move(tables.error()));
  if (Result<void> sound = refuse_parts(*tables); !sound) return std::unexpected(sound.error());
  std::vector<Published> all;
  for (Watched& watched : *tables) {
    Published one{
        .table = {.collection = watched.collection, .key = watched.key, .values = watched.values},
        .oid = watched.oid};
    Result<void> read = read_columns(watched, one.table, session, until);
    if (read) read = read_parts(one, session, until);
    if (!read) return std::unexpected(std::move(read.error()));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace headrace::postgres::decoding
