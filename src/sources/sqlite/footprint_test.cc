// What SQLite says that a statement touches: with every way to hide it that SQL has.
#include "sources/sqlite/footprint.h"

#include "sources/sqlite/fixture.h"

namespace headrace::sqlite {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FootprintTest : public SqliteSourceTest {
 protected:
  FootprintTest() {
    writer_.run(R"(
      PRAGMA foreign_keys=1;
      CREATE VIEW rich AS SELECT user, total FROM orders WHERE total > 15;
      CREATE TABLE pets(id INTEGER PRIMARY KEY, name TEXT,
                        owner INTEGER REFERENCES users(id) ON DELETE CASCADE);
      CREATE TABLE log(at TEXT, text TEXT);
      CREATE TRIGGER noted AFTER UPDATE OF name ON pets BEGIN
        INSERT INTO log VALUES ('now', new.name);
        UPDATE pets SET owner = owner WHERE id = new.id; END;)");
    sqlite3_open(path_.c_str(), &database_);
    sqlite3_exec(database_, "PRAGMA foreign_keys=1", nullptr, nullptr, nullptr);
  }
  ~FootprintTest() override { sqlite3_close(database_); }

  template <class Look>
  std::vector<std::string> shown(const std::string& sql, Look look) {
    const Footprint footprint(database_);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database_);
    sqlite3_finalize(statement);
    std::vector<std::string> all;
    for (Dependency& one : look(footprint)) {
      EXPECT_FALSE(one.of_entity);
      std::ranges::sort(one.fields);
      all.push_back(one.collection + ":");
      for (const std::string& field : one.fields) all.back() += " " + field;
    }
    return all;
  }
  std::vector<std::string> reads(const std::string& sql) {
    return shown(sql, [](const Footprint& print) { return print.reads(); });
  }
  std::vector<std::string> besides(const std::string& sql, const std::string& table,
                                   const std::vector<std::string>& fields) {
    return shown(sql, [&](const Footprint& print) { return print.changes_besides(table, fields); });
  }

  sqlite3* database_ = nullptr;
};

TEST_F(FootprintTest, AQueryReadsWhatItFiltersAndSortsByToo) {
  EXPECT_THAT(reads("SELECT name FROM users WHERE id = 1 ORDER BY score"),
              ElementsAre("users: id name score"));
  EXPECT_THAT(reads("SELECT u.NAME FROM USERS u JOIN orders o ON o.user = u.id"),
              UnorderedElementsAre("users: id name", "orders: user"));
  EXPECT_THAT(reads("SELECT (SELECT max(total) FROM orders) + score FROM users"),
              UnorderedElementsAre("users: score", "orders: total"));
  EXPECT_THAT(reads("SELECT user FROM rich"), testing::Contains("orders: total user"));
  EXPECT_THAT(reads("SELECT count(*) FROM users"), ElementsAre("users:"));
  EXPECT_THAT(reads("SELECT 1 FROM codes WHERE EXISTS (SELECT 1 FROM users)"),
              testing::IsSupersetOf({"users:"}));
  EXPECT_THAT(reads("SELECT * FROM codes"), ElementsAre("codes: code meaning"));
  EXPECT_THAT(reads("SELECT 1"), IsEmpty());
}

TEST_F(FootprintTest, AWriteOfItsOwnRowsTouchesNothingBesides) {
  EXPECT_THAT(
      besides("UPDATE users SET NAME = 'x', score = 1 WHERE id = 7", "Users", {"name", "score"}),
      IsEmpty());
  EXPECT_THAT(besides("INSERT INTO codes(code) VALUES ('8')", "codes", {"code"}), IsEmpty());
  EXPECT_THAT(besides("DELETE FROM codes WHERE code = '7'", "codes", {}), IsEmpty());
  EXPECT_THAT(besides("INSERT INTO users(id, name) VALUES (1, 'x') ON CONFLICT(id) DO UPDATE SET "
                      "name = 'x'",
                      "users", {"name"}),
              IsEmpty());
}

TEST_F(FootprintTest, TriggersAndCascadesAreSeen) {
  EXPECT_THAT(besides("UPDATE pets SET name = 'Rex' WHERE id = 1", "pets", {"name"}),
              UnorderedElementsAre("log:", "pets: owner"));
  EXPECT_THAT(besides("UPDATE pets SET owner = 7 WHERE id = 1", "pets", {"owner"}), IsEmpty());
  EXPECT_THAT(besides("DELETE FROM users WHERE id = 7", "users", {}), ElementsAre("pets:"));
}

}  // namespace
}  // namespace headrace::sqlite
