#include "sources/sqlite/reader.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sources/sqlite/row.h"

namespace headrace::sqlite {

namespace {

// SQLite asks this often, in steps of its machine, whether to go on.
constexpr int steps_between_looks = 1000;

std::optional<Error> unwanted(const Fetch& fetch, Instant now) {
  if (fetch.stop.stop_requested()) {
    return Error{Code::cancelled, "nobody waits for the SQLite read any more"};
  }
  if (now >= fetch.deadline) {
    return Error{Code::timed_out, "the SQLite read did not end before the fetch's deadline"};
  }
  return std::nullopt;
}

// Leaves a statement without its snapshot and without the entities, however the read ends.
struct ResetAtEnd {
  sqlite3_stmt* statement;
  ~ResetAtEnd() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

void bind(sqlite3_stmt* statement, int parameter, const std::string& entity) {
  sqlite3_bind_text64(statement, parameter, entity.data(), entity.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

}  // namespace

bool Reader::Watch::is_wanted() const noexcept {
  const Instant now = clock.now();
  return std::ranges::any_of(
      waiting, [now](const Fetch* f) { return now < f->deadline && !f->stop.stop_requested(); });
}

std::vector<Result<Fetched>> Reader::answer(const Question& question,
                                            const std::vector<Fetch>& fetches, bool& was_read) {
  const Instant now = watch_.clock.now();
  std::vector<Result<Fetched>> answers(fetches.size());
  std::vector<std::size_t> places;
  watch_.waiting.clear();
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    if (std::optional<Error> error = unwanted(fetches[i], now)) {
      answers[i] = std::unexpected(std::move(*error));
    } else {
      places.push_back(i);
      watch_.waiting.push_back(&fetches[i]);
    }
  }
  was_read = !places.empty();
  if (!was_read) return answers;

  std::vector<sql::Rows> rows(places.size());
  const Result<void> done = read(question, rows);
  for (std::size_t i = 0; i < places.size(); ++i) {
    Result<Fetched>& answer = answers[places[i]];
    if (done) {
      answer = std::move(rows[i]).answer(question.asked);
    } else {
      answer = std::unexpected(fault_of(done.error(), *watch_.waiting[i]));
    }
  }
  return answers;
}

// A read that was broken off says why for each fetch on its own.
Error Reader::fault_of(const Error& error, const Fetch& fetch) const {
  if (error.code != Code::cancelled) return error;
  return unwanted(fetch, watch_.clock.now()).value_or(error);
}

Result<void> Reader::connect() {
  if (connection_) return {};
  Result<Connection> opened = Connection::open(path_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  connection_ = std::move(*opened);
  sqlite3_progress_handler(
      connection_->raw(), steps_between_looks,
      [](void* watch) { return static_cast<Watch*>(watch)->is_wanted() ? 0 : 1; }, &watch_);
  return {};
}

Reader::Statements& Reader::statements_of(const Question& question) {
  if (statements_.size() >= questions_max && !statements_.contains(question.id)) {
    statements_.clear();
  }
  return statements_[question.id];
}

Result<void> Reader::prepare(const Question& question, const std::string& sql, Prepared& into) {
  if (!into.statement) {
    Result<Statement> statement = connection_->prepare(sql);
    if (!statement) return std::unexpected(std::move(statement.error()));
    into.statement = std::move(*statement);
  }
  const int compilations =
      1 + sqlite3_stmt_status(into.statement.get(), SQLITE_STMTSTATUS_REPREPARE, 0);
  if (into.compilations == compilations) return {};
  Result<std::vector<int>> columns = columns_of(question, into.statement.get());
  if (!columns) return std::unexpected(std::move(columns.error()));
  into.columns = std::move(*columns);
  into.compilations = compilations;
  return {};
}

Result<void> Reader::read(const Question& question, std::vector<sql::Rows>& rows) {
  if (Result<void> connected = connect(); !connected) return connected;
  const bool batch = question.has_batches() && rows.size() > 1;
  Result<void> done = batch ? read_batch(question, rows) : read_each(question, rows);
  if (!done) reconnect_if_broken();
  return done;
}

void Reader::reconnect_if_broken() {
  if (!connection_->is_broken()) return;
  statements_.clear();
  revisions_.forget();
  connection_.reset();
}

Result<PartRevisions> Reader::revisions(const std::vector<Part>& parts, Instant deadline) {
  const Fetch waiting{.entity = {}, .deadline = deadline};
  watch_.waiting = {&waiting};
  const auto late = [&] { return unwanted(waiting, watch_.clock.now()); };
  if (std::optional<Error> error = late()) return std::unexpected(*std::move(error));
  if (Result<void> connected = connect(); !connected) return std::unexpected(connected.error());
  Result<PartRevisions> all = revisions_.read(parts, *connection_);
  if (!all) reconnect_if_broken();
  if (std::optional<Error> error = late(); error && !all) return std::unexpected(*std::move(error));
  return all;
}

Result<void> Reader::read_each(const Question& question, std::vector<sql::Rows>& rows) {
  Prepared& prepared = statements_of(question).single;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (Result<void> ready = prepare(question, question.single, prepared); !ready) return ready;
    const ResetAtEnd reset{prepared.statement.get()};
    bind(prepared.statement.get(), 1, watch_.waiting[i]->entity);
    if (Result<void> done = run(question, prepared, 0, rows, i); !done) return done;
  }
  return {};
}

Result<void> Reader::read_batch(const Question& question, std::vector<sql::Rows>& rows) {
  Statements& statements = statements_of(question);
  for (std::size_t first = 0; first < rows.size();) {
    const std::size_t left = rows.size() - first;
    std::size_t chunk = 0;
    while (chunk + 1 < chunk_sizes.size() && chunk_sizes[chunk] < left) ++chunk;
    const std::size_t take = std::min(left, chunk_sizes[chunk]);
    Prepared& prepared = statements.batches[chunk];
    const std::string sql = prepared.statement ? "" : question.batch(chunk_sizes[chunk]);
    if (Result<void> ready = prepare(question, sql, prepared); !ready) return ready;
    const ResetAtEnd reset{prepared.statement.get()};
    for (std::size_t i = 0; i < take; ++i) {
      bind(prepared.statement.get(), static_cast<int>(i + 1), watch_.waiting[first + i]->entity);
    }
    if (Result<void> done = run(question, prepared, 1, rows, first); !done) return done;
    first += take;
  }
  return {};
}

Result<void> Reader::run(const Question& question, Prepared& prepared, int offset,
                         std::vector<sql::Rows>& rows, std::size_t first) {
  while (true) {
    // Also before the first step: short statements end before SQLite would look.
    if (!watch_.is_wanted()) return failure(Code::cancelled, "the SQLite read was broken off");
    const int code = sqlite3_step(prepared.statement.get());
    if (code == SQLITE_DONE) return {};
    if ((code & 0xff) == SQLITE_INTERRUPT) {
      return failure(Code::cancelled, "the SQLite read was broken off");
    }
    if (code != SQLITE_ROW) return std::unexpected(connection_->last_error());
    if (Result<void> same = prepare(question, "", prepared); !same) return same;
    const int number = offset == 0 ? 0 : sqlite3_column_int(prepared.statement.get(), 0);
    const std::size_t place = first + static_cast<std::size_t>(number);
    assert(place < rows.size());
    take_row(question, prepared, offset, rows[place]);
  }
}

void Reader::take_row(const Question& question, const Prepared& prepared, int offset,
                      sql::Rows& rows) {
  if (!rows.begin(question.asked)) return;
  Result<void> taken =
      append_row(rows.json, question, prepared.statement.get(), prepared.columns, offset);
  if (!taken) {
    rows.fault = std::move(taken.error());
    return;
  }
  rows.end();
}

}  // namespace headrace::sqlite
