#include "replay/sqlite_db.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>

namespace headrace::replay {

namespace {

constexpr std::uint64_t entities_per_progress = 2000;

std::unexpected<Error> fault(sqlite3* database, std::string_view doing) {
  return failure(Code::source_unavailable,
                 fmt::format("source database: {}: {}", doing, sqlite3_errmsg(database)));
}

// Columns whose values are numbers in every document.
std::string create_sql(Collection collection) {
  const CollectionShape& shape = shape_of(collection);
  const std::vector<Value> sample = document_of({.shared_bytes = 0}, {collection, 0}, 0, 1);
  std::string columns;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const bool number = std::holds_alternative<std::int64_t>(sample[i]);
    columns += fmt::format("{} {}, ", shape.fields[i], number ? "INTEGER NOT NULL" : "TEXT");
  }
  return shape.is_list ? fmt::format(
                             "CREATE TABLE {} ({}PRIMARY KEY (owner, place))"
                             " WITHOUT ROWID;",
                             shape.name, columns)
                       : fmt::format("CREATE TABLE {} ({}PRIMARY KEY (id));", shape.name, columns);
}

// Parameters: the values of a document.
std::string insert_sql(Collection collection) {
  const CollectionShape& shape = shape_of(collection);
  std::string marks;
  for (std::size_t i = 0; i < shape.fields.size(); ++i) marks += i == 0 ? "?" : ",?";
  return fmt::format("INSERT INTO {} VALUES ({})", shape.name, marks);
}

// Which document, in which version: the same names as parameters.
std::string where_sql(Collection collection) {
  const bool is_list = shape_of(collection).is_list;
  return is_list ? " WHERE owner = :owner AND place = :place AND version = :before"
                 : " WHERE id = :id AND version = :before";
}

// Parameters: the values of a document, and the version before.
std::string update_sql(Collection collection) {
  const CollectionShape& shape = shape_of(collection);
  std::string sets;
  for (const std::string& field : shape.fields) {
    sets += fmt::format("{}{} = :{}", sets.empty() ? "" : ", ", field, field);
  }
  return fmt::format("UPDATE {} SET {}{}", shape.name, sets, where_sql(collection));
}

std::string remove_sql(Collection collection) {
  return fmt::format("DELETE FROM {}{}", shape_of(collection).name, where_sql(collection));
}

constexpr char made_sql[] =
    "CREATE TABLE made (users INTEGER NOT NULL, lists INTEGER NOT NULL,"
    " shared_bytes INTEGER NOT NULL);"
    "INSERT INTO made VALUES ({}, {}, {})";

}  // namespace

std::string_view key_column(Collection collection) {
  return shape_of(collection).is_list ? "owner" : "id";
}

void SqliteDb::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}
void SqliteDb::Close::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Result<SqliteDb::Database> SqliteDb::connect(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int outcome = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (outcome != SQLITE_OK) return fault(raw, "opening " + path);
  sqlite3_busy_timeout(raw, 10'000);
  return database;
}

Result<void> SqliteDb::run(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fault(database, "preparing the tables");
}

Result<SqliteDb::Statement> SqliteDb::prepare(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
    return fault(
        database,
        "preparing a statement; was the file made by `headrace replay`, for this workload?");
  }
  return Statement(raw);
}

void SqliteDb::bind(sqlite3_stmt* statement, const std::vector<Value>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int place = static_cast<int>(i) + 1;
    if (const auto* number = std::get_if<std::int64_t>(&values[i])) {
      sqlite3_bind_int64(statement, place, *number);
    } else {
      const std::string& text = std::get<std::string>(values[i]);
      sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()),
                        SQLITE_TRANSIENT);
    }
  }
}

Result<void> SqliteDb::fill(sqlite3* database, const Population& population,
                            const std::vector<Collection>& collections,
                            const MakeProgress& progress) {
  std::uint64_t all = 0;
  std::uint64_t done = 0;
  for (const Collection collection : collections) all += count_of(population, collection);
  for (const Collection collection : collections) {
    auto insert = prepare(database, insert_sql(collection));
    if (!insert) return std::unexpected(insert.error());
    for (Entity entity{collection, 0}; entity.number < count_of(population, collection);
         ++entity.number) {
      const std::uint32_t rows = rows_at_start(population, entity);
      for (std::uint32_t row = 0; row < rows; ++row) {
        bind(insert->get(), document_of(population, entity, row, 1));
        if (sqlite3_step(insert->get()) != SQLITE_DONE) return fault(database, "inserting a row");
        sqlite3_reset(insert->get());
      }
      if (progress && ++done % entities_per_progress == 0) progress(done, all);
    }
  }
  if (progress) progress(all, all);
  return {};
}

