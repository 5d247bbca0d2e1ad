#include "migrate/state_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kit/folder.h"

namespace headrace::app {
namespace {

using Stage = MigrationState::Stage;

class StateFileTest : public testing::Test {
 protected:
  static MigrationState sample(Stage stage = Stage::copying) {
    return {.from = "valkey at 10.0.0.1:6379, prefix \"a\"",
            .to = "valkey at 10.0.0.2:6379, prefix \"a\"",
            .stage = stage,
            .progress = {.listed = 9,
                         .copied = 1,
                         .there_already = 2,
                         .gone = 3,
                         .unsettled = 4,
                         .left_out = 5,
                         .later = 6,
                         .later_keys = {{{1, 2, 3, 4}}, {{5, 6, 7, ~0ull}}},
                         .next = std::string("\0\xff\"x\n", 5),
                         .is_done = stage == Stage::copied}};
  }
  void write(std::string_view bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string bytes() {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  kit::TemporaryFolder folder_;
  std::string path_ = folder_.file("migration.json");
};

TEST_F(StateFileTest, WhatIsWrittenComesBack) {
  for (const Stage stage : {Stage::emptying, Stage::copying, Stage::copied}) {
    ASSERT_TRUE(write_state(path_, sample(stage)).has_value());
    const auto back = read_state(path_);
    ASSERT_TRUE(back.has_value() && back->has_value());
    EXPECT_EQ(**back, sample(stage));
  }
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(StateFileTest, WithoutAFileThereIsNoState) {
  const auto none = read_state(path_);
  ASSERT_TRUE(none.has_value());
  EXPECT_FALSE(none->has_value());
}

TEST_F(StateFileTest, HalfOfTheNextFileHarmsNothing) {
  ASSERT_TRUE(write_state(path_, sample()).has_value());
  std::ofstream(path_ + ".new") << "{\"headrace_mig";  // Whoever wrote it was killed.
  EXPECT_EQ(**read_state(path_), sample());
  ASSERT_TRUE(write_state(path_, sample(Stage::copied)).has_value());
  EXPECT_EQ(**read_state(path_), sample(Stage::copied));
}

TEST_F(StateFileTest, OneWorksWithAStateAtATime) {
  {
    const auto one = StateLock::take(path_);
    ASSERT_TRUE(one.has_value() && one->has_value());
    const auto two = StateLock::take(path_);
    ASSERT_TRUE(two.has_value());
    EXPECT_FALSE(two->has_value());
    EXPECT_TRUE(StateLock::take(folder_.file("other.json"))->has_value());
  }
  EXPECT_TRUE(StateLock::take(path_)->has_value());
  const auto nowhere = StateLock::take(folder_.file("none/migration.json"));
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_NE(nowhere.error().what.find("--state"), std::string::npos);
}

TEST_F(StateFileTest, WhatIsNoStateIsRefused) {
  ASSERT_TRUE(write_state(path_, sample()).has_value());
  const std::string whole = bytes();
  const auto with = [&](std::string_view was, std::string_view is) {
    std::string changed = whole;
    const std::size_t at = changed.find(was);
    EXPECT_NE(at, std::string::npos) << was;
    return changed.replace(at, was.size(), is);
  };
  for (const std::string& wrong :
       {std::string(), std::string("x"), std::string("[1]"), std::string("{}"),
        whole.substr(0, whole.size() / 2), with("migration\":1", "migration\":2"),
        with("copying", "flying"), with("\"next\":\"00", "\"next\":\"0"),
        with("\"next\":\"00", "\"next\":\"0g"), with("\"gone\":3", "\"gone\":-3"),
        with("\"gone\":3", "\"gone\":\"3\""), with("\"from\"", "\"whence\""),
        with("\"later\":6", "\"later\":1"), with("later_keys\":[", "later_keys\":[\"00\",")}) {
    write(wrong);
    const auto read = read_state(path_);
    ASSERT_FALSE(read.has_value()) << wrong;
    EXPECT_EQ(read.error().code, Code::invalid_argument);
    EXPECT_NE(read.error().what.find(path_), std::string::npos);
    EXPECT_NE(read.error().what.find("--state"), std::string::npos);
  }
}

TEST_F(StateFileTest, TheStateOfOtherStoresIsRefused) {
  const MigrationState state = sample();
  ASSERT_TRUE(write_state(path_, state).has_value());
  EXPECT_EQ(**read_state_of(path_, state.from, state.to), state);
  EXPECT_FALSE(read_state_of(path_, "another", state.to).has_value());
  const auto read = read_state_of(path_, state.from, "another");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::invalid_argument);
  EXPECT_NE(read.error().what.find(state.to), std::string::npos);
  EXPECT_NE(read.error().what.find("another"), std::string::npos);
}

TEST_F(StateFileTest, APlaceThatCannotBeWrittenSaysSo) {
  const auto written = write_state(folder_.file("no/such/folder/x"), sample());
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::refused);
  EXPECT_NE(written.error().what.find("No such file"), std::string::npos) << written.error().what;
  // Where the name is a folder's the file cannot take it.
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(write_state(path_, sample()).has_value());
}

}  // namespace
}  // namespace headrace::app
