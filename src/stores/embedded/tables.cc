#include "stores/embedded/tables.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "headrace/store.h"

namespace headrace::embedded {

namespace {

constexpr int log_pages_min = 1000;     // Before the log is copied into the file.
constexpr int log_pages_high = 16000;   // From here on readers are waited for, to reuse the log.
constexpr int second_chances_max = 64;  // Watermarks passed over before the oldest goes anyway.

int note_log_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

// Of two endings in one boot, or of one and none.
Ending later(const Ending& a, const Ending& b) {
  return {.boot = b.boot,
          .instant = std::max(a.instant, b.instant),
          .lasts = std::max(a.lasts, b.lasts)};
}

// Runs a statement that ends in RETURNING; whether it found a row.
Result<bool> affected(Statement& statement) {
  const auto row = statement.step();
  if (!row || !*row) return row;
  const auto rest = statement.run();
  if (!rest) return std::unexpected(rest.error());
  return true;
}

}  // namespace

Token token_of(std::string_view bytes) noexcept {
  Token token;
  if (bytes.size() == token_bytes) std::memcpy(&token, bytes.data(), token_bytes);
  return token;
}

Result<Tables> Tables::open(Database database, Touched& touched) {
  Tables tables;
  tables.database_ = std::move(database);
  tables.touched_ = &touched;
  tables.log_pages_ = std::make_unique<int>(0);
  sqlite3_wal_hook(tables.database_.handle(), note_log_pages, tables.log_pages_.get());
  auto ready = tables.prepare();
  if (ready) ready = tables.count();
  if (!ready) return std::unexpected(ready.error());
  return tables;
}

Result<void> Tables::prepare() {
  const std::pair<Statement*, std::string_view> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&mark_durable_, "UPDATE meta SET value = value + 1 WHERE name = 'durable_groups'"},
      {&find_,
       "SELECT boot, written, written_wall, keeps FROM slots WHERE store_key = ? AND token = ?"},
      {&erase_, "DELETE FROM slots WHERE store_key = ? RETURNING bytes"},
      {&insert_,
       "INSERT INTO slots(store_key, token, boot, written, written_wall, keeps, expires_wall, "
       "bytes, envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&sweep_,
       "DELETE FROM slots WHERE age IN (SELECT age FROM slots WHERE expires_wall <= ? "
       "ORDER BY expires_wall LIMIT ?) RETURNING bytes"},
      {&evict_, "DELETE FROM slots WHERE age = (SELECT MIN(age) FROM slots) RETURNING bytes"},
      {&erase_watermark_, "DELETE FROM watermarks WHERE id = ? RETURNING 1"},
      {&insert_watermark_,
       "INSERT INTO watermarks(id, token) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1"},
      {&oldest_watermark_, "SELECT age, id FROM watermarks ORDER BY age LIMIT 1"},
      {&move_watermark_,
       "UPDATE watermarks SET age = (SELECT MAX(age) + 1 FROM watermarks) WHERE age = ?"},
      {&evict_watermark_, "DELETE FROM watermarks WHERE age = ?"},
      {&insert_guard_, "INSERT OR REPLACE INTO guards VALUES (?, ?, ?, ?, ?)"},
      {&erase_guard_, "DELETE FROM guards WHERE store_key = ? AND guard = ?"},
      {&sweep_guards_,
       "DELETE FROM guards WHERE (store_key, guard) IN (SELECT store_key, guard FROM guards "
       "WHERE ends <= ? AND boot = ? ORDER BY ends LIMIT ?) RETURNING 1"},
      {&erase_floor_,
       "DELETE FROM floors WHERE store_key = ? AND revision = ? RETURNING boot, ends, lasts"},
      {&insert_floor_,
       "INSERT INTO floors(store_key, revision, boot, ends, lasts) VALUES (?, ?, ?, ?, ?)"},
      {&crowd_out_floors_,
       "DELETE FROM floors WHERE store_key = ?1 AND age <= (SELECT age FROM floors "
       "WHERE store_key = ?1 ORDER BY age DESC LIMIT 1 OFFSET ?2) RETURNING 1"},
      {&sweep_floors_,
       "DELETE FROM floors WHERE age IN (SELECT age FROM floors "
       "WHERE ends <= ? AND boot = ? ORDER BY ends LIMIT ?) RETURNING 1"},
      {&evict_floor_,
       "DELETE FROM floors WHERE age = (SELECT age FROM floors WHERE revision <> x'' "
       "ORDER BY ends LIMIT 1) RETURNING boot, ends, lasts"}};
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> Tables::count() {
  const auto entries = database_.number("SELECT COUNT(*) FROM slots");
  if (!entries) return std::unexpected(entries.error());
  const auto bytes = database_.number("SELECT SUM(bytes) FROM slots");
  if (!bytes) return std::unexpected(bytes.error());
  const auto watermarks = database_.number("SELECT COUNT(*) FROM watermarks");
  if (!watermarks) return std::unexpected(watermarks.error());
  const auto floors = database_.number("SELECT COUNT(*) FROM floors");
  if (!floors) return std::unexpected(floors.error());
  totals_ = committed_ = {
      .entries = *entries, .bytes = *bytes, .watermarks = *watermarks, .floors = *floors};
  return {};
}

