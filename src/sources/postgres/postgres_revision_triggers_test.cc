// What is installed on PostgreSQL so that revisions are kept, and how it goes again.
#include "sources/postgres/revisions_fixture.h"

namespace headrace {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class PostgresRevisionTriggersTest : public PostgresRevisionsTest {
 protected:
  RevisionTriggers::Kept check(const std::string& name, const std::string& reader = "postgres") {
    const auto all = triggers(reader)->check(parts_of({name}));
    EXPECT_TRUE(all) << all.error().what;
    return all && all->size() == 1 ? all->front() : RevisionTriggers::Kept{};
  }
  std::string fault(const std::string& name) {
    const auto sql = triggers()->install(parts_of({name}));
    return sql ? "none" : std::string(name_of(sql.error().code)) + ": " + sql.error().what;
  }
  void uninstall(const std::vector<std::string>& names) {
    const auto keeper = triggers();
    const auto sql = keeper->uninstall(parts_of(names));
    ASSERT_TRUE(sql) << sql.error().what;
    ASSERT_TRUE(keeper->apply(*sql));
  }
};

TEST_F(PostgresRevisionTriggersTest, InstallingTwiceIsInstallingOnce) {
  install({"orders", "progress[user_id]"});
  const auto before = read({orders_, of_user("7")});
  ASSERT_TRUE(before);
  const auto again = triggers(name_ + "_cache")->install(parts_of({"orders", "progress[user_id]"}));
  EXPECT_EQ(again.value_or("?"), "");
  install({"orders", "orders[owner]"});
  EXPECT_EQ(run("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass "
                "AND NOT tgisinternal"),
            "8");
  const auto kept = check("orders[owner]");
  EXPECT_EQ(sql::name_of(kept.part), "public.orders[owner]");
  EXPECT_THAT(kept.missing, IsEmpty());
  EXPECT_THAT(kept.by, SizeIs(4));
  EXPECT_THAT(check("orders").by, Contains("headrace_truncate on public.orders"));
  EXPECT_EQ(read({of_user("7")})->front(), before->back()) << "other parts do not notice";
}

TEST_F(PostgresRevisionTriggersTest, CheckSaysWhatIsMissing) {
  EXPECT_THAT(check("orders").missing,
              Contains("a trigger for truncate on public.orders, enabled always"));
  EXPECT_THAT(check("orders").missing, SizeIs(6));
  install({"orders"});
  run("DROP TRIGGER headrace_delete ON orders");
  EXPECT_THAT(check("orders").missing,
              ElementsAre("a trigger for delete on public.orders, enabled always"));
  EXPECT_THAT(check("orders").by, SizeIs(3));
  install({"orders"});
  EXPECT_THAT(check("orders").missing, IsEmpty());
  run("ALTER TABLE orders DISABLE TRIGGER ALL");
  EXPECT_THAT(check("orders").missing, SizeIs(4));
  install({"orders"});
  run("CREATE OR REPLACE FUNCTION headrace.touch(touched bigint) RETURNS void LANGUAGE plpgsql AS "
      "$$ BEGIN END $$");
  EXPECT_THAT(check("orders").missing, ElementsAre(StartsWith("Headrace's own tables and")));
  install({"orders"});
  EXPECT_THAT(check("orders").missing, IsEmpty());
  EXPECT_THAT(check("orders", name_ + "_app").missing,
              ElementsAre("the right of role " + name_ + "_app to read the revisions"));
  EXPECT_THAT(check("nowhere").missing, ElementsAre("there is no table nowhere"));
  const auto all = triggers()->check({});
  ASSERT_TRUE(all);
  ASSERT_THAT(*all, SizeIs(1));
  EXPECT_EQ(all->front().part.table, "public.orders");
}

TEST_F(PostgresRevisionTriggersTest, WhatCannotBeKeptIsRefused) {
  run("CREATE VIEW rich AS SELECT * FROM orders; CREATE MATERIALIZED VIEW old AS SELECT 1; "
      "CREATE SEQUENCE counter; CREATE TABLE a(n numeric, c char(4), f float8, j jsonb); "
      "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false); "
      "CREATE TABLE b(t text COLLATE loose)");
  EXPECT_THAT(fault("rich"), StartsWith("invalid-argument: public.rich is a view, which has no"));
  EXPECT_THAT(fault("old"), HasSubstr("is a view"));
  EXPECT_THAT(fault("counter"), HasSubstr("is no table"));
  EXPECT_THAT(fault("nowhere"), HasSubstr("there is no table nowhere"));
  EXPECT_THAT(fault("orders[x]"), HasSubstr("has no column \"x\""));
  for (const char* name : {"a[n]", "a[c]", "a[f]", "a[j]", "b[t]"}) {
    EXPECT_THAT(fault(name), HasSubstr("equal values may have two spellings")) << name;
  }
  EXPECT_EQ(fault("b"), "none");
}

TEST_F(PostgresRevisionTriggersTest, WithoutTheRightNothingIsChanged) {
  const auto keeper = triggers(name_ + "_cache", name_ + "_app");
  const auto sql = keeper->install(parts_of({"orders"}));
  ASSERT_TRUE(sql) << sql.error().what;
  const auto done = keeper->apply(*sql);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("permission denied for database"));
  EXPECT_THAT(done.error().what, HasSubstr("--connection"));
  EXPECT_EQ(run("SELECT count(*) FROM pg_namespace WHERE nspname = 'headrace'"), "0");
  // It is one transaction, which may be tried again.
  run("CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t(a int)");
  const auto other = triggers();
  const auto both = other->install(parts_of({"orders", "elsewhere.t"}));
  run("DROP SCHEMA elsewhere CASCADE");
  EXPECT_FALSE(other->apply(*both));
  EXPECT_EQ(run("SELECT count(*) FROM pg_namespace WHERE nspname = 'headrace'"), "0");
  EXPECT_TRUE(other->apply(*other->install(parts_of({"orders"}))));
}

