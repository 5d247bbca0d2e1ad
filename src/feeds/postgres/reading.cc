// Why what is gone was acknowledged.  A change and its row in the outbox are one transaction: they
// can be read from the same moment on.  Rows go when their change was acknowledged, or after a
// lost() was that came after a look which saw them.  So when no row is left that a look could see,
// all that could be read at that look has been acknowledged, by whomever.  Whether a row could be
// seen then the server says exactly, by the row's transaction (pg_visible_in_snapshot).
//
// That holds while every change makes its row.  The state is made of what that hangs on, and of the
// versions (xmin) that these catalog rows have: so it does not come back when a trigger is switched
// off and on again, and changes with a partition that comes or goes (which writes the versions of
// its columns), or a TRUNCATE of the outbox.  A
// table's triggers cannot be changed while a transaction that has written to it is open.
//
// A removal that a crash undoes is only told again: so nothing waits for the server's disk.
#include "feeds/postgres/reading.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "feeds/postgres/changes.h"
#include "feeds/postgres/installed.h"
#include "feeds/postgres/outbox_sql.h"
#include "feeds/postgres/state_sql.h"
#include "feeds/postgres/watched.h"
#include "sql/question.h"

namespace headrace::postgres::feed {

namespace {

// $1 feed, $2 tables, $3 the functions' pattern, $4 backlog_max + 1, $5 an earlier snapshot.
std::string look_sql() {
  return "WITH RECURSIVE " + std::string(kin_sql) + R"(, told(oid, version) AS (
  SELECT oid, xmin FROM pg_catalog.pg_proc
  WHERE pronamespace = to_regnamespace('headrace') AND proname LIKE 'outbox\_%' AND proname ~ $3
), state(item) AS ()" +
         std::string(state_of_kin_sql) +
         R"(
  UNION ALL SELECT concat_ws(' ', 'subscribed', s.srsubid, s.srrelid)
    FROM pg_catalog.pg_subscription_rel AS s JOIN kin ON kin.oid = s.srrelid
  UNION ALL SELECT concat_ws(' ', 'function', oid, version) FROM told
  UNION ALL SELECT concat_ws(' ', 'trigger', t.oid, t.xmin)
    FROM pg_catalog.pg_trigger AS t JOIN kin ON kin.oid = t.tgrelid JOIN told ON told.oid = t.tgfoid
  UNION ALL SELECT concat_ws(' ', 'outbox', oid, relfilenode)
    FROM pg_catalog.pg_class WHERE oid = to_regclass('headrace.outbox')
)
SELECT pg_current_snapshot(),
  (SELECT md5(string_agg(item, ';' ORDER BY item)) FROM state),
  (SELECT state FROM headrace.outbox_feeds WHERE feed = $1),
  (SELECT count(*) FROM (SELECT FROM headrace.outbox WHERE feed = $1 LIMIT $4::bigint) AS r),
  EXISTS (SELECT FROM headrace.outbox
          WHERE feed = $1 AND pg_visible_in_snapshot(xid, nullif($5, '')::pg_snapshot)))";
}

constexpr char look_name[] = "headrace_look";

constexpr char lock_sql[] = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";

constexpr char read_sql[] =
    "SELECT id, tbl, key, to_json(fields), vals FROM headrace.outbox "
    "WHERE feed = $1 ORDER BY id LIMIT $2::bigint";

constexpr char remove_sql[] =
    "WITH gone AS (DELETE FROM headrace.outbox WHERE feed = $1 AND id = ANY ($2::bigint[]) "
    "RETURNING clock_timestamp() - at AS lag) SELECT count(*), "
    "(extract(epoch FROM min(lag)) * 1000000)::bigint, "
    "(extract(epoch FROM max(lag)) * 1000000)::bigint FROM gone";

constexpr char remove_all_sql[] =
    "WITH gone AS (DELETE FROM headrace.outbox WHERE feed = $1 AND id IN (SELECT id "
    "FROM headrace.outbox WHERE feed = $1 AND pg_visible_in_snapshot(xid, $2::pg_snapshot) "
    "ORDER BY id LIMIT 10000) RETURNING id) SELECT count(*) FROM gone";

constexpr char record_sql[] =
    "INSERT INTO headrace.outbox_feeds(feed, state) VALUES ($1, $2) "
    "ON CONFLICT (feed) DO UPDATE SET state = excluded.state";

