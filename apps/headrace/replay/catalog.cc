#include "replay/catalog.h"

#include <fmt/format.h>

#include <cassert>

namespace headrace::replay {

namespace {

constexpr std::uint32_t shared_rows = 25;

// The owner of a list and the place of a document in it come first in each row of a list.
const std::array<CollectionShape, collection_count>& shapes() {
  static const std::array<CollectionShape, collection_count> all = {{
      {.name = "users",
       .tag = "user",
       .count = &Population::users,
       .fields = {"id", "name", "email", "locale", "theme", "frequency", "notifications",
                  "version"}},
      {.name = "apps",
       .tag = "apps",
       .is_list = true,
       .count = &Population::users,
       .empty_share = 0.55,
       .rows_max = 2,
       .fields = {"owner", "place", "name", "stage", "version"}},
      {.name = "flags",
       .tag = "flags",
       .is_list = true,
       .count = &Population::users,
       .empty_share = 0.95,
       .fields = {"owner", "place", "name", "enabled", "version"}},
      {.name = "items",
       .tag = "items",
       .is_list = true,
       .count = &Population::lists,
       .rows_min = 54,
       .rows_max = 223,
       .fields = {"owner", "place", "title", "state", "assignee", "priority", "version"}},
      {.name = "lookups",
       .tag = "lookup",
       .count = &Population::users,
       .empty_share = 1,
       .fields = {"id", "state", "version"}},
      // 25.2 MB are 25 documents at least: no document of Firestore's is larger than 1 MiB.
      {.name = "shared",
       .tag = "shared",
       .is_list = true,
       .count = &Population::shared,
       .rows_min = shared_rows,
       .rows_max = shared_rows,
       .fields = {"owner", "place", "state", "body", "version"}},
  }};
  return all;
}

// Even chances from numbers, the same everywhere (the finalizer of splitmix64).
std::uint64_t scattered(Entity entity) {
  std::uint64_t bits = entity.number * 8 + static_cast<std::uint64_t>(entity.collection) + 1;
  bits *= 0x9e3779b97f4a7c15ULL;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

std::vector<Value> user(std::int64_t id, std::uint64_t version) {
  static constexpr std::array<const char*, 4> locales = {"en-GB", "de-DE", "fr-FR", "ja-JP"};
  const auto edits = static_cast<std::int64_t>(version - 1);
  return {id,
          fmt::format("User {} v{}", id, version),
          fmt::format("user{}@example.org", id),
          locales[static_cast<std::size_t>(id) % locales.size()],
          edits % 2 == 0 ? "dark" : "light",
          1 + (id + edits) % 60,
          id % 2,
          edits + 1};
}

}  // namespace

const CollectionShape& shape_of(Collection collection) {
  return shapes()[static_cast<std::size_t>(collection)];
}

std::uint64_t count_of(const Population& population, Collection collection) {
  return population.*shape_of(collection).count;
}

std::uint32_t rows_at_start(const Population& population, Entity entity) {
  const CollectionShape& shape = shape_of(entity.collection);
  if (entity.number >= population.*shape.count) return 0;
  const std::uint64_t bits = scattered(entity);
  constexpr std::uint64_t steps = 1 << 20;
  if (static_cast<double>(bits % steps) < shape.empty_share * steps) return 0;
  const std::uint64_t spread = shape.rows_max - shape.rows_min + 1;
  return shape.rows_min + static_cast<std::uint32_t>((bits >> 32) % spread);
}

std::uint32_t rows_at(const Population& population, Entity entity, std::uint64_t version) {
  const std::uint32_t rows = rows_at_start(population, entity);
  if (rows > 0) return rows;
  return version % 2 == 0 ? 0 : 1;
}

std::uint64_t version_at_start(const Population& population, Entity entity) {
  return rows_at_start(population, entity) > 0 ? 1 : 0;
}

Change change_to(const Population& population, Entity entity, std::uint64_t version) {
  const std::uint32_t rows = rows_at_start(population, entity);
  if (rows == 0) {
    assert(version > 0);
    if (version % 2 == 1) return {.kind = Change::Kind::create, .row = 0, .before = 0};
    return {.kind = Change::Kind::remove, .row = 0, .before = version - 1};
  }
  assert(version > 1);
  // Each document in its turn, so its last change was `rows` versions ago, if there was one.
  const std::uint64_t before = version >= rows + 2 ? version - rows : 1;
  return {.kind = Change::Kind::update,
          .row = static_cast<std::uint32_t>(version % rows),
          .before = before};
}

std::vector<Value> document_of(const Population& population, Entity entity, std::uint32_t row,
                               std::uint64_t version) {
  const auto id = static_cast<std::int64_t>(entity.number);
  const auto place = static_cast<std::int64_t>(row);
  const auto count = static_cast<std::int64_t>(version);
  switch (entity.collection) {
    case Collection::users: return user(id, version);
    case Collection::apps:
      return {id, place, fmt::format("App {} of {}", row, id), count % 2 == 0 ? "beta" : "live",
              count};
    case Collection::flags: return {id, place, fmt::format("tester-{}", row), count % 2, count};
    case Collection::items:
      return {id,
              place,
              fmt::format("Item {} of list {}", row, id),
              count % 2 == 0 ? "open" : "done",
              fmt::format("user{}@example.org", (id + place + count) % 1000),
              count % 5,
              count};
    case Collection::lookups: return {id, "made", count};
    case Collection::shared:
      return {id, place, count % 2 == 0 ? "approved" : "proposed",
              std::string(population.shared_bytes / shared_rows, 'x'), count};
  }
  return {};
}

std::string tag_of(Entity entity) {
  return fmt::format("{}:{}", shape_of(entity.collection).tag, entity.number);
}

std::string name_of(Entity entity) {
  return fmt::format("{}", entity.number);
}

}  // namespace headrace::replay
