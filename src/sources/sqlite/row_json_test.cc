#include "sources/sqlite/row_json.h"

#include <gtest/gtest.h>

#include "sqlite/connection.h"

namespace headrace::sqlite {
namespace {

// The JSON text of a SQL expression, or "cannot".
std::string json_of(std::string_view expression) {
  sqlite3* database = nullptr;
  sqlite3_open(":memory:", &database);
  std::string json;
  {
    const std::string sql = "SELECT " + std::string(expression);
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(database, sql.c_str(), -1, &raw, nullptr);
    const Statement statement(raw);
    EXPECT_EQ(sqlite3_step(raw), SQLITE_ROW) << sql;
    if (!append_json_column(json, raw, 0)) json = "cannot";
  }
  sqlite3_close(database);
  return json;
}

TEST(RowJson, Numbers) {
  EXPECT_EQ(json_of("0"), "0");
  EXPECT_EQ(json_of("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(json_of("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(json_of("0.1"), "0.1");
  EXPECT_EQ(json_of("1.0"), "1.0");
  EXPECT_EQ(json_of("1e300"), "1e+300");
  EXPECT_EQ(json_of("5e-324"), "5e-324");
  EXPECT_EQ(json_of("9e999"), "cannot");
  EXPECT_EQ(json_of("-9e999"), "cannot");
}

TEST(RowJson, Strings) {
  EXPECT_EQ(json_of("''"), "\"\"");
  EXPECT_EQ(json_of("'a\"b\\c'"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(json_of("'x' || char(0, 9, 10, 13, 8, 12, 31) || 'y'"),
            "\"x\\u0000\\t\\n\\r\\b\\f\\u001fy\"");
  EXPECT_EQ(json_of("'grüße 🦫'"), "\"grüße 🦫\"");
  EXPECT_EQ(json_of("CAST(x'c328' AS TEXT)"), "cannot");
}

TEST(RowJson, NullAndBlobs) {
  EXPECT_EQ(json_of("NULL"), "null");
  EXPECT_EQ(json_of("x''"), R"({"$base64":""})");
  EXPECT_EQ(json_of("x'00'"), R"({"$base64":"AA=="})");
  EXPECT_EQ(json_of("x'00ff'"), R"({"$base64":"AP8="})");
  EXPECT_EQ(json_of("x'00ff10'"), R"({"$base64":"AP8Q"})");
  EXPECT_EQ(json_of("x'666f6f626172'"), R"({"$base64":"Zm9vYmFy"})");
}

}  // namespace
}  // namespace headrace::sqlite
