// replay/catalog.h: what the source of a replay holds, and what each version of it looks like.
//
// Six collections.  An entity of a collection is one document, or the list of all documents of one
// owner, and counts its versions.  What is there at the start has version 1, what is not version 0.
// What has documents at the start keeps their number: each edit changes one of them, in turn.  What
// has none is created by its first edit, removed by its second, created again by its third.
//
// So number and version alone say what a source must hold.  Whoever writes it, reads it or judges
// what was read has it from here.
//
// Threads:   functions without state.
// Errors:    none.
// Lifetimes: values; what is returned by reference is never destroyed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace headrace::replay {

enum class Collection : std::uint8_t { users, apps, flags, items, lookups, shared };
inline constexpr std::size_t collection_count = 6;
inline constexpr std::array<Collection, collection_count> all_collections = {
    Collection::users, Collection::apps,    Collection::flags,
    Collection::items, Collection::lookups, Collection::shared};

// How many entities a replay knows.
struct Population {
  std::uint64_t users = 100'000;         // Users, their apps and flags, and what is looked up.
  std::uint64_t lists = 1'000;           // Lists of items.
  std::uint64_t shared = 1;              // Lists that everybody reads ...
  std::uint64_t shared_bytes = 252'000;  // ... each of this size, more or less.

  friend bool operator==(const Population&, const Population&) = default;
};

struct Entity {
  Collection collection = Collection::users;
  std::uint64_t number = 0;

  friend auto operator<=>(const Entity&, const Entity&) = default;
};

// The figures of a collection.
struct CollectionShape {
  std::string_view name{};              // Of the table or collection.
  std::string_view tag{};               // Its entities' tags begin with it.
  bool is_list = false;                 // An entity is the list of an owner's documents.
  std::uint64_t Population::* count{};  // Entities with a number below this are there ...
  double empty_share = 0;               // ... but for this share of them, which is empty.
  std::uint32_t rows_min = 1;           // Documents of an entity that is not ...
  std::uint32_t rows_max = 1;           // ... to.
  std::vector<std::string> fields{};
};

[[nodiscard]] const CollectionShape& shape_of(Collection collection);
[[nodiscard]] std::uint64_t count_of(const Population& population, Collection collection);

// Documents of an entity; 0: it is absent, or an empty list.
[[nodiscard]] std::uint32_t rows_at_start(const Population& population, Entity entity);
[[nodiscard]] std::uint32_t rows_at(const Population& population, Entity entity,
                                    std::uint64_t version);
[[nodiscard]] std::uint64_t version_at_start(const Population& population, Entity entity);

// What has to be done to the source to bring an entity from the version before to this one.
struct Change {
  enum class Kind : std::uint8_t { create, update, remove };
  Kind kind = Kind::update;
  std::uint32_t row = 0;
  std::uint64_t before = 0;  // The version that this row has; 0 when it is created.
};
// REQUIRES: version > version_at_start().
[[nodiscard]] Change change_to(const Population& population, Entity entity, std::uint64_t version);

// One document as it was written with `version`: values in the order of the collection's fields.
using Value = std::variant<std::int64_t, std::string>;
[[nodiscard]] std::vector<Value> document_of(const Population& population, Entity entity,
                                             std::uint32_t row, std::uint64_t version);

// "user:42"; "42".
[[nodiscard]] std::string tag_of(Entity entity);
[[nodiscard]] std::string name_of(Entity entity);

}  // namespace headrace::replay
