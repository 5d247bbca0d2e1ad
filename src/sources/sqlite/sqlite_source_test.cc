#include <atomic>
#include <thread>

#include "sources/sqlite/fixture.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST_F(SqliteSourceTest, TakesTheFieldsInTheirOrder) {
  const auto source = ask({.table = "users", .fields = {"score", "name", "photo"}});
  const Result<Fetched> ada = read(*source, "7");
  EXPECT_EQ(shown(ada), R"({"score":1.5,"name":"Ada","photo":{"$base64":"AP8="}})");
  EXPECT_EQ(ada->billed, 1u);
  EXPECT_EQ(shown(read(*source, "8")), R"({"score":null,"name":"Bob","photo":null})");
}

TEST_F(SqliteSourceTest, AMissingRowIsAbsentAndBilled) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  const Result<Fetched> nobody = read(*source, "9");
  EXPECT_EQ(shown(nobody), "absent");
  EXPECT_EQ(nobody->billed, 1u);
}

TEST_F(SqliteSourceTest, NamesAreQuoted) {
  const auto source = ask({.table = "odd \"one", .fields = {"a \"b"}});
  EXPECT_EQ(shown(read(*source, "x")), R"({"a \"b":"y"})");
  EXPECT_EQ(shown(read(*source, "x' OR 1=1 --")), "absent");
}

TEST_F(SqliteSourceTest, SingleAndBatchAgreeOnEveryKey) {
  const std::vector<std::string> entities = {"7",   "007",
                                             "7.0", " 7",
                                             "8",   "",
                                             "x",   "7e0",
                                             "0x7", "9999999999999999999",
                                             "7 ",  std::string("7\0", 2)};
  for (const auto& [table, key, field] :
       {std::tuple("users", "id", "name"), std::tuple("codes", "code", "meaning"),
        std::tuple("loose", "k", "v"), std::tuple("users", "rowid", "name")}) {
    const auto source = ask({.table = table, .key = key, .fields = {field}});
    const auto batch = read_many(*source, entities);
    ASSERT_EQ(batch.size(), entities.size());
    for (std::size_t i = 0; i < entities.size(); ++i) {
      const auto single = read(*source, entities[i]);
      EXPECT_EQ(shown(batch[i]), shown(single)) << table << " [" << entities[i] << "]";
    }
  }
}

TEST_F(SqliteSourceTest, KeysCompareAsTheirColumnDoes) {
  const auto users = ask({.table = "users", .fields = {"name"}});
  EXPECT_EQ(shown(read(*users, "007")), R"({"name":"Ada"})");
  const auto codes = ask({.table = "codes", .key = "code", .fields = {"meaning"}});
  EXPECT_EQ(shown(read(*codes, "007")), R"({"meaning":"Bond"})");
  EXPECT_EQ(shown(read(*codes, "")), R"({"meaning":"nothing"})");
  const auto loose = ask({.table = "loose", .key = "k", .fields = {"v"}});
  EXPECT_EQ(shown(read(*loose, "7")), R"({"v":"text"})");
}

TEST_F(SqliteSourceTest, BatchesOfEverySizeKeepTheirOrder) {
  writer_.run(
      "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i+1 FROM n WHERE i < 400) "
      "INSERT INTO users(id, name) SELECT i, 'n' || i FROM n");
  const auto source = ask({.table = "users", .fields = {"name"}});
  EXPECT_EQ(source->batch_max(), 256u);
  for (const int size : {1, 2, 4, 5, 16, 17, 64, 65, 255, 256}) {
    std::vector<std::string> entities;
    for (int i = 0; i < size; ++i)
      entities.push_back(std::to_string(400 - i + (i % 3 == 0 ? 1000 : 0)));
    const auto answers = read_many(*source, entities);
    ASSERT_EQ(answers.size(), entities.size());
    for (int i = 0; i < size; ++i) {
      const std::string want =
          i % 3 == 0 ? "absent" : R"({"name":"n)" + std::to_string(400 - i) + "\"}";
      ASSERT_EQ(shown(answers[static_cast<std::size_t>(i)]), want) << size << " " << i;
    }
  }
}

TEST_F(SqliteSourceTest, QueriesTakeTheirFieldsByName) {
  for (const std::string parameter : {"?", "?1", ":entity"}) {
    const auto source = ask(
        {.query = "SELECT total AS t, user, 'x' AS extra FROM orders WHERE user = " + parameter +
                  " ORDER BY total DESC LIMIT 1 ; -- the newest",
         .fields = {"user", "t"}});
    EXPECT_EQ(source->batch_max(), 1u);
    EXPECT_EQ(shown(read(*source, "7")), R"({"user":7,"t":20})");
    EXPECT_EQ(shown(read(*source, "9")), "absent");
  }
}

TEST_F(SqliteSourceTest, ManyRowsAreAnArrayThatIsNeverAbsent) {
  const auto source = ask({.query = "SELECT total FROM orders WHERE user = ? ORDER BY total",
                           .fields = {"total"},
                           .rows = SqliteQuestion::Rows::many,
                           .rows_max = 2});
  const Result<Fetched> two = read(*source, "7");
  EXPECT_EQ(shown(two), R"([{"total":10},{"total":20}])");
  EXPECT_EQ(two->billed, 2u);
  const Result<Fetched> none = read(*source, "9");
  EXPECT_EQ(shown(none), "[]");
  EXPECT_EQ(none->billed, 1u);
  writer_.run("INSERT INTO orders VALUES (7, 30)");
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("source-failed: more rows than rows_max"));
}

