// Updates of a SQLite source.
#include <sqlite3.h>

#include "headrace/sources/sqlite.h"
#include "kit/folder.h"
#include "updates/update_contract.h"

namespace headrace {
namespace {

class SqlitePlace : public testing::Test {
 protected:
  std::shared_ptr<Source> updatable() {
    sqlite3* file = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &file), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(file,
                           "PRAGMA journal_mode = WAL; "
                           "CREATE TABLE counts(id TEXT PRIMARY KEY, a INT, b INT, n INT)",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(file);
    auto database = open_sqlite_database({.path = path_, .writable = true}, runtime_, runtime_);
    EXPECT_TRUE(database) << database.error().what;
    auto source =
        ask_sqlite(*database, {.table = "counts", .fields = {"a"}, .writable = {"a", "b", "n"}});
    EXPECT_TRUE(source) << source.error().what;
    return source.value_or(nullptr);
  }

  const kit::TemporaryFolder folder_;
  const std::string path_ = folder_.file("counts.sqlite");
  Runtime runtime_{{.threads = 2}};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, UpdateContract, SqlitePlace);

}  // namespace
}  // namespace headrace
