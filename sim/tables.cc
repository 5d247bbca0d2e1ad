#include "sim/tables.h"

#include <algorithm>
#include <set>
#include <utility>

namespace headrace::sim {

namespace {

constexpr std::string_view any_entity = "{entity}";

// For so long, on a host's clock.
struct Pause {
  Host& host;
  Duration lasts;
  [[nodiscard]] bool await_ready() const noexcept { return lasts <= Duration::zero(); }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    host.post_at(host.now() + lasts, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace

Part part_of(std::size_t table, const std::string& entity) {
  Part part{.table = "t" + std::to_string(table)};
  if (!entity.empty()) {
    part.column = "id";
    part.value = entity;
  }
  return part;
}

std::vector<Part> parts_for(std::vector<Part> parts, const std::string& entity) {
  for (Part& part : parts) {
    if (part.value == any_entity) part.value = entity;
  }
  return parts;
}

void Tables::commit(const std::vector<Row>& rows) {
  std::set<Part> changed;
  for (const Row& row : rows) {
    changed.insert(part_of(row.table));
    changed.insert(part_of(row.table, std::to_string(row.entity)));
  }
  for (const Part& part : changed) changed_[part].push_back(timeline_.now());
}

std::string Tables::revision_of(const Part& part) const {
  const auto known = changed_.find(part);
  return std::to_string(known == changed_.end() ? 0 : known->second.size());
}

std::uint64_t Tables::build(std::vector<Part> parts, WallTime generated_at) {
  Build made{.parts = std::move(parts), .generated_at = generated_at};
  for (const Part& part : made.parts) {
    const auto known = changed_.find(part);
    made.changes.push_back(known == changed_.end() ? 0 : known->second.size());
  }
  builds_.push_back(std::move(made));
  return builds_.size() - 1;
}

const Tables::Build* Tables::find(std::uint64_t number) const {
  return number < builds_.size() ? &builds_[number] : nullptr;
}

std::optional<Instant> Tables::true_until(const Build& build) const {
  std::optional<Instant> until;
  for (std::size_t i = 0; i < build.parts.size(); ++i) {
    const auto known = changed_.find(build.parts[i]);
    if (known == changed_.end() || known->second.size() == build.changes[i]) continue;
    const Instant next = known->second[build.changes[i]];
    until = std::min(until.value_or(next), next);
  }
  return until;
}

Task<Result<PartRevisions>> TableRevisions::read(std::vector<Part> parts, Instant) {
  const Errand errand(errands_);
  auto call =
      link_.call<PartRevisions>([this, asked = std::move(parts)]() -> Result<PartRevisions> {
        PartRevisions revisions;
        for (const Part& part : asked) revisions.push_back({.text = tables_.revision_of(part)});
        return revisions;
      });
  Result<PartRevisions> revisions = co_await std::move(call);
  co_return revisions;
}

Task<Result<Fetched>> SectionSource::fetch(Fetch fetch) {
  const Errand errand(errands_);
  const WallTime began = host_.wall_now();
  const EntityNumber entity = std::stoul(fetch.entity);
  watch_.build_began(section_.number, entity);
  const Pause before{host_, chance_.between(Duration::zero(), section_.takes_max / 2)};
  co_await before;
  auto call = link_.call<std::uint64_t>(
      [this, began, parts = parts_for(section_.parts, fetch.entity)]() -> Result<std::uint64_t> {
        return tables_.build(parts, began);
      });
  const Result<std::uint64_t> built = co_await std::move(call);
  const Pause after{host_, chance_.between(Duration::zero(), section_.takes_max / 2)};
  co_await after;
  watch_.build_ended(section_.number, entity);
  if (!built) co_return std::unexpected(built.error());
  co_return Fetched{.payload = std::to_string(*built)};
}

// Sections are built one by one.
Task<std::vector<Result<Fetched>>> SectionSource::fetch_many(std::vector<Fetch>) {
  co_return std::vector<Result<Fetched>>();
}

}  // namespace headrace::sim