Result<void> SqliteDb::make(const std::string& path, const Population& population,
                            const std::vector<Collection>& collections,
                            const MakeProgress& progress) {
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) {
    return failure(Code::invalid_argument,
                   "source database: " + path + " exists already; remove it or name another");
  }
  auto database = connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!database) return std::unexpected(database.error());
  std::string tables = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN;";
  for (const Collection collection : collections) tables += create_sql(collection);
  tables += fmt::format(made_sql, population.users, population.lists, population.shared_bytes);
  auto made = run(database->get(), tables);
  if (made) made = fill(database->get(), population, collections, progress);
  if (made) made = run(database->get(), "COMMIT");
  return made;
}

Result<std::unique_ptr<SqliteDb>> SqliteDb::open(const std::string& path) {
  auto database = connect(path, SQLITE_OPEN_READWRITE);
  if (!database) return std::unexpected(database.error());
  auto opened = std::make_unique<SqliteDb>(std::move(*database));
  if (auto read = opened->read_population(); !read) return std::unexpected(read.error());
  return opened;
}

Result<void> SqliteDb::read_population() {
  auto query = prepare(database_.get(), "SELECT users, lists, shared_bytes FROM made");
  if (!query) return std::unexpected(query.error());
  if (sqlite3_step(query->get()) != SQLITE_ROW) return fault(database_.get(), "counting the users");
  const auto column = [&query](int place) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), place));
  };
  population_ = {.users = column(0), .lists = column(1), .shared_bytes = column(2)};
  return {};
}

Result<SqliteDb::Statements*> SqliteDb::statements_of(Collection collection) {
  Statements& statements = statements_[static_cast<std::size_t>(collection)];
  const auto fill_in = [this](Statement& statement, const std::string& sql) -> Result<void> {
    auto prepared = prepare(database_.get(), sql);
    if (!prepared) return std::unexpected(prepared.error());
    statement = std::move(*prepared);
    return {};
  };
  if (statements.remove) return &statements;
  auto filled = fill_in(statements.insert, insert_sql(collection));
  if (filled) filled = fill_in(statements.update, update_sql(collection));
  if (filled) filled = fill_in(statements.remove, remove_sql(collection));
  if (!filled) return std::unexpected(filled.error());
  return &statements;
}

Result<void> SqliteDb::changed_in(Collection collection, std::vector<Standing>& standings) {
  // The newest document of a list has the list's version.
  auto query =
      prepare(database_.get(), fmt::format("SELECT {0}, max(version) FROM {1} GROUP BY {0}",
                                           key_column(collection), shape_of(collection).name));
  if (!query) return std::unexpected(query.error());
  int outcome = 0;
  while ((outcome = sqlite3_step(query->get())) == SQLITE_ROW) {
    const Entity entity{collection,
                        static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 0))};
    const auto version = static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 1));
    if (version != version_at_start(population_, entity)) standings.push_back({entity, version});
  }
  if (outcome != SQLITE_DONE) return fault(database_.get(), "reading the versions");
  return {};
}

Result<std::vector<Standing>> SqliteDb::changed(const std::vector<Collection>& collections) {
  std::vector<Standing> standings;
  for (const Collection collection : collections) {
    auto read = changed_in(collection, standings);
    if (!read) return std::unexpected(read.error());
  }
  return standings;
}

Result<void> SqliteDb::step(sqlite3_stmt* statement) {
  const int outcome = sqlite3_step(statement);
  const int rows = sqlite3_changes(database_.get());
  // A failed step says why once more when it is reset, so its words are taken before.
  const std::string why = sqlite3_errmsg(database_.get());
  sqlite3_reset(statement);
  if (outcome != SQLITE_DONE) {
    return failure(Code::source_unavailable, "source database: writing: " + why);
  }
  if (rows == 1) return {};
  return failure(Code::source_failed,
                 "source database: the row has another version than this replay wrote; "
                 "is another replay writing to the same file?");
}

std::expected<Change::Kind, WriteFault> SqliteDb::write(Entity entity, std::uint64_t version) {
  const auto statements = statements_of(entity.collection);
  if (!statements) return std::unexpected(statements.error());
  const Change change = change_to(population_, entity, version);
  const std::vector<Value> document = document_of(population_, entity, change.row, version);
  sqlite3_stmt* statement = (*statements)->insert.get();
  if (change.kind == Change::Kind::update) statement = (*statements)->update.get();
  if (change.kind == Change::Kind::remove) {
    // The key stands first in every document.
    statement = (*statements)->remove.get();
    const auto key_size = shape_of(entity.collection).is_list ? 2 : 1;
    bind(statement, {document.begin(), document.begin() + key_size});
  } else {
    bind(statement, document);
  }
  if (const int place = sqlite3_bind_parameter_index(statement, ":before"); place > 0) {
    sqlite3_bind_int64(statement, place, static_cast<sqlite3_int64>(change.before));
  }
  if (auto stepped = step(statement); !stepped) return std::unexpected(stepped.error());
  return change.kind;
}

}  // namespace headrace::replay
