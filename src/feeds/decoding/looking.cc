// What the state is made of: slot and publication by their names, which no other installation has;
// the publication, what it publishes and the tables by their versions; the server's history.
#include "feeds/decoding/looking.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "feeds/decoding/installation.h"
#include "feeds/decoding/published.h"
#include "feeds/postgres/state_sql.h"
#include "feeds/postgres/watched.h"
#include "sql/question.h"

namespace headrace::postgres::decoding {

namespace {

constexpr std::string_view state_sql = R"(
  UNION ALL SELECT concat_ws(' ', 'slot', slot) FROM own
  UNION ALL SELECT concat_ws(' ', 'identity', c.oid, c.relreplident)
    FROM pg_catalog.pg_class AS c JOIN kin ON kin.oid = c.oid
  UNION ALL SELECT concat_ws(' ', 'publication', p.oid, p.xmin)
    FROM pg_catalog.pg_publication AS p JOIN own ON own.slot = p.pubname
  UNION ALL SELECT concat_ws(' ', 'member', r.oid, r.xmin, r.prrelid)
    FROM pg_catalog.pg_publication_rel AS r JOIN pg_catalog.pg_publication AS p
    ON p.oid = r.prpubid JOIN own ON own.slot = p.pubname)";

// The functions are called after the snapshot was taken.  A standby that writers wait for has a
// priority once it has said how far it is; whether it will have one its name tells before.
constexpr std::string_view ask_sql = R"(
SELECT pg_current_snapshot(),
  (SELECT md5(string_agg(item, ';' ORDER BY item)) FROM state),
  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'),
  pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0'),
  (extract(epoch FROM clock_timestamp() - timestamptz '2000-01-01 00:00:00+00') * 1000000)::bigint,
  own.slot, own.state, s.wal_status,
  s.active_pid, pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0'),
  pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint,
  coalesce(r.sync_priority, 0) > 0 OR EXISTS (SELECT FROM
    regexp_split_to_table(lower(current_setting('synchronous_standby_names')), '[ ,")(]+') AS name
    WHERE name IN ('*', lower(current_setting('application_name'))))
FROM (SELECT) AS one LEFT JOIN own ON true
LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = own.slot
  AND s.plugin = 'pgoutput' AND s.database = current_database()
LEFT JOIN pg_catalog.pg_stat_replication AS r ON r.pid = s.active_pid)";

// $1 feed, $2 tables.
std::string look_sql() {
  return "WITH RECURSIVE own(slot, state) AS ("
         "SELECT slot, state FROM headrace.decoding_feeds WHERE feed = $1), " +
         std::string(feed::kin_sql) + ", state(item) AS (" + std::string(feed::state_of_kin_sql) +
         std::string(state_sql) + ")" + std::string(ask_sql);
}

constexpr char look_name[] = "headrace_look";

constexpr char lock_sql[] = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";

constexpr char record_sql[] = "UPDATE headrace.decoding_feeds SET state = $2 WHERE feed = $1";

// A commit that changes nothing, and is waited for.
constexpr char flush_sql[] = "SELECT pg_logical_emit_message(true, 'headrace', '')";

std::string text_of(const Row& row, int column) {
  return std::string(row.at(column).value_or(""));
}

std::uint64_t number_of(const Row& row, int column) {
  const std::string_view text = row.at(column).value_or("");
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string lack_of(const Row& row, const std::string& slot, const std::string& feed) {
  if (slot.empty()) return "feed " + feed + " is not installed; install the feed";
  if (!row.at(9)) return "the slot " + slot + " is gone; install the feed again";
  if (row.at(7) == "lost") {
    return "the slot " + slot +
           " has lost a part of the log, for more was to be kept than max_slot_wal_keep_size; "
           "install the feed again";
  }
  if (row.at(11) == "t") {
    return "synchronous_standby_names names this session by its application_name: writers would "
           "wait for the feed, and the feed for them; name the standbys, and not \"*\"";
  }
  return "";
}

}  // namespace

