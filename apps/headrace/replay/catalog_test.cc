#include "replay/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace headrace::replay {
namespace {

constexpr Population population{.users = 20'000, .lists = 1'000};

TEST(Catalog, ListsHaveTheSizesThatTheirFiguresSay) {
  double items = 0;
  for (std::uint64_t number = 0; number < population.lists; ++number) {
    const std::uint32_t rows = rows_at_start(population, {Collection::items, number});
    EXPECT_GE(rows, 54u);
    EXPECT_LE(rows, 223u);
    items += rows;
  }
  EXPECT_NEAR(items / 1000, 138.5, 8);
  std::map<std::uint32_t, int> apps;
  for (std::uint64_t number = 0; number < population.users; ++number) {
    ++apps[rows_at_start(population, {Collection::apps, number})];
  }
  EXPECT_EQ(apps.size(), 3u) << "none, one or two";
  EXPECT_NEAR(apps[0], 11'000, 300);
  EXPECT_NEAR(apps[1], 4'500, 300);
}

TEST(Catalog, NothingIsThereBeyondThePopulationOrToBeLookedUp) {
  EXPECT_EQ(rows_at_start(population, {Collection::users, 19'999}), 1u);
  EXPECT_EQ(rows_at_start(population, {Collection::users, 20'000}), 0u);
  EXPECT_EQ(rows_at_start(population, {Collection::items, 1'000}), 0u);
  for (std::uint64_t number = 0; number < 1000; ++number) {
    EXPECT_EQ(rows_at_start(population, {Collection::lookups, number}), 0u);
  }
}

TEST(Catalog, WhatWasNotThereIsCreatedRemovedAndCreatedAgain) {
  const Entity missing{Collection::lookups, 7};
  EXPECT_EQ(version_at_start(population, missing), 0u);
  EXPECT_EQ(change_to(population, missing, 1).kind, Change::Kind::create);
  EXPECT_EQ(change_to(population, missing, 2).kind, Change::Kind::remove);
  EXPECT_EQ(change_to(population, missing, 2).before, 1u);
  EXPECT_EQ(change_to(population, missing, 3).kind, Change::Kind::create);
  EXPECT_EQ(rows_at(population, missing, 3), 1u);
  EXPECT_EQ(rows_at(population, missing, 4), 0u);
}

// The rule that lets a list's version be read off its documents.
TEST(Catalog, TheNewestDocumentOfAListHasItsVersion) {
  for (const Collection collection : {Collection::users, Collection::apps, Collection::items}) {
    Entity entity{collection, 0};
    while (rows_at_start(population, entity) == 0) ++entity.number;
    std::vector<std::uint64_t> rows(rows_at_start(population, entity), 1);
    for (std::uint64_t version = 2; version < 600; ++version) {
      const Change change = change_to(population, entity, version);
      ASSERT_EQ(change.kind, Change::Kind::update);
      ASSERT_LT(change.row, rows.size());
      EXPECT_EQ(change.before, rows[change.row]) << "version " << version;
      rows[change.row] = version;
      EXPECT_EQ(std::ranges::max(rows), version);
      EXPECT_EQ(rows_at(population, entity, version), rows.size());
    }
  }
}

TEST(Catalog, ADocumentHasAValueForEachField) {
  for (const Collection collection : all_collections) {
    const auto& fields = shape_of(collection).fields;
    EXPECT_EQ(document_of(population, {collection, 3}, 0, 1).size(), fields.size());
    EXPECT_EQ(fields.back(), "version");
    EXPECT_EQ(document_of(population, {collection, 3}, 0, 5).back(), Value(std::int64_t{5}));
    EXPECT_EQ(document_of(population, {collection, 3}, 0, 5).front(), Value(std::int64_t{3}));
  }
}

TEST(Catalog, NamesItsEntities) {
  EXPECT_EQ(tag_of({Collection::users, 42}), "user:42");
  EXPECT_EQ(tag_of({Collection::items, 7}), "items:7");
  EXPECT_EQ(name_of(Entity{Collection::items, 7}), "7");
}

}  // namespace
}  // namespace headrace::replay