std::uint64_t number_of(const Row& row, int column) {
  const std::string_view text = row.at(column).value_or("0");
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string text_of(const Row& row, int column) {
  return std::string(row.at(column).value_or(""));
}

}  // namespace

Result<std::unique_ptr<outbox::Reading>> Reading::open(const PostgresFeedOptions& options,
                                                       const Clock& clock, const Bell& bell) {
  auto primary = open_primary(options.login, "off", options.silent_max, clock, bell);
  if (!primary) return std::unexpected(std::move(primary.error()));
  return std::make_unique<Reading>(options, clock, std::move(*primary));
}

Result<void> Reading::prepare_look() {
  if (is_prepared_) return {};
  Result<void> prepared = session_->prepare(look_name, look_sql(), until());
  is_prepared_ = prepared.has_value();
  return prepared;
}

Result<Look> Reading::look(const std::string& snapshot) {
  Look look;
  Result<void> done = prepare_look();
  if (done) {
    const std::vector<std::string> parameters{options_.outbox.name,
                                              names_of(options_.outbox.tables),
                                              functions_pattern(options_.outbox.name),
                                              std::to_string(options_.backlog_max + 1), snapshot};
    done = session_->ask_prepared(look_name, parameters, until(), [&](const Row& row) {
      look.moment = text_of(row, 0);
      look.state = history_ + " " + text_of(row, 1);
      look.recorded = text_of(row, 2);
      look.waiting = number_of(row, 3);
      look.some_left = row.at(4) == "t";
    });
  }
  if (!done && is_lack(session_->refusal())) {
    return Look{.lack =
                    "PostgreSQL says: " + session_->refusal().words + "; install the outbox again"};
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return look;
}

Result<std::string> Reading::lack() {
  return read_lack(options_.outbox, *session_, until());
}

Result<bool> Reading::become_consumer() {
  bool is_consumer = false;
  Result<void> asked = session_->ask(lock_sql, {channel_of(options_.outbox.name)}, until(),
                                     [&](const Row& row) { is_consumer = row.at(0) == "t"; });
  if (asked && is_consumer && options_.outbox.notify) {
    const std::string listen = "LISTEN " + sql::quoted(channel_of(options_.outbox.name));
    asked = session_->run(listen, {}, until());
  }
  if (!asked) return std::unexpected(std::move(asked.error()));
  return is_consumer;
}

Result<Portion> Reading::read() {
  Portion portion;
  Result<void> done =
      session_->ask(read_sql, {options_.outbox.name, std::to_string(options_.batch_max)}, until(),
                    [&](const Row& row) {
                      portion.rows += portion.rows.empty() ? "{" : ",";
                      portion.rows += row.at(0).value_or("0");
                      portion.changes.push_back(change_of({.database = options_.database,
                                                           .collection = text_of(row, 1),
                                                           .key = row.at(2),
                                                           .fields = row.at(3).value_or("null"),
                                                           .values = row.at(4).value_or("null")}));
                    });
  if (!done) return std::unexpected(std::move(done.error()));
  portion.rows += portion.rows.empty() ? "{}" : "}";
  return portion;
}

Result<Removed> Reading::remove(const Portion& portion) {
  Removed removed;
  Result<void> done =
      session_->ask(remove_sql, {options_.outbox.name, portion.rows}, until(), [&](const Row& row) {
        removed.rows = number_of(row, 0);
        removed.lag = std::chrono::microseconds(number_of(row, 1));
        removed.lag_max = std::chrono::microseconds(number_of(row, 2));
      });
  if (!done) return std::unexpected(std::move(done.error()));
  return removed;
}

Result<void> Reading::remove_all(const std::string& snapshot) {
  std::uint64_t rows = 0;
  do {
    Result<void> done = session_->ask(remove_all_sql, {options_.outbox.name, snapshot}, until(),
                                      [&](const Row& row) { rows = number_of(row, 0); });
    if (!done) return done;
  } while (rows > 0);
  return {};
}

Result<void> Reading::record(const std::string& state) {
  return session_->run(record_sql, {options_.outbox.name, state}, until());
}

Result<void> Reading::forget() {
  Result<void> done = record("");
  return !done && is_lack(session_->refusal()) ? Result<void>() : done;
}

Result<bool> Reading::hear() {
  bool any = false;
  while (true) {
    if (Result<void> read = session_->read(); !read) return std::unexpected(read.error());
    if (!session_->next()) return any;
    any = true;
    while (session_->next()) {
    }
  }
}

}  // namespace headrace::postgres::feed
