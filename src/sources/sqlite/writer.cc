#include "sources/sqlite/writer.h"

#include <utility>

#include "sources/sqlite/field_value.h"
#include "sources/sqlite/footprint.h"
#include "sources/sqlite/row.h"
#include "sql/question.h"

namespace headrace::sqlite {

namespace {

constexpr int steps_between_looks = 1000;

// ?1 is the entity, ?2 and on are the fields.  OR ABORT beats what the table says about conflicts:
// no other row may go to make room for this one.
std::string sql_of(const Question& question, const Write& write) {
  const std::string table = sql::quoted(question.asked.table);
  const std::string key = sql::quoted(question.asked.key);
  std::string columns, values, sets;
  for (std::size_t i = 0; i < write.fields.size(); ++i) {
    const std::string column = sql::quoted(write.fields[i].first);
    const std::string parameter = "?" + std::to_string(i + 2);
    columns += ", " + column;
    values += ", " + parameter;
    sets += (i == 0 ? "" : ", ") + column + " = " + parameter;
  }
  const std::string returning = " RETURNING CAST(" + key + " AS TEXT)";
  switch (write.mode) {
    case Write::Mode::remove: return "DELETE FROM " + table + " WHERE " + key + " = ?1" + returning;
    case Write::Mode::upsert:
      return "INSERT OR ABORT INTO " + table + "(" + key + columns + ") VALUES (?1" + values +
             ") ON CONFLICT(" + key + ") DO UPDATE SET " + sets + returning;
    case Write::Mode::update: break;
  }
  return "UPDATE OR ABORT " + table + " SET " + sets + " WHERE " + key + " = ?1" + returning;
}

// Whether some column of the table is computed from others, so that more changes than is named.
bool has_computed_columns(Connection& connection, const std::string& table) {
  const Result<Statement> statement =
      connection.prepare("SELECT 1 FROM pragma_table_xinfo(?1) WHERE hidden > 1");
  if (!statement) return true;
  sqlite3_bind_text64(statement->get(), 1, table.data(), table.size(), SQLITE_STATIC, SQLITE_UTF8);
  return sqlite3_step(statement->get()) != SQLITE_DONE;
}

std::string text_of(sqlite3_stmt* row) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, 0));
  return text == nullptr ? std::string() : std::string(text, size);
}

Error at_field(const std::string& field, std::string what) {
  return {Code::invalid_argument, field + ": " + std::move(what)};
}

// All that the statement changes, if that is more than the engine thinks by itself.
std::vector<Dependency> changes_of(const Question& question, const Write& write,
                                   const Footprint& footprint, bool computes) {
  std::vector<std::string> names;
  for (const auto& [name, value] : write.fields) names.push_back(name);
  std::vector<Dependency> all = footprint.changes_besides(question.asked.table, names);
  if (all.empty() && !computes) return all;
  Dependency own = question.reads.front();
  own.fields.clear();
  if (write.mode == Write::Mode::update && !computes) own.fields = std::move(names);
  all.insert(all.begin(), std::move(own));
  for (Dependency& one : all) one.database = question.reads.front().database;
  return all;
}

}  // namespace

bool PendingWrite::await_suspend(std::coroutine_handle<> suspended) {
  awaiting = suspended;
  return writer.submit(*this);
}

Writer::Writer(std::string path, std::size_t queue_max, Clock& clock, Executor& executor)
    : path_(std::move(path)),
      queue_max_(queue_max),
      clock_(clock),
      executor_(executor),
      queue_(queue_max),
      thread_([this] { serve(); }) {}

Writer::~Writer() {
  queue_.end();
}

bool Writer::submit(PendingWrite& write) {
  if (queue_.submit(write)) return true;
  write.outcome = failure(Code::refused, "queue_max of SQLite database \"" + path_ +
                                             "\" is reached: " + std::to_string(queue_max_) +
                                             " writes wait for its thread");
  return false;
}

void Writer::serve() {
  while (PendingWrite* write = queue_.take()) {
    write->outcome = apply(*write);
    executor_.post([awaiting = write->awaiting] { awaiting.resume(); });
  }
}

Result<void> Writer::connect() {
  if (connection_) return {};
  Result<Connection> opened = Connection::open(path_, Connection::Access::write);
  if (!opened) return std::unexpected(std::move(opened.error()));
  connection_ = std::move(*opened);
  sqlite3_progress_handler(
      connection_->raw(), steps_between_looks,
      [](void* self) {
        const auto* writer = static_cast<const Writer*>(self);
        return writer->clock_.now() < writer->deadline_ ? 0 : 1;
      },
      this);
  return {};
}

