#include "sources/sqlite/fixture.h"

namespace headrace {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

using SqliteFaults = SqliteSourceTest;

// Counts to a number that takes longer than any test waits.
constexpr const char* endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
    "SELECT max(i) AS top FROM n WHERE i <> ?";

std::string refusal_of(const Result<std::shared_ptr<Source>>& source) {
  return source ? "none" : std::string(name_of(source.error().code)) + ": " + source.error().what;
}

TEST_F(SqliteFaults, FilesThatCannotBeOpened) {
  const auto opened = [this](const std::string& path) {
    const auto database = open_sqlite_database({.path = path}, pump_, pump_);
    return database ? "opened"
                    : std::string(name_of(database.error().code)) + ": " + database.error().what;
  };
  EXPECT_THAT(opened(folder_.file("none.db")), HasSubstr("source-unavailable: "));
  EXPECT_THAT(opened(folder_.file("none.db")), HasSubstr("none.db"));
  EXPECT_THAT(opened(folder_.path().string()), HasSubstr("source-unavailable: "));
  const std::string text = folder_.write("text.db", std::string(5000, 'x'));
  EXPECT_THAT(opened(text), HasSubstr("source-unavailable: "));
  EXPECT_THAT(opened(text), HasSubstr("not a database"));
  EXPECT_THAT(opened(""), HasSubstr("invalid-argument: "));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("none.db")));
}

TEST_F(SqliteFaults, QuestionsThatMakeNoSense) {
  const auto database = open();
  const std::vector<std::pair<SqliteQuestion, std::string>> cases = {
      {{.table = "nobody", .fields = {"name"}}, "no such table: nobody"},
      {{.table = "users", .fields = {"nmae"}}, "no such column: source.nmae"},
      {{.table = "users", .key = "uid", .fields = {"name"}}, "no such column: source.uid"},
      {{.table = "users", .fields = {}}, "no fields are named"},
      {{.fields = {"name"}}, "name a table or a query"},
      {{.table = "users", .query = "SELECT ?", .fields = {"name"}}, "and not both"},
      {{.query = "SELEC name FROM users", .fields = {"name"}}, "syntax error"},
      {{.query = "SELECT name FROM users", .fields = {"name"}}, "0 parameters"},
      {{.query = "SELECT ? AS name, ?", .fields = {"name"}}, "2 parameters"},
      {{.query = "SELECT \"nmae\" AS name FROM users WHERE id = ?", .fields = {"name"}}, "nmae"},
      {{.query = "SELECT name FROM users WHERE id = ?", .fields = {"secret"}},
       "no column \"secret\""},
      {{.query = "DELETE FROM users WHERE id = ? RETURNING name", .fields = {"name"}}, "writes"},
      {{.query = "ATTACH ? AS other", .fields = {"name"}}, "answers no rows"},
      {{.query = "  -- nothing", .fields = {"name"}}, "empty"},
      {{.query = "SELECT ? AS name; DELETE FROM users", .fields = {"name"}}, "one statement"},
      {{.query = "SELECT ? AS name; garbage", .fields = {"name"}}, "one statement"},
      {{.query = std::string("SELECT ? AS name\0", 17), .fields = {"name"}}, "zero byte"},
      {{.table = "users", .fields = {"name"}, .rows_max = 0}, "rows_max"},
  };
  for (const auto& [question, text] : cases) {
    const std::string refusal = refusal_of(ask_sqlite(database, question));
    EXPECT_THAT(refusal, HasSubstr("invalid-argument: "));
    EXPECT_THAT(refusal, HasSubstr(text));
  }
}

TEST_F(SqliteFaults, TheConnectionCannotWrite) {
  writer_.run("CREATE TABLE log(id TEXT, x TEXT)");
  const auto database = open();
  const auto source =
      ask_sqlite(database, {.query = "INSERT INTO log SELECT ?, 'x' RETURNING x", .fields = {"x"}});
  EXPECT_THAT(refusal_of(source), HasSubstr("writes"));
}

TEST_F(SqliteFaults, MoreThanOneRowForOneEntity) {
  const auto source = ask({.table = "orders", .key = "user", .fields = {"total"}});
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("source-failed: more than one row"));
  const auto answers = read_many(*source, {"7", "8"});
  EXPECT_THAT(shown(answers[0]), HasSubstr("source-failed: more than one row"));
  EXPECT_EQ(shown(answers[1]), R"({"total":30})");
}

TEST_F(SqliteFaults, TextThatIsNotUtf8NamesItsColumn) {
  writer_.run("INSERT INTO users(id, name) VALUES (10, CAST(x'c328' AS TEXT))");
  const auto source = ask({.table = "users", .fields = {"name"}});
  const auto answers = read_many(*source, {"10", "7"});
  EXPECT_THAT(shown(answers[0]), HasSubstr("source-failed: column \"name\""));
  EXPECT_EQ(shown(answers[1]), R"({"name":"Ada"})");
}

