// What is installed in SQLite so that revisions are kept, and how it goes again.
#include "sources/sqlite/revisions_fixture.h"

namespace headrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class SqliteRevisionTriggersTest : public SqliteRevisionsTest {
 protected:
  RevisionTriggers::Kept check(const std::string& name) {
    const auto all = triggers_->check(parts_of({name}));
    EXPECT_TRUE(all) << all.error().what;
    return all && all->size() == 1 ? all->front() : RevisionTriggers::Kept{};
  }
  std::string fault(const std::string& name) {
    const auto sql = triggers_->install(parts_of({name}));
    return sql ? "none" : std::string(name_of(sql.error().code)) + ": " + sql.error().what;
  }
  void uninstall(const std::vector<std::string>& names) {
    const auto sql = triggers_->uninstall(parts_of(names));
    ASSERT_TRUE(sql) << sql.error().what;
    const auto done = triggers_->apply(*sql);
    ASSERT_TRUE(done) << done.error().what << "\n" << *sql;
  }
};

TEST_F(SqliteRevisionTriggersTest, InstallingTwiceIsInstallingOnce) {
  install({"orders", "progress[user_id]"});
  const std::string before = revision(of_user("7"));
  EXPECT_EQ(triggers_->install(parts_of({"orders", "progress[user_id]"})).value_or("?"), "");
  EXPECT_EQ(revision(of_user("7")), before);
  EXPECT_THAT(check("orders").missing, IsEmpty());
  EXPECT_THAT(check("orders").by, SizeIs(3));
  EXPECT_THAT(check("PROGRESS[USER_ID]").by, SizeIs(5));
  EXPECT_EQ(sql::name_of(check("PROGRESS[USER_ID]").part), "progress[user_id]");
}

TEST_F(SqliteRevisionTriggersTest, CheckSaysWhatIsMissing) {
  EXPECT_THAT(check("orders").missing, SizeIs(5));
  install({"orders"});
  writer_.run("DROP TRIGGER \"headrace INSERT orders\"");
  EXPECT_THAT(check("orders").missing, ElementsAre("a trigger for INSERT on orders"));
  EXPECT_THAT(check("nowhere").missing, ElementsAre("there is no table nowhere"));
  const auto all = triggers_->check({});
  ASSERT_TRUE(all);
  ASSERT_THAT(*all, SizeIs(1));
  EXPECT_EQ(all->front().part, orders_);
}

TEST_F(SqliteRevisionTriggersTest, WhatCannotBeKeptIsRefused) {
  writer_.run(
      "CREATE VIEW rich AS SELECT * FROM orders; CREATE VIRTUAL TABLE words USING fts5(a); "
      "CREATE TABLE a(r REAL, b BLOB, n, c TEXT COLLATE NOCASE, i INTEGER); "
      "CREATE UNIQUE INDEX lower ON a(lower(c))");
  EXPECT_THAT(fault("rich"), StartsWith("invalid-argument: rich is a view, which has no"));
  EXPECT_THAT(fault("words"), HasSubstr("words is a virtual table"));
  EXPECT_THAT(fault("nowhere"), HasSubstr("there is no table nowhere"));
  EXPECT_THAT(fault("orders[x]"), HasSubstr("has no column \"x\""));
  for (const char* name : {"a[r]", "a[b]", "a[n]", "a[c]"}) {
    EXPECT_THAT(fault(name), HasSubstr("equal values may have two spellings")) << name;
  }
  EXPECT_THAT(fault("a[i]"), HasSubstr("the unique index lower of a is on an expression"));
  EXPECT_EQ(fault("a"), "none");
}

TEST_F(SqliteRevisionTriggersTest, NamesMayBeOdd) {
  writer_.run("CREATE TABLE \"it's \"\"odd\"\"\"(\"a 'b\"\"c\" TEXT UNIQUE)");
  const std::string table = "it's \"odd\"";
  const Part part{.table = table, .column = "a 'b\"c", .value = "x'"};
  const auto sql = triggers_->install({{.table = table}, part});
  ASSERT_TRUE(sql) << sql.error().what;
  ASSERT_TRUE(triggers_->apply(*sql));
  EXPECT_THAT(
      changed_by({{.table = table}, part}, "INSERT INTO \"it's \"\"odd\"\"\" VALUES ('x''')"),
      ElementsAre(true, true));
}

TEST_F(SqliteRevisionTriggersTest, WhatWasInstalledGoesAgain) {
  install({"orders", "progress", "progress[user_id]"});
  const std::string first = revision(orders_);
  uninstall({"orders"});
  EXPECT_THAT(revision(orders_), StartsWith("invalid-argument: nobody keeps"));
  EXPECT_THAT(check("progress[user_id]").missing, IsEmpty());
  install({"orders"});
  EXPECT_NE(revision(orders_), first);
  uninstall({});
  EXPECT_EQ(triggers_->uninstall({}).value_or("?"), "");
  writer_.run("INSERT INTO orders VALUES (1, 2); DELETE FROM progress");
  EXPECT_THAT(revision(of_user("7")), StartsWith("invalid-argument: nobody keeps"));
  install({"orders"});
  EXPECT_FALSE(revision(orders_).starts_with("invalid"));
}

TEST_F(SqliteRevisionTriggersTest, AFaultChangesNothing) {
  const auto sql = triggers_->install(parts_of({"orders", "codes"}));
  ASSERT_TRUE(sql);
  writer_.run("DROP TABLE codes");
  const auto done = triggers_->apply(*sql);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, StartsWith("nothing was changed; "));
  EXPECT_THAT(check("orders").missing, SizeIs(5));
  install({"orders"});
}

}  // namespace
}  // namespace headrace