// One transaction: all of it or nothing.
Result<Written> Writer::apply(const PendingWrite& pending) {
  const Write& write = pending.write;
  deadline_ = write.deadline;
  if (clock_.now() >= deadline_) {
    return failure(Code::timed_out, "the SQLite write did not begin before its deadline");
  }
  if (Result<void> connected = connect(); !connected) return std::unexpected(connected.error());
  Result<void> begun = connection_->run("BEGIN IMMEDIATE");
  Result<Written> written = std::unexpected(begun ? Error{} : begun.error());
  if (begun) {
    const Result<bool> fits = is_as_expected(pending);
    if (!fits) {
      written = std::unexpected(fits.error());
    } else {
      written = *fits ? run(pending.question, write) : Written{.conflict = true};
    }
  }
  if (written) {
    deadline_ = Instant::max();  // What is done is committed.
    if (Result<void> done = connection_->run("COMMIT"); !done) {
      written = std::unexpected(done.error());
    }
  }
  if (!written && sqlite3_get_autocommit(connection_->raw()) == 0) {
    deadline_ = Instant::max();
    (void)connection_->run("ROLLBACK");
  }
  if (!written && connection_->is_broken()) connection_.reset();
  return written;
}

// Nobody else writes from here on: the transaction has begun as one that does.
Result<bool> Writer::is_as_expected(const PendingWrite& pending) {
  const Write& write = pending.write;
  if (!write.expected) return true;
  Result<std::string> state = read_state(pending.whole, write.entity, *connection_);
  if (!state && clock_.now() >= deadline_) return std::unexpected(fault_of(write));
  if (!state) return std::unexpected(std::move(state.error()));
  return *state == *write.expected;
}

// What went wrong, with the name of the field that is to blame where SQLite ends with it.
Error Writer::fault_of(const Write& write) const {
  Error error = connection_->last_error();
  if ((sqlite3_errcode(connection_->raw()) & 0xff) == SQLITE_INTERRUPT) {
    return {Code::timed_out, "the SQLite write was broken off at its deadline; nothing changed"};
  }
  if (error.code != Code::invalid_argument) return error;
  const std::string_view last =
      std::string_view(error.what).substr(error.what.find_last_of(". ") + 1);
  for (const auto& [name, value] : write.fields) {
    if (name == last) return at_field(name, error.what);
  }
  return error;
}

Result<Written> Writer::run(const Question& question, const Write& write) {
  std::vector<FieldValue> values;
  for (const auto& [name, json] : write.fields) {
    Result<FieldValue> value = field_value_of(json);
    if (!value) return std::unexpected(at_field(name, value.error().what));
    values.push_back(*std::move(value));
  }
  std::optional<Footprint> footprint(connection_->raw());
  const Result<Statement> statement = connection_->prepare(sql_of(question, write));
  if (!statement) {
    const bool is_text = statement.error().code == Code::source_failed;
    return failure(is_text ? Code::invalid_argument : statement.error().code,
                   statement.error().what);
  }
  Written written;
  written.changed = changes_of(question, write, *footprint,
                               has_computed_columns(*connection_, question.asked.table));
  footprint.reset();
  sqlite3_stmt* row = statement->get();
  const FieldValue entity(write.entity);
  bind_value(row, 1, entity);
  for (std::size_t i = 0; i < values.size(); ++i)
    bind_value(row, static_cast<int>(i + 2), values[i]);

  std::size_t rows = 0;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(row)) == SQLITE_ROW) {
    const std::string key = text_of(row);
    if (key != write.entity) {
      return failure(Code::invalid_argument, "the row's own key is \"" + key +
                                                 "\"; write it under that name, for what is "
                                                 "kept under it would not be outdated");
    }
    ++rows;
  }
  if (code != SQLITE_DONE) return std::unexpected(fault_of(write));
  if (rows > 1) {
    return failure(Code::invalid_argument,
                   "more than one row has this key; a write changes one entity");
  }
  written.found = rows == 1;
  const bool removes = write.mode == Write::Mode::remove;
  (removes ? written.deletes : written.writes) = written.found ? 1 : 0;
  return written;
}

}  // namespace headrace::sqlite