TEST_F(SqliteSourceTest, ABatchOfManyRows) {
  const auto source = ask(
      {.table = "orders", .key = "user", .fields = {"total"}, .rows = SqliteQuestion::Rows::many});
  const auto answers = read_many(*source, {"9", "7", "8"});
  EXPECT_EQ(shown(answers[0]), "[]");
  EXPECT_EQ(shown(answers[1]), R"([{"total":10},{"total":20}])");
  EXPECT_EQ(answers[1]->billed, 2u);
  EXPECT_EQ(shown(answers[2]), R"([{"total":30}])");
}

TEST_F(SqliteSourceTest, EachReadSeesTheLastCommit) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  for (int i = 0; i < 20; ++i) {
    writer_.run("UPDATE users SET name = 'v" + std::to_string(i) + "' WHERE id = 7");
    EXPECT_EQ(shown(read(*source, "7")), R"({"name":"v)" + std::to_string(i) + "\"}");
  }
}

TEST_F(SqliteSourceTest, AStarFollowsAChangedTable) {
  const auto source = ask({.query = "SELECT * FROM codes WHERE code = ?", .fields = {"meaning"}});
  EXPECT_EQ(shown(read(*source, "007")), R"({"meaning":"Bond"})");
  writer_.run(
      "DROP TABLE codes; CREATE TABLE codes(meaning TEXT, code TEXT);"
      "INSERT INTO codes VALUES ('agent', '007')");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(shown(read(*source, "007")), R"({"meaning":"agent"})");
  writer_.run("DROP TABLE codes; CREATE TABLE codes(code TEXT); INSERT INTO codes VALUES ('007')");
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(shown(read(*source, "007")), HasSubstr("answers no column \"meaning\""));
  }
}

TEST_F(SqliteSourceTest, TheReadIsMadeFirstAndTheAnswerComesLate) {
  const auto database = open({.delay_min = milliseconds(5), .delay_max = milliseconds(20)});
  const auto source = ask_sqlite(database, {.table = "users", .fields = {"name"}}).value();
  std::optional<Result<Fetched>> answer;
  start(source->fetch(fetch_of("7")), [&answer](Result<Fetched> a) { answer = std::move(a); });
  ASSERT_TRUE(pump_.run_until([this] { return pump_.next_due().has_value(); }));
  EXPECT_FALSE(answer.has_value());
  EXPECT_GE(*pump_.next_due(), pump_.now() + milliseconds(5));
  EXPECT_LE(*pump_.next_due(), pump_.now() + milliseconds(20));
  writer_.run("UPDATE users SET name = 'late' WHERE id = 7");
  pump_.advance(milliseconds(20));
  ASSERT_TRUE(pump_.run_until([&answer] { return answer.has_value(); }));
  EXPECT_EQ(shown(*answer), R"({"name":"Ada"})");
}

TEST_F(SqliteSourceTest, DelaysHoldNoThread) {
  const auto database = open({.threads = 1, .delay_min = seconds(1), .delay_max = seconds(1)});
  const auto source = ask_sqlite(database, {.table = "users", .fields = {"name"}}).value();
  int ended = 0;
  for (int i = 0; i < 50; ++i) {
    start(source->fetch(fetch_of("7")), [&ended](const Result<Fetched>&) { ++ended; });
  }
  ASSERT_TRUE(pump_.run_until([this] { return pump_.queued() == 50; }));
  EXPECT_EQ(ended, 0);
  pump_.advance(seconds(1));
  EXPECT_TRUE(pump_.run_until([&ended] { return ended == 50; }));
}

TEST_F(SqliteSourceTest, AnAnswerDelayedPastTheDeadlineIsTimedOut) {
  const auto database = open({.delay_min = seconds(30), .delay_max = seconds(30)});
  const auto source = ask_sqlite(database, {.table = "users", .fields = {"name"}}).value();
  const Fetch fetch = fetch_of("7");
  std::optional<Result<Fetched>> answer;
  start(source->fetch(fetch), [&answer](Result<Fetched> a) { answer = std::move(a); });
  ASSERT_TRUE(pump_.run_until([this] { return pump_.next_due().has_value(); }));
  EXPECT_EQ(*pump_.next_due(), fetch.deadline);
  pump_.advance(seconds(10));
  ASSERT_TRUE(pump_.run_until([&answer] { return answer.has_value(); }));
  EXPECT_EQ(answer->error().code, Code::timed_out);
}

TEST_F(SqliteSourceTest, ManyThreadsOfCallersAndReaders) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> callers;
    for (int t = 0; t < 4; ++t) {
      callers.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          start(source->fetch(fetch_of("7")), [&right](const Result<Fetched>& answer) {
            if (shown(answer) == R"({"name":"Ada"})") ++right;
          });
        }
      });
    }
  }
  EXPECT_TRUE(pump_.run_until([&right] { return right == 400; })) << right;
}

}  // namespace
}  // namespace headrace