TEST_F(SqliteFaults, ATableThatGoesAndComesBack) {
  const auto source = ask({.table = "codes", .key = "code", .fields = {"meaning"}});
  EXPECT_EQ(shown(read(*source, "7")), R"({"meaning":"seven"})");
  writer_.run("ALTER TABLE codes RENAME TO gone");
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(shown(read(*source, "7")), HasSubstr("source-failed: "));
    EXPECT_THAT(shown(read(*source, "7")), HasSubstr("no such table"));
  }
  writer_.run("ALTER TABLE gone RENAME TO codes");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(shown(read(*source, "7")), R"({"meaning":"seven"})");
}

TEST_F(SqliteFaults, ALockedDatabase) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  writer_.run("BEGIN EXCLUSIVE");
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("source-unavailable: "));
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("locked"));
  writer_.run("COMMIT");
  EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
}

TEST_F(SqliteFaults, AFileThatIsDamagedAndMended) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
  const std::string copy = folder_.file("copy.db");
  std::filesystem::copy_file(path_, copy);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(static_cast<std::size_t>(std::filesystem::file_size(path_)), 'x');
  }
  for (int i = 0; i < 4; ++i) {
    const Result<Fetched> answer = read(*source, "7");
    ASSERT_FALSE(answer.has_value());
    EXPECT_TRUE(answer.error().code == Code::source_failed ||
                answer.error().code == Code::source_unavailable);
  }
  std::filesystem::copy_file(copy, path_, std::filesystem::copy_options::overwrite_existing);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
}

TEST_F(SqliteFaults, WhoeverIsTooLateIsNotRead) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  std::stop_source stop;
  stop.request_stop();
  std::vector<Fetch> fetches = {fetch_of("7"), fetch_of("8"), fetch_of("9")};
  fetches[0].deadline = pump_.now();
  fetches[1].stop = stop.get_token();
  const auto answers = pump_.wait_for(source->fetch_many(fetches));
  ASSERT_TRUE(answers.has_value());
  EXPECT_EQ((*answers)[0].error().code, Code::timed_out);
  EXPECT_EQ((*answers)[1].error().code, Code::cancelled);
  EXPECT_EQ(shown((*answers)[2]), "absent");
}

TEST_F(SqliteFaults, ARunningReadEndsAtItsDeadlineAndWhenStopped) {
  const auto database = open({.threads = 1});
  const auto slow = ask_sqlite(database, {.query = endless, .fields = {"top"}}).value();
  std::vector<Code> codes;
  const auto note = [&codes](const Result<Fetched>& answer) {
    codes.push_back(answer ? Code::closed : answer.error().code);
  };
  // SQLite looks at the clock every thousand steps of its machine.
  std::uint64_t begin = pump_.readings();
  start(slow->fetch(fetch_of("0")), note);
  ASSERT_TRUE(pump_.run_until([&] { return pump_.readings() > begin + 10; }));
  pump_.advance(seconds(10));
  ASSERT_TRUE(pump_.run_until([&codes] { return codes.size() == 1; }));
  std::stop_source stop;
  Fetch second = fetch_of("0");
  second.stop = stop.get_token();
  start(slow->fetch(second), note);
  begin = pump_.readings();
  ASSERT_TRUE(pump_.run_until([&] { return pump_.readings() > begin + 10; }));
  stop.request_stop();
  ASSERT_TRUE(pump_.run_until([&codes] { return codes.size() == 2; }));
  EXPECT_THAT(codes, testing::ElementsAre(Code::timed_out, Code::cancelled));
}

TEST_F(SqliteFaults, AFullQueueRefusesAndSaysWhich) {
  const auto database = open({.threads = 1, .queue_max = 1});
  const auto slow = ask_sqlite(database, {.query = endless, .fields = {"top"}}).value();
  std::stop_source stop;
  std::vector<std::string> ended;
  for (int i = 0; i < 3; ++i) {
    Fetch fetch = fetch_of("0");
    fetch.stop = stop.get_token();
    start(slow->fetch(fetch), [&ended](const Result<Fetched>& a) { ended.push_back(shown(a)); });
  }
  // One runs or waits, one may wait; at least the third finds no place.
  ASSERT_GE(ended.size(), 1u);
  EXPECT_THAT(ended.back(), HasSubstr("refused: queue_max"));
  stop.request_stop();
  EXPECT_TRUE(pump_.run_until([&ended] { return ended.size() == 3; }));
}

}  // namespace
}  // namespace headrace