// Nobody waits for a standby here: it may be the one that a commit is waiting for.
Result<std::unique_ptr<Looking>> Looking::open(const PostgresDecodingOptions& options,
                                               const Clock& clock, const Bell& bell) {
  auto primary = feed::open_primary(options.login, "local", options.silent_max, clock, bell);
  if (!primary) return std::unexpected(std::move(primary.error()));
  return std::make_unique<Looking>(options, clock, std::move(*primary));
}

Result<void> Looking::prepare_look() {
  if (is_prepared_) return {};
  Result<void> prepared = session_->prepare(look_name, look_sql(), until());
  is_prepared_ = prepared.has_value();
  return prepared;
}

Result<Look> Looking::look() {
  Look look;
  std::string snapshot;
  Result<void> done = prepare_look();
  if (done) {
    const std::vector<std::string> parameters{options_.decoding.name,
                                              feed::names_of(options_.decoding.tables)};
    done = session_->ask_prepared(look_name, parameters, until(), [&](const Row& row) {
      snapshot = text_of(row, 0);
      look.state = history_ + " " + text_of(row, 1);
      look.written = number_of(row, 2);
      look.flushed = number_of(row, 3);
      look.server_time = static_cast<std::int64_t>(number_of(row, 4));
      look.slot = text_of(row, 5);
      look.recorded = text_of(row, 6);
      look.streamed_by = static_cast<int>(number_of(row, 8));
      look.confirmed = number_of(row, 9);
      look.retained = number_of(row, 10);
      look.lack = lack_of(row, look.slot, options_.decoding.name);
      if (!look.lack.empty()) look.slot.clear();
    });
  }
  if (!done && feed::is_lack(session_->refusal())) {
    return Look{.lack = "PostgreSQL says: " + session_->refusal().words + "; install the feed"};
  }
  if (!done) return std::unexpected(std::move(done.error()));
  Result<Snapshot> parsed = Snapshot::parsed(snapshot);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  look.snapshot = *std::move(parsed);
  return look;
}

Result<Installed> Looking::installed() {
  auto tables = read_published(options_.decoding, *session_, until());
  if (!tables) {
    if (tables.error().code != Code::invalid_argument) return std::unexpected(tables.error());
    return Installed{.lack = tables.error().what};
  }
  Result<std::string> lack = read_lack(options_.decoding, *tables, *session_, until());
  if (!lack) {
    if (lack.error().code != Code::invalid_argument) return std::unexpected(lack.error());
    lack = lack.error().what;
  }
  Installed installed{.lack = *std::move(lack)};
  for (Published& one : *tables) installed.tables.push_back(std::move(one.table));
  return installed;
}

Result<Snapshot> Looking::snapshot() {
  std::string text;
  Result<void> done = session_->ask("SELECT pg_current_snapshot()", {}, until(),
                                    [&](const Row& row) { text = text_of(row, 0); });
  if (!done) return std::unexpected(std::move(done.error()));
  return Snapshot::parsed(text);
}

Result<bool> Looking::become_consumer() {
  bool is_consumer = false;
  Result<void> asked =
      session_->ask(lock_sql, {"headrace.decoding." + options_.decoding.name}, until(),
                    [&](const Row& row) { is_consumer = row.at(0) == "t"; });
  if (!asked) return std::unexpected(std::move(asked.error()));
  return is_consumer;
}

Result<std::uint64_t> Looking::next_transaction() {
  std::uint64_t number = 0;
  Result<void> done = session_->ask("SELECT pg_current_xact_id()", {}, until(),
                                    [&](const Row& row) { number = number_of(row, 0); });
  if (!done) return std::unexpected(std::move(done.error()));
  return number;
}

Result<void> Looking::flush() {
  return session_->run(flush_sql, {}, until());
}

Result<void> Looking::record(const std::string& state) {
  Result<void> done = session_->run(record_sql, {options_.decoding.name, state}, until());
  const bool cannot_be = !done && state.empty() && feed::is_lack(session_->refusal());
  return cannot_be ? Result<void>() : done;
}

}  // namespace headrace::postgres::decoding