TEST_F(PostgresRevisionTriggersTest, WhoWritesTheTableNeedsNoOtherRight) {
  install({"orders", "progress[user_id]"});
  EXPECT_THAT(changes({orders_, of_user("7")},
                      [&] {
                        auto app = session();
                        app.run("INSERT INTO orders(owner) VALUES (7)");
                        app.run("DELETE FROM progress WHERE user_id = 7");
                      }),
              ElementsAre(true, true));
  auto app = *kit::PostgresClient::connect(server_->port(),
                                           {{"user", name_ + "_app"}, {"database", name_}});
  for (const char* forbidden : {"SELECT * FROM headrace.revision", "DELETE FROM headrace.revision",
                                "SELECT headrace.touch(1)"}) {
    EXPECT_THAT(app.query(forbidden).value_or(""), StartsWith("-42501 ")) << forbidden;
  }
  auto cache = *kit::PostgresClient::connect(server_->port(),
                                             {{"user", name_ + "_cache"}, {"database", name_}});
  EXPECT_THAT(cache.query("UPDATE headrace.revision SET slot = slot").value_or(""),
              StartsWith("-42501 "));
  run("GRANT CREATE ON SCHEMA public TO " + name_ + "_cache");
  cache.query("CREATE TABLE mine(a int)").value_or("");
  for (const char* function : {"bump_table('x')", "bump_values('x', 'a')"}) {
    EXPECT_THAT(cache
                    .query("CREATE TRIGGER t AFTER INSERT ON mine EXECUTE FUNCTION headrace." +
                           std::string(function))
                    .value_or(""),
                StartsWith("-42501 "))
        << "nobody lends himself the owner's rights";
  }
}

// An operator, function or table of the writer's own must not come before the server's.
TEST_F(PostgresRevisionTriggersTest, TheWritersSearchPathDoesNotMatter) {
  install({"orders", "progress[user_id]"});
  run("CREATE SCHEMA trap; CREATE FUNCTION trap.random() RETURNS float8 LANGUAGE sql AS "
      "'SELECT 1/0::float8'; CREATE FUNCTION trap.format(text, VARIADIC \"any\") RETURNS text "
      "LANGUAGE internal AS 'text_format'; CREATE TABLE trap.pg_attribute(a int); "
      "GRANT USAGE ON SCHEMA trap TO " +
      name_ + "_app");
  EXPECT_THAT(changes({orders_, of_user("7")},
                      [&] {
                        auto app = session();
                        app.run("SET search_path = trap, public, pg_catalog");
                        app.run("INSERT INTO orders(owner) VALUES (7)");
                        app.run("UPDATE progress SET done = 3");
                      }),
              ElementsAre(true, true));
}

TEST_F(PostgresRevisionTriggersTest, WhatWasInstalledGoesAgain) {
  install({"orders", "orders[owner]", "users"});
  const std::string first = revision(orders_);
  uninstall({"orders"});
  EXPECT_THAT(revision(orders_), StartsWith("invalid-argument: nobody keeps"));
  EXPECT_THAT(check("orders[owner]").missing, IsEmpty());
  install({"orders"});
  EXPECT_NE(revision(orders_), first) << "nobody knows what happened meanwhile";
  uninstall({});
  EXPECT_EQ(run("SELECT count(*) FROM pg_namespace WHERE nspname = 'headrace'"), "0");
  EXPECT_EQ(run("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
  EXPECT_EQ(triggers()->uninstall({}).value_or("?"), "");
  run("INSERT INTO orders(owner) VALUES (8)");
  EXPECT_THAT(revision(orders_), StartsWith("invalid-argument: nobody keeps"))
      << "the statement was prepared";
  install({"orders"});
  EXPECT_THAT(revision(orders_), Not(StartsWith("invalid-argument")));
}

TEST_F(PostgresRevisionTriggersTest, AStrangersSchemaIsLeftAlone) {
  run("CREATE SCHEMA headrace; CREATE TABLE headrace.notes(a int)");
  EXPECT_THAT(fault("orders"), HasSubstr("a schema headrace that is not Headrace's"));
  EXPECT_FALSE(triggers()->uninstall({}));
}

TEST_F(PostgresRevisionTriggersTest, InstallingDoesNotWaitForeverForWriters) {
  auto writer = session();
  writer.run("BEGIN");
  writer.run("INSERT INTO orders(owner) VALUES (7)");
  const auto keeper = triggers();
  const auto done = keeper->apply(*keeper->install(parts_of({"orders"})));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("try again when fewer write it"));
  writer.run("COMMIT");
  EXPECT_TRUE(keeper->apply(*keeper->install(parts_of({"orders"}))));
}

}  // namespace
}  // namespace headrace