// A group that must survive a loss of power changes at least one row, so that SQLite does write and
// sync: commits before it that were not synced count on that.
Result<void> Tables::begin(Sync sync) {
  if (sync != sync_) {
    auto set = database_.run(sync == Sync::power ? "PRAGMA synchronous = FULL"
                                                 : "PRAGMA synchronous = NORMAL");
    if (!set) return set;
    sync_ = sync;
  }
  auto begun = begin_.run();
  if (begun && sync == Sync::power) begun = mark_durable_.run();
  return begun;
}

Result<void> Tables::commit() {
  auto committed = commit_.run();
  if (committed) committed_ = totals_;
  return committed;
}

void Tables::roll_back() noexcept {
  database_.roll_back();
  totals_ = committed_;
}

void Tables::checkpoint_if_due() noexcept {
  if (*log_pages_ < log_pages_min) return;
  database_.checkpoint(*log_pages_ < log_pages_high ? Database::Checkpoint::passive
                                                    : Database::Checkpoint::restart);
}

void Tables::close() noexcept {
  const Totals last = totals_;
  *this = Tables();
  totals_ = last;
}

Result<bool> Tables::holds(const StoreKey& key, Token token, const Moment& now) {
  const OpenRow open(find_);
  const auto row = find_.bind(1, key.bytes()).bind(2, bytes_of(token)).step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return false;
  const Moment written{
      .boot = find_.number(0), .instant = find_.number(1), .wall = find_.number(2)};
  const auto age = elapsed(written, now);
  return age && *age < Duration(find_.number(3));
}

Result<void> Tables::erase(const StoreKey& key) {
  erase_.bind(1, key.bytes());
  const auto removed = remove_slots(erase_);
  if (!removed) return std::unexpected(removed.error());
  return {};
}

Result<void> Tables::replace(const StoreKey& key, const Row& row) {
  auto erased = erase(key);
  if (!erased) return erased;
  const auto bytes = static_cast<std::int64_t>(row.bytes());
  auto inserted = insert_.bind(1, key.bytes())
                      .bind(2, bytes_of(row.token))
                      .bind(3, row.written.boot)
                      .bind(4, row.written.instant)
                      .bind(5, row.written.wall)
                      .bind(6, row.keep_for.count())
                      .bind(7, expiry_wall(row.written, row.keep_for))
                      .bind(8, bytes)
                      .bind(9, row.envelope)
                      .run();
  if (!inserted) return inserted;
  totals_.entries += 1;
  totals_.bytes += bytes;
  return {};
}

// A renewed watermark becomes the youngest.
Result<void> Tables::renew(WatermarkId id, Token token) {
  const auto erased = affected(erase_watermark_.bind(1, bytes_of(id)));
  if (!erased) return std::unexpected(erased.error());
  if (*erased) totals_.watermarks -= 1;
  return ensure(id, token);
}

Result<void> Tables::ensure(WatermarkId id, Token token) {
  const auto inserted = affected(insert_watermark_.bind(1, bytes_of(id)).bind(2, bytes_of(token)));
  if (!inserted) return std::unexpected(inserted.error());
  if (*inserted) totals_.watermarks += 1;
  return {};
}

Result<void> Tables::guard(const StoreKey& key, Token guard, const Ending& end) {
  return insert_guard_.bind(1, key.bytes())
      .bind(2, bytes_of(guard))
      .bind(3, end.boot)
      .bind(4, end.instant)
      .bind(5, end.lasts.count())
      .run();
}

Result<void> Tables::unguard(const StoreKey& key, Token guard) {
  return erase_guard_.bind(1, key.bytes()).bind(2, bytes_of(guard)).run();
}

struct Tables::GuardRow {
  StoreKey key{};
  Token guard{};
  Ending end{};
};

Result<void> Tables::load(Guards& guards, FloorTable& floors, const Moment& now) {
  auto done = load_guards(guards, now);
  if (done) done = load_floors(floors, now);
  return done;
}

