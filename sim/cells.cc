#include "sim/cells.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headrace::sim {

namespace {

std::vector<Cell> make_cells() {
  using Of = Cell::Of;
  std::vector<Cell> cells;
  for (const std::string& name : cell_names()) {
    cells.push_back({.of = Of::fragments, .scope = "public", .name = name});
    for (const char* const domain : {"d0", "d1"}) {
      cells.push_back({.of = Of::fragments, .scope = "domain", .owner = domain, .name = name});
    }
    for (const std::string& user : cell_users()) {
      cells.push_back({.of = Of::fragments, .scope = "user", .owner = user, .name = name});
    }
  }
  cells.push_back({.of = Of::scopes, .scope = "public"});
  for (const char* const domain : {"d0", "d1"}) {
    cells.push_back({.of = Of::scopes, .scope = "domain", .owner = domain});
  }
  for (const std::string& user : cell_users()) {
    cells.push_back({.of = Of::members, .scope = "user", .owner = user});
  }
  return cells;
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? "," : "") + quoted(text);
  return list + "]";
}

}  // namespace

std::string Cell::entity() const {
  if (of == Of::members) return owner;
  std::string entity = scope;
  if (!owner.empty()) entity += '/' + owner;
  if (!name.empty()) entity += '/' + name;
  return entity;
}

std::string_view name_of(Cell::Of of) noexcept {
  constexpr std::array<std::string_view, cell_policies> names{"fragments", "scopes", "members"};
  return names[static_cast<std::size_t>(of)];
}

const std::vector<std::string>& cell_names() {
  static const std::vector<std::string> names{"n0", "n1"};
  return names;
}

const std::vector<std::string>& cell_users() {
  static const std::vector<std::string> users{"u0", "u1"};
  return users;
}

const std::vector<Cell>& all_cells() {
  static const std::vector<Cell> cells = make_cells();
  return cells;
}

std::optional<CellNumber> find_cell(const Cell& cell) {
  const auto known = std::ranges::find(all_cells(), cell);
  if (known == all_cells().end()) return std::nullopt;
  return static_cast<CellNumber>(known - all_cells().begin());
}

MergedViewOptions view_of_cells() {
  return {.name = "config",
          .scopes =
              {{.name = "public",
                .rank = 0,
                .policy = "fragments",
                .entity = "public/{name}",
                .settings = "scopes",
                .settings_entity = "public"},
               {.name = "domain",
                .rank = 10,
                .policy = "fragments",
                .entity = "domain/{domain}/{name}",
                .settings = "scopes",
                .settings_entity = "domain/{domain}"},
               {.name = "user", .rank = 20, .policy = "fragments", .entity = "user/{user}/{name}"}},
          .membership = "members"};
}

// What it says changes its shape from version to version, in another order for each cell.
Fragment fragment_of(CellNumber cell, Version version) {
  switch ((cell + version) % 6) {
    case 0: return {};
    case 1: return {.shape = Fragment::Shape::plain, .plain = "null"};
    case 2: return {.shape = Fragment::Shape::plain, .plain = "[" + std::to_string(version) + "]"};
    default: break;
  }
  const std::string mine = "c" + std::to_string(cell);
  return {.shape = Fragment::Shape::object,
          .members = {{"all", quoted(mine + "v" + std::to_string(version))},
                      {mine, std::to_string(version)}}};
}

// Above all, between, with another, or below.
Settings settings_of(CellNumber cell, Version version) {
  switch ((cell + version) % 6) {
    case 0: return {.rank = 25};
    case 1: return {.allow = {{"n0"}}};
    case 2: return {.rank = 20, .allow = {{"n1", "n0"}}};
    case 3: return {.rank = -5};
    case 4: return {.allow = std::vector<std::string>()};
    default: return {};
  }
}

std::vector<std::string> domains_of(CellNumber cell, Version version) {
  switch ((cell + version) % 4) {
    case 0: return {"d0"};
    case 1: return {"d1", "d0"};
    case 2: return {"d1"};
    default: return {};
  }
}

std::string json_of(CellNumber cell, Version version) {
  switch (all_cells().at(cell).of) {
    case Cell::Of::fragments: {
      const Fragment fragment = fragment_of(cell, version);
      if (fragment.shape == Fragment::Shape::plain) return fragment.plain;
      std::string json;
      for (const auto& [name, value] : fragment.members) {
        json += (json.empty() ? "" : ",") + quoted(name) + ":" + value;
      }
      return "{" + json + "}";
    }
    case Cell::Of::scopes: {
      const Settings settings = settings_of(cell, version);
      std::string json = settings.rank ? "\"rank\":" + std::to_string(*settings.rank) : "";
      if (settings.allow)
        json += (json.empty() ? "" : ",") + ("\"allow\":" + list_of(*settings.allow));
      return "{" + json + "}";
    }
    case Cell::Of::members: break;
  }
  const std::vector<std::string> domains = domains_of(cell, version);
  if (domains.empty()) return "{}";
  return "{\"domain\":" + (domains.size() == 1 ? quoted(domains.front()) : list_of(domains)) + "}";
}

std::string ToldCell::text() const {
  return told.text() + " " + std::to_string(cell);
}

ToldCell ToldCell::from(const std::string& text) {
  return {.cell = std::stoul(text.substr(text.rfind(' ') + 1)), .told = Told::from(text)};
}

Task<Result<Fetched>> CellSource::fetch(Fetch fetch) {
  std::vector<Fetch> one;
  one.push_back(std::move(fetch));
  auto asking = fetch_many(std::move(one));
  std::vector<Result<Fetched>> answers = co_await std::move(asking);
  co_return std::move(answers.front());
}

Task<std::vector<Result<Fetched>>> CellSource::fetch_many(std::vector<Fetch> fetches) {
  struct Asked {
    CellNumber cell;
    std::uint64_t read;
  };
  std::vector<Asked> asked;
  for (const Fetch& fetch : fetches) {
    const auto known = std::ranges::find(all_cells(), fetch.entity, &Cell::entity);
    const auto cell = static_cast<CellNumber>(known - all_cells().begin());
    asked.push_back({cell, truth_.begin_read(first_ + cell)});
  }
  auto call = link_.call<std::vector<Told>>(
      [&truth = truth_, first = first_, asked]() -> Result<std::vector<Told>> {
        std::vector<Told> told;
        for (const Asked& one : asked) told.push_back(truth.answer(first + one.cell, one.read));
        return told;
      });
  const Result<std::vector<Told>> told = co_await std::move(call);
  std::vector<Result<Fetched>> answers;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!told) {
      answers.emplace_back(std::unexpected(told.error()));
      continue;
    }
    const ToldCell said{.cell = asked[i].cell, .told = (*told)[i]};
    Fetched fetched{.revision = said.text()};
    if (truth_.is_absent(said.told.version)) {
      fetched.kind = Kind::absent;
    } else {
      fetched.payload = json_of(said.cell, said.told.version);
    }
    answers.emplace_back(std::move(fetched));
  }
  co_return answers;
}

}  // namespace headrace::sim
