// Why what is gone was acknowledged.  A change and its row in the outbox are one transaction, and
// SQLite has one writer at a time: so the rows' numbers are in the order in which they can be read,
// and what a look has not seen has a higher one.  A number is given once (AUTOINCREMENT), and is
// taken back with the transaction: so there are no gaps, and of what is not acknowledged each
// number has its row.  Where that does not hold, somebody has removed rows: that is a loss.
//
// It holds while every change makes its row.  The state is made of what that hangs on: who has
// installed (a random name), the schema's version, which counts up with each change of it and does
// not come back when a trigger is dropped and made again, and the file's number and birth.
//
// As long as PRAGMA data_version is the same nobody has committed anything, and what was seen is
// what can be read now.  It does not count what is written by this connection itself.
//
// A database that was put back, in the same file, to when less was acknowledged than the note says
// (post.h), is in no state that was recorded either.
//
// A removal that a crash undoes is only told again: so with a log (WAL) nothing waits for the disk.
#include "feeds/sqlite/reading.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "feeds/sqlite/changes.h"
#include "feeds/sqlite/outbox_sql.h"
#include "sql/question.h"
#include "sqlite/schema.h"

namespace headrace::sqlite::feed {

namespace {

constexpr std::uint64_t removed_at_once_max = 10'000;
constexpr Duration writer_pause_max = std::chrono::milliseconds(20);

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Undone at its end, unless it was committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction() {
    if (!committed_) sqlite3_exec(connection_.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] Result<void> begin(const char* sql) {
    Result<void> begun = connection_.run(sql);
    committed_ = !begun;
    return begun;
  }
  [[nodiscard]] Result<void> commit() {
    Result<void> done = connection_.run("COMMIT");
    committed_ = done.has_value();
    return done;
  }

 private:
  Connection& connection_;
  bool committed_ = true;
};

// The number alone is given again when a file is removed and another is made.
Result<std::string> file_of(const std::string& path) {
  struct statx found{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &found) != 0) {
    return failure(Code::source_unavailable, "SQLite database \"" + path + "\" is not there");
  }
  return std::to_string(found.stx_ino) + "." + std::to_string(found.stx_btime.tv_sec) + "." +
         std::to_string(found.stx_btime.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<outbox::Reading>> Reading::open(const SqliteFeedOptions& options,
                                                       const Clock& clock, const io::Bell& bell) {
  // As SQLite names the files beside it.
  std::error_code fault;
  const std::string path = std::filesystem::canonical(options.path, fault).string();
  if (fault) {
    return failure(Code::source_unavailable,
                   "SQLite database \"" + options.path + "\": " + fault.message());
  }
  Result<std::string> file = file_of(path);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<Connection> connection = Connection::open(path, Connection::Access::write);
  if (!connection) return std::unexpected(std::move(connection.error()));
  struct stat about{};
  const mode_t mode = ::stat(path.c_str(), &about) == 0 ? about.st_mode : 0600;
  Result<Post> post = Post::open(post_of(path, options.outbox.name), mode);
  if (!post) return std::unexpected(std::move(post.error()));
  auto reading = std::make_unique<Reading>(options, clock, bell, std::move(*connection),
                                           std::move(*post), std::move(*file));
  if (Result<void> done = reading->set_up(); !done) return std::unexpected(done.error());
  return reading;
}

Reading::Reading(const SqliteFeedOptions& options, const Clock& clock, const io::Bell& bell,
                 Connection connection, Post post, std::string file)
    : options_(options),
      clock_(clock),
      bell_(bell),
      connection_(std::move(connection)),
      post_(std::move(post)),
      file_(std::move(file)),
      table_(sql::quoted(outbox_name(options.outbox.name))) {}

Result<void> Reading::set_up() {
  sqlite3_busy_handler(connection_.raw(), &Reading::on_busy, this);
  const Result<Rows> mode = ask(connection_, "PRAGMA journal_mode", {});
  if (!mode) return std::unexpected(mode.error());
  // Without a log it would be the file itself that a crash finds half written.
  if (!mode->empty() && mode->front().front() == "wal") {
    if (Result<void> set = connection_.run("PRAGMA synchronous = NORMAL"); !set) return set;
  }
  Result<Statement> version = connection_.prepare("PRAGMA data_version");
  if (!version) return std::unexpected(std::move(version.error()));
  data_version_ = std::move(*version);
  return check_file();
}

int Reading::on_busy(void* self, int times) {
  return static_cast<Reading*>(self)->rest_for_writer(times) ? 1 : 0;
}

bool Reading::rest_for_writer(int times) {
  const Instant now = clock_.now();
  if (times == 0) busy_since_ = now;
  if (bell_.is_stopped() || now - busy_since_ >= options_.busy_within) return false;
  const Duration pause = std::chrono::milliseconds(1) * (times + 1);
  wait(now + std::min<Duration>(pause, writer_pause_max));
  return true;
}

// Also when it was put in the place of the one that is open.
Result<void> Reading::check_file() {
  int has_moved = 0;
  sqlite3_file_control(connection_.raw(), "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  if (has_moved == 0) return {};
  return failure(Code::source_unavailable,
                 "SQLite database \"" + options_.path + "\" was replaced by another file");
}

Result<std::int64_t> Reading::data_version() {
  sqlite3_stmt* const raw = data_version_.get();
  const int code = sqlite3_step(raw);
  const std::int64_t version = sqlite3_column_int64(raw, 0);
  Error error = connection_.last_error();
  sqlite3_reset(raw);
  if (code != SQLITE_ROW) return std::unexpected(std::move(error));
  return version;
}

Result<Look> Reading::look(const std::string& moment) {
  if (Result<void> same = check_file(); !same) return std::unexpected(same.error());
  const Result<std::int64_t> version = data_version();
  if (!version) return std::unexpected(version.error());
  if (!has_seen_ || *version != seen_.version) {
    if (Result<void> seen = look_anew(); !seen) return std::unexpected(seen.error());
  }
  Look look = seen_.look;
  look.some_left = !moment.empty() && seen_.oldest > 0 && seen_.oldest <= number_of(moment);
  return look;
}

Result<void> Reading::look_anew() {
  // Before the moment of the look, so that it cannot be of a removal that comes after that.
  const Post::Note note = post_.read();
  Transaction snapshot(connection_);
  if (Result<void> begun = snapshot.begin("BEGIN"); !begun) return begun;
  const Result<std::int64_t> version = data_version();
  if (!version) return std::unexpected(version.error());
  Seen seen{.version = *version};
  Result<void> done = see_feed(seen);
  if (done && seen.look.lack.empty()) done = see_rows(seen);
  if (!done) return done;
  const bool has_forgotten =
      note.identity == seen.identity && note.acknowledged > seen.acknowledged;
  if (has_forgotten) seen.look.recorded.clear();
  seen_ = std::move(seen);
  has_seen_ = true;
  return {};
}

Result<void> Reading::see_feed(Seen& seen) {
  const std::string wanted[] = {feeds_table_sql(), outbox_table_sql(options_.outbox.name)};
  for (const std::string& sql : wanted) {
    const Result<bool> has = has_sql(sql, connection_);
    if (!has) return std::unexpected(has.error());
    if (*has) continue;
    seen.look.lack = "the outbox is not there, or not as it should be; install the outbox again";
    return {};
  }
  const Result<Rows> rows = ask(connection_,
                                "SELECT identity, state, acknowledged, schema_version FROM "
                                "headrace_feeds, pragma_schema_version WHERE feed = ?1",
                                {options_.outbox.name});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) {
    seen.look.lack =
        "feed " + options_.outbox.name + " is not in headrace_feeds; install the outbox again";
    return {};
  }
  const Texts& row = rows->front();
  seen.identity = row[0];
  seen.look.state = row[0] + " " + row[3] + " " + file_;
  seen.look.recorded = row[1];
  seen.acknowledged = number_of(row[2]);
  return {};
}

// An outbox of which rows are missing is in no state that was recorded.
Result<void> Reading::see_rows(Seen& seen) {
  const Result<Rows> rows = ask(
      connection_,
      "SELECT (SELECT count(*) FROM (SELECT 1 FROM " + table_ +
          " LIMIT ?1)), (SELECT min(id) FROM " + table_ + "), max(coalesce((SELECT max(id) FROM " +
          table_ + "), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?2), 0))",
      {std::to_string(options_.backlog_max + 1), outbox_name(options_.outbox.name)});
  if (!rows) return std::unexpected(rows.error());
  const Texts& row = rows->front();
  seen.look.waiting = number_of(row[0]);
  seen.oldest = number_of(row[1]);
  const std::uint64_t last = number_of(row[2]);
  seen.look.moment = std::to_string(last);
  const bool is_over = seen.look.waiting > options_.backlog_max;
  const bool is_whole = last >= seen.acknowledged &&
                        (is_over || seen.look.waiting == last - seen.acknowledged) &&
                        (seen.oldest == 0 || seen.oldest == seen.acknowledged + 1);
  if (!is_whole) seen.look.recorded.clear();
  return {};
}

Result<std::string> Reading::lack() {
  Transaction snapshot(connection_);
  if (Result<void> begun = snapshot.begin("BEGIN"); !begun) return std::unexpected(begun.error());
  return read_lack(options_.outbox, connection_);
}

Result<bool> Reading::become_consumer() {
  return post_.take();
}

// As far as no row is missing: the next look sees what is.
Result<Portion> Reading::read() {
  Result<Statement> statement = connection_.prepare("SELECT id, tbl, key, fields, vals FROM " +
                                                    table_ + " ORDER BY id LIMIT ?1");
  if (!statement) return std::unexpected(std::move(statement.error()));
  sqlite3_stmt* const raw = statement->get();
  sqlite3_bind_int64(raw, 1, static_cast<std::int64_t>(options_.batch_max));
  const auto text = [raw](int column) {
    const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(raw, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw, column));
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
  };
  Portion portion;
  std::uint64_t last = seen_.acknowledged;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    if (static_cast<std::uint64_t>(sqlite3_column_int64(raw, 0)) != last + 1) break;
    ++last;
    const bool has_key = sqlite3_column_type(raw, 2) != SQLITE_NULL;
    portion.changes.push_back(change_of({.database = options_.database,
                                         .collection = std::string(text(1)),
                                         .key = has_key ? std::optional(text(2)) : std::nullopt,
                                         .fields = text(3),
                                         .values = text(4)}));
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) return std::unexpected(connection_.last_error());
  portion.rows = std::to_string(last);
  return portion;
}

Result<Removed> Reading::remove(const Portion& portion) {
  const std::uint64_t last = number_of(portion.rows);
  Transaction transaction(connection_);
  if (Result<void> begun = transaction.begin("BEGIN IMMEDIATE"); !begun) {
    return std::unexpected(begun.error());
  }
  has_seen_ = false;
  const Result<Rows> lags =
      ask(connection_,
          "SELECT CAST(min(lag) AS INTEGER), CAST(max(lag) AS INTEGER) FROM (SELECT "
          "max(0, (julianday('now') - at) * 86400000000) AS lag FROM " +
              table_ + " WHERE id <= ?1)",
          {portion.rows});
  if (!lags) return std::unexpected(lags.error());
  // Were there a second consumer, it might have come further.
  const Result<std::uint64_t> rows = remove_some(last, " AND acknowledged < ?1");
  if (!rows) return std::unexpected(rows.error());
  if (Result<void> done = transaction.commit(); !done) return std::unexpected(done.error());
  if (Result<void> noted = acknowledge(last); !noted) return std::unexpected(noted.error());
  const Texts& lag = lags->front();
  return Removed{.rows = *rows,
                 .lag = std::chrono::microseconds(number_of(lag[0])),
                 .lag_max = std::chrono::microseconds(number_of(lag[1]))};
}

// Up to that number; within a transaction.  How many those were.
Result<std::uint64_t> Reading::remove_some(std::uint64_t last, std::string_view where) {
  const std::string number = std::to_string(last);
  const Result<Rows> gone = ask(connection_, "DELETE FROM " + table_ + " WHERE id <= ?1", {number});
  if (!gone) return std::unexpected(gone.error());
  const auto rows = static_cast<std::uint64_t>(sqlite3_changes(connection_.raw()));
  const std::string& feed = options_.outbox.name;
  const std::string note = "UPDATE headrace_feeds SET acknowledged = ?1 WHERE feed = ?2";
  Result<Rows> noted = ask(connection_, note + std::string(where), {number, feed});
  // A statement that failed halfway and kept what it had done (OR FAIL) has not written it.
  if (noted) {
    noted = ask(connection_,
                "UPDATE sqlite_sequence SET seq = CAST(?1 AS INTEGER) WHERE name = ?2 "
                "AND seq < CAST(?1 AS INTEGER)",
                {number, outbox_name(feed)});
  }
  if (!noted) return std::unexpected(noted.error());
  return rows;
}

Result<void> Reading::acknowledge(std::uint64_t last) {
  return post_.write({.identity = seen_.identity, .acknowledged = last});
}

// In steps, between which others may write.
Result<void> Reading::remove_all(const std::string& moment) {
  const std::uint64_t last = number_of(moment);
  std::uint64_t upto = seen_.oldest == 0 ? last : std::min(last, seen_.oldest - 1);
  do {
    upto = std::min(last, upto + removed_at_once_max);
    Transaction transaction(connection_);
    if (Result<void> begun = transaction.begin("BEGIN IMMEDIATE"); !begun) return begun;
    has_seen_ = false;
    const Result<std::uint64_t> rows = remove_some(upto, "");
    if (!rows) return std::unexpected(rows.error());
    if (Result<void> done = transaction.commit(); !done) return done;
  } while (upto < last);
  return acknowledge(last);
}

Result<void> Reading::record(const std::string& state) {
  has_seen_ = false;
  const Result<Rows> done = ask(connection_, "UPDATE headrace_feeds SET state = ?1 WHERE feed = ?2",
                                {state, options_.outbox.name});
  if (!done) return std::unexpected(done.error());
  return {};
}

// What is not there has not to forget.
Result<void> Reading::forget() {
  Result<void> done = record("");
  return !done && done.error().code == Code::source_failed ? Result<void>() : done;
}

// It rings for other reasons, too, after which there is nothing new to be seen.
Result<bool> Reading::hear() {
  if (!std::exchange(has_rung_, false) || !has_seen_) return false;
  const Result<std::int64_t> version = data_version();
  if (!version) return std::unexpected(version.error());
  return *version != seen_.version;
}

void Reading::wait(Instant until) {
  pollfd watched{bell_.descriptor(), POLLIN, 0};
  if (::poll(&watched, 1, io::poll_milliseconds(until, clock_.now())) <= 0) return;
  bell_.quiet();
  has_rung_ = true;
}

}  // namespace headrace::sqlite::feed