// A guard may end too late and never too early.  How much time passed between two boots only the
// calendar tells, and that may have been set: so a guard of another boot gets its whole time again,
// once a boot.  The same goes for one that would end later than it could, after a clock that went
// back.  Returns whether it had to be dated anew.
bool Tables::date_anew(Ending& end, Duration lasts_max, const Moment& now) {
  if (end.lasts <= Duration(0) || end.lasts > lasts_max) end.lasts = lasts_max;  // Damaged.
  const std::int64_t latest = now.instant + end.lasts.count();
  if (end.boot == now.boot && end.instant <= latest) return false;
  end = {.boot = now.boot, .instant = latest, .lasts = end.lasts};
  return true;
}

Result<void> Tables::load_guards(Guards& guards, const Moment& now) {
  auto rows = guard_rows();
  if (!rows) return std::unexpected(rows.error());
  std::vector<GuardRow> dated;
  for (GuardRow& row : *rows) {
    if (date_anew(row.end, Store::guard_lasts_max, now)) dated.push_back(row);
    guards.add(row.key, row.guard, Instant(Duration(row.end.instant)));
  }
  guards.expire(Instant(Duration(now.instant)));
  // If this cannot be written, on a full disk, the next opening dates them anew as well.
  if (!rewrite(dated)) roll_back();
  return {};
}

Result<std::vector<Tables::GuardRow>> Tables::guard_rows() {
  auto select = database_.prepare("SELECT store_key, guard, boot, ends, lasts FROM guards");
  if (!select) return std::unexpected(select.error());
  std::vector<GuardRow> rows;
  for (;;) {
    const auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return rows;
    GuardRow& read = rows.emplace_back();
    const std::string_view key = select->blob(0);
    read.guard = token_of(select->blob(1));
    if (key.size() != sizeof read.key.words || read.guard.is_none()) {
      return failure(Code::damaged, "a write guard in it cannot be read");
    }
    std::memcpy(read.key.words, key.data(), key.size());
    read.end = {.boot = select->number(2),
                .instant = select->number(3),
                .lasts = Duration(select->number(4))};
  }
}

Result<void> Tables::rewrite(const std::vector<GuardRow>& rows) {
  if (rows.empty()) return {};
  auto done = begin(Sync::crash);
  for (const GuardRow& row : rows) {
    if (done) done = guard(row.key, row.guard, row.end);
  }
  if (done) done = commit();
  return done;
}

struct Tables::FloorRow {
  StoreKey key{};
  std::string revision{};  // Empty: of every key, and without a name.
  Ending end{};
};

// One that is there already becomes the newest, and ends when the later does.
Result<void> Tables::raise(const StoreKey& key, std::string_view revision, Ending end) {
  erase_floor_.bind(1, key.bytes()).bind(2, revision);
  const auto before = take_floor(erase_floor_);
  if (!before) return std::unexpected(before.error());
  if (*before && (*before)->boot == end.boot) end = later(end, **before);
  auto done = insert_floor_.bind(1, key.bytes())
                  .bind(2, revision)
                  .bind(3, end.boot)
                  .bind(4, end.instant)
                  .bind(5, end.lasts.count())
                  .run();
  if (!done) return done;
  totals_.floors += 1;
  crowd_out_floors_.bind(1, key.bytes()).bind(2, static_cast<std::int64_t>(floors_per_key_max));
  const auto removed = remove_floors(crowd_out_floors_);
  if (!removed) return std::unexpected(removed.error());
  return {};
}

// Removes the one row that the statement names, and says when it would have ended.
Result<std::optional<Ending>> Tables::take_floor(Statement& statement) {
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  const Ending end{.boot = statement.number(0),
                   .instant = statement.number(1),
                   .lasts = Duration(statement.number(2))};
  const auto rest = statement.run();
  if (!rest) return std::unexpected(rest.error());
  totals_.floors -= 1;
  return end;
}

// As guards, in the order in which they were raised.
Result<void> Tables::load_floors(FloorTable& floors, const Moment& now) {
  auto rows = floor_rows();
  if (!rows) return std::unexpected(rows.error());
  std::vector<FloorRow> dated;
  const Instant present{Duration(now.instant)};
  for (FloorRow& row : *rows) {
    if (date_anew(row.end, Store::floor_lasts_max, now)) dated.push_back(row);
    const Instant until{Duration(row.end.instant)};
    if (row.revision.empty()) {
      floors.doubt(until);
    } else {
      floors.raise(row.key, row.revision, until, present);
    }
  }
  floors.expire(present);
  if (!rewrite(dated)) roll_back();
  return {};
}

