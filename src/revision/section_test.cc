#include "revision/section.h"

#include <gtest/gtest.h>

#include "kit/world.h"

namespace headrace {
namespace {

TEST(RevisionOf, IsTheSameIfAndOnlyIfAllAre) {
  EXPECT_EQ(revision_of({}), "");
  EXPECT_EQ(revision_of({"a", "b"}), revision_of({"a", "b"}));
  EXPECT_NE(revision_of({"a", "b"}), revision_of({"b", "a"}));
  EXPECT_NE(revision_of({"a", "b"}), revision_of({"ab"}));
  EXPECT_NE(revision_of({"ab", ""}), revision_of({"a", "b"}));
  EXPECT_NE(revision_of({""}), "");
}

TEST(SectionParts, NameTheEntityWhereverItsPlaceIs) {
  kit::World world;
  const Section section({.name = "core",
                         .parts = {{.table = "a"},
                                   {.table = "b", .column = "c", .value = "{entity}"},
                                   {.table = "d", .column = "e", .value = "x{entity}y{entity}"}}},
                        "shape", nullptr, nullptr, world);
  const std::vector<Part> parts = section.parts_of("{entity}");
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0], (Part{.table = "a"}));
  EXPECT_EQ(parts[1].value, "{entity}");  // Not looked at again.
  EXPECT_EQ(parts[2].value, "x{entity}y{entity}");
  EXPECT_EQ(section.parts_of("42")[2].value, "x42y42");
  EXPECT_TRUE(section.is_own(section.revision_at({"r"})));
  EXPECT_FALSE(section.is_own(revision_of({"r"})));
}

TEST(SnapshotNotes, TellWhatHasGoneWrongUntilItGoesWell) {
  SnapshotNotes notes;
  EXPECT_EQ(notes.last_error(), "");
  notes.asked("away");
  EXPECT_EQ(notes.last_error(), "away");
  notes.built("core", Error{.code = Code::timed_out, .what = "broken"});
  EXPECT_EQ(notes.last_error(), "section core: broken");
  notes.built("core", std::nullopt);
  EXPECT_EQ(notes.last_error(), "away");
  notes.asked("");
  EXPECT_EQ(notes.last_error(), "");
}

}  // namespace
}  // namespace headrace
