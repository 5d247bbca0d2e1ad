#include "replay/sqlite_backend.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "headrace/sources/sqlite.h"
#include "replay/sqlite_db.h"

namespace headrace::replay {

namespace {

constexpr std::size_t threads_per_latency = 4;  // They sleep elsewhere, so that few are enough.
constexpr std::size_t queue_max = 65536;

class SqliteBackend final : public Backend {
 public:
  SqliteBackend(std::string path, Runtime& runtime) : path_(std::move(path)), runtime_(runtime) {}

  std::string name() const override { return "SQLite"; }

  Result<std::unique_ptr<SourceDb>> open() override {
    auto opened = SqliteDb::open(path_);
    if (!opened) return std::unexpected(opened.error());
    return std::unique_ptr<SourceDb>(std::move(*opened));
  }

  Result<std::shared_ptr<Source>> ask(const Question& question) override {
    auto database = database_with(question.source_min, question.source_max);
    if (!database) return std::unexpected(database.error());
    const CollectionShape& shape = shape_of(question.collection);
    SqlQuestion asked{.fields = question.fields};
    if (!shape.is_list) {
      asked.table = shape.name;
      asked.key = key_column(question.collection);
      return ask_sqlite(std::move(*database), std::move(asked));
    }
    std::string fields;
    for (const std::string& field : question.fields) {
      fields += fmt::format("{}{}", fields.empty() ? "" : ", ", field);
    }
    asked.query = fmt::format("SELECT {} FROM {} WHERE {} = :entity ORDER BY place", fields,
                              shape.name, key_column(question.collection));
    asked.rows = SqlQuestion::Rows::many;
    return ask_sqlite(std::move(*database), std::move(asked));
  }

 private:
  // A database rehearses one latency, so there is one for each on the same file.
  Result<std::shared_ptr<SqliteDatabase>> database_with(Duration min, Duration max) {
    auto& database = databases_[{min, max}];
    if (database) return database;
    auto opened = open_sqlite_database({.path = path_,
                                        .threads = threads_per_latency,
                                        .queue_max = queue_max,
                                        .delay_min = min,
                                        .delay_max = max},
                                       runtime_, runtime_);
    if (opened) database = *opened;
    return opened;
  }

  std::string path_;
  Runtime& runtime_;
  std::map<std::pair<Duration, Duration>, std::shared_ptr<SqliteDatabase>> databases_;
};

}  // namespace

std::unique_ptr<Backend> make_sqlite_backend(std::string path, Runtime& runtime) {
  return std::make_unique<SqliteBackend>(std::move(path), runtime);
}

}  // namespace headrace::replay