Result<std::vector<Tables::FloorRow>> Tables::floor_rows() {
  auto select =
      database_.prepare("SELECT store_key, revision, boot, ends, lasts FROM floors ORDER BY age");
  if (!select) return std::unexpected(select.error());
  std::vector<FloorRow> rows;
  for (;;) {
    const auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return rows;
    FloorRow& read = rows.emplace_back();
    const std::string_view key = select->blob(0);
    if (key.size() != sizeof read.key.words) {
      return failure(Code::damaged, "a floor in it cannot be read");
    }
    std::memcpy(read.key.words, key.data(), key.size());
    read.revision = select->blob(1);
    read.end = {.boot = select->number(2),
                .instant = select->number(3),
                .lasts = Duration(select->number(4))};
  }
}

Result<void> Tables::rewrite(const std::vector<FloorRow>& rows) {
  if (rows.empty()) return {};
  auto update = database_.prepare(
      "UPDATE floors SET boot = ?, ends = ?, lasts = ? WHERE store_key = ? AND revision = ?");
  if (!update) return std::unexpected(update.error());
  auto done = begin(Sync::crash);
  for (const FloorRow& row : rows) {
    if (!done) break;
    done = update->bind(1, row.end.boot)
               .bind(2, row.end.instant)
               .bind(3, row.end.lasts.count())
               .bind(4, row.key.bytes())
               .bind(5, row.revision)
               .run();
  }
  if (done) done = commit();
  return done;
}

Result<std::size_t> Tables::sweep_floors(const Moment& now, std::size_t rows_max) {
  sweep_floors_.bind(1, now.instant).bind(2, now.boot).bind(3, static_cast<std::int64_t>(rows_max));
  return remove_floors(sweep_floors_);
}

Result<std::size_t> Tables::remove_floors(Statement& statement) {
  for (std::size_t removed = 0;; ++removed) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return removed;
    totals_.floors -= 1;
  }
}

Result<std::size_t> Tables::evict_floors(std::int64_t count_max, std::size_t rows_max) {
  std::size_t evicted = 0;
  Ending last;
  for (; totals_.floors > count_max && evicted < rows_max; ++evicted) {
    const auto gone = take_floor(evict_floor_);
    if (!gone) return std::unexpected(gone.error());
    if (!*gone) break;
    last = later(last, **gone);
  }
  if (evicted == 0) return evicted;
  auto raised = raise({}, "", last);  // Those that went have ended by then.
  if (!raised) return std::unexpected(raised.error());
  return evicted;
}

Result<std::size_t> Tables::sweep(std::int64_t wall_now, std::size_t rows_max) {
  sweep_.bind(1, wall_now).bind(2, static_cast<std::int64_t>(rows_max));
  return remove_slots(sweep_);
}

Result<std::size_t> Tables::sweep_guards(const Moment& now, std::size_t rows_max) {
  sweep_guards_.bind(1, now.instant).bind(2, now.boot).bind(3, static_cast<std::int64_t>(rows_max));
  for (std::size_t removed = 0;; ++removed) {
    const auto row = sweep_guards_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return removed;
  }
}

Result<std::size_t> Tables::evict_slots(std::int64_t bytes_max, std::size_t rows_max) {
  std::size_t evicted = 0;
  while (totals_.bytes > bytes_max && evicted < rows_max) {
    const auto removed = remove_slots(evict_);
    if (!removed) return removed;
    if (*removed == 0) break;
    evicted += *removed;
  }
  return evicted;
}

Result<std::size_t> Tables::evict_watermarks(std::int64_t count_max, std::size_t rows_max) {
  std::size_t evicted = 0;
  for (; totals_.watermarks > count_max && evicted < rows_max; ++evicted) {
    auto gone = evict_watermark();
    if (!gone) return std::unexpected(gone.error());
  }
  return evicted;
}

Result<std::size_t> Tables::remove_slots(Statement& statement) {
  std::size_t removed = 0;
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return removed;
    ++removed;
    totals_.entries -= 1;
    totals_.bytes -= statement.number(0);
  }
}

Result<void> Tables::evict_watermark() {
  for (int chances = 0;; ++chances) {
    const auto row = oldest_watermark_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    const std::int64_t age = oldest_watermark_.number(0);
    const Token id = token_of(oldest_watermark_.blob(1));
    oldest_watermark_.reset();
    const bool spare = touched_->take({.high = id.high, .low = id.low});
    if (spare && chances < second_chances_max) {
      auto moved = move_watermark_.bind(1, age).run();
      if (!moved) return moved;
      continue;
    }
    totals_.watermarks -= 1;
    return evict_watermark_.bind(1, age).run();
  }
}

}  // namespace headrace::embedded
