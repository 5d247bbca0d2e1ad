// sim/cells.h: what merged views are made of: entries whose values are fragments, settings of
// scopes, and memberships, each one told by its cell and version.
//
// Two names, two domains, two users; the public scope, one for each domain, one for each user.  The
// cells are entities of the truth, after those that have nothing to do with views.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headrace/merge.h"
#include "headrace/source.h"
#include "sim/link.h"
#include "sim/truth.h"

namespace headrace::sim {

using CellNumber = std::size_t;

struct Cell {
  enum class Of : std::uint8_t { fragments, scopes, members };
  Of of = Of::fragments;
  std::string scope{};  // "public", "domain" or "user" ...
  std::string owner{};  // ... of whom; empty: of nobody.
  std::string name{};   // Of the setting, for a fragment.

  // Under which it is read.
  [[nodiscard]] std::string entity() const;
  friend bool operator==(const Cell&, const Cell&) = default;
};

inline constexpr std::size_t cell_policies = 3;
[[nodiscard]] std::string_view name_of(Cell::Of of) noexcept;

[[nodiscard]] const std::vector<Cell>& all_cells();
[[nodiscard]] std::optional<CellNumber> find_cell(const Cell& cell);
// Of all names, and of all users.
[[nodiscard]] const std::vector<std::string>& cell_names();
[[nodiscard]] const std::vector<std::string>& cell_users();

// What a view over them is.
[[nodiscard]] MergedViewOptions view_of_cells();

// What a version of a cell says, as it is asked of its source.
[[nodiscard]] std::string json_of(CellNumber cell, Version version);

// The same, taken apart.
struct Fragment {
  enum class Shape : std::uint8_t { nothing, plain, object };
  Shape shape = Shape::nothing;
  std::string plain{};  // As it is written.
  std::vector<std::pair<std::string, std::string>> members{};
};
[[nodiscard]] Fragment fragment_of(CellNumber cell, Version version);
struct Settings {
  std::optional<std::int64_t> rank{};
  std::optional<std::vector<std::string>> allow{};
  friend auto operator<=>(const Settings&, const Settings&) = default;
};
[[nodiscard]] Settings settings_of(CellNumber cell, Version version);
[[nodiscard]] std::vector<std::string> domains_of(CellNumber cell, Version version);

// The name of a cell's state as it lies in the caches.
struct ToldCell {
  CellNumber cell = 0;
  Told told{};
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static ToldCell from(const std::string& text);
};

// The source of one policy's cells, as one host sees it.
class CellSource final : public Source {
 public:
  // `first`: the entity that is the first cell.
  CellSource(Truth& truth, Link& link, EntityNumber first)
      : truth_(truth), link_(link), first_(first) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;

 private:
  Truth& truth_;
  Link& link_;
  const EntityNumber first_;
};

}  // namespace headrace::sim
