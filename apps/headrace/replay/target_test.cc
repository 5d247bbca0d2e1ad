#include "replay/target.h"

#include <gtest/gtest.h>

namespace headrace::replay {
namespace {

constexpr Entity user{Collection::users, 42};
constexpr Entity items{Collection::items, 42};

TEST(SeenIn, ReadsTheVersion) {
  const Seen seen = seen_in(R"({"id":42,"name":"User 42","version":17})", user, Origin::memory);
  EXPECT_EQ(seen.version, 17u);
  EXPECT_EQ(seen.documents, 1u);
  EXPECT_FALSE(seen.garbage);
  EXPECT_EQ(seen.origin, Origin::memory);
  EXPECT_FALSE(seen_in(R"({"version": 3})", user, Origin::store).garbage)
      << "an id is not demanded";
}

TEST(SeenIn, NoticesWhatIsNotThisUsersValue) {
  for (const char* json :
       {R"({"id":41,"version":17})", R"({"id":42})", R"({"id":42,"version":null})", "",
        R"({"version":)", R"({"version":99999999999999999999999})", "[]",
        R"([{"id":42,"version":1},{"id":42,"version":1}])"}) {
    EXPECT_TRUE(seen_in(json, user, Origin::memory).garbage) << json;
  }
}

TEST(SeenIn, AListHasTheVersionOfItsNewestDocumentAndCountsThem) {
  const Seen seen =
      seen_in(R"([{"owner":42,"version":3},{"owner":42,"version":9},{"owner":"42","version":1}])",
              items, Origin::store);
  EXPECT_FALSE(seen.garbage);
  EXPECT_EQ(seen.version, 9u);
  EXPECT_EQ(seen.documents, 3u);
}

TEST(SeenIn, AnEmptyListHasNoDocuments) {
  for (const char* json : {"[]", "[ ]", " [\n]"}) {
    const Seen seen = seen_in(json, items, Origin::source);
    EXPECT_FALSE(seen.garbage) << json;
    EXPECT_EQ(seen.documents, 0u);
  }
}

TEST(SeenIn, NoticesAForeignDocumentInAList) {
  for (const char* json :
       {R"([{"owner":42,"version":3},{"owner":41,"version":9}])", R"([{"owner":42}])", "", "{}",
        R"([{"owner":42,"version":3},{"owner":42,"version":null}])"}) {
    EXPECT_TRUE(seen_in(json, items, Origin::memory).garbage) << json;
  }
}

}  // namespace
}  // namespace headrace::replay
