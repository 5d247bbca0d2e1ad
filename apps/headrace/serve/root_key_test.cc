#include "serve/root_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "kit/folder.h"
#include "kit/world.h"

namespace headrace::app {
namespace {

class RootKeyTest : public testing::Test {
 protected:
  kit::World world;
  kit::TemporaryFolder folder;
  const std::string file = folder.file("root.key");
};

TEST_F(RootKeyTest, IsMadeOnceForItsOwnerAlone) {
  const auto made = read_or_make_root_key(file, world);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_TRUE(made->is_new);
  EXPECT_EQ(made->text.size(), std::string("hrk_root_").size() + 64);
  struct stat found{};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  const auto again = read_or_make_root_key(file, world);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->text, made->text);
}

TEST_F(RootKeyTest, AFileThatOthersMayReadIsRefused) {
  std::ofstream(file) << "secret-of-ours\n";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  const auto read = read_or_make_root_key(file, world);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().what.find("can be read by others"), std::string::npos);
  EXPECT_EQ(read.error().what.find("secret-of-ours"), std::string::npos);
}

TEST_F(RootKeyTest, AnEmptyFileIsNoKey) {
  std::ofstream(file) << "";
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_FALSE(read_or_make_root_key(file, world));
}

TEST_F(RootKeyTest, AFolderThatIsNotThereIsSaid) {
  const auto made = read_or_make_root_key(folder.file("none/root.key"), world);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("cannot be made"), std::string::npos);
}

}  // namespace
}  // namespace headrace::app
