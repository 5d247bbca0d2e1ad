#include "sim/truth.h"

#include <cstdio>
#include <utility>

namespace headrace::sim {

std::string Told::text() const {
  return std::to_string(version) + " " + std::to_string(read);
}

Told Told::from(const std::string& text) {
  Told told;
  char* rest = nullptr;
  told.version = std::strtoull(text.c_str(), &rest, 10);
  told.read = std::strtoull(rest, nullptr, 10);
  return told;
}

Truth::Truth(Timeline& timeline, std::size_t entities, bool deletes)
    : timeline_(timeline), deletes_(deletes), history_(entities, {timeline.now()}) {}

Version Truth::commit(EntityNumber entity) {
  history_.at(entity).push_back(timeline_.now());
  return latest(entity);
}

std::uint64_t Truth::begin_read(EntityNumber) {
  reads_.push_back(timeline_.now());
  return reads_.size() - 1;
}

Task<Result<Fetched>> SimSource::fetch(Fetch fetch) {
  const EntityNumber entity = std::stoul(fetch.entity);
  const std::uint64_t read = truth_.begin_read(entity);
  const std::uint64_t ticket = watch_.load_began(entity);
  auto call = link_.call<Told>([this, entity, read] { return truth_.answer(entity, read); });
  const Result<Told> told = co_await std::move(call);
  watch_.load_ended(entity, ticket);
  if (!told) co_return std::unexpected(told.error());
  co_return fetched(*told, fetch.revision);
}

// The revision tells which read it was, also where there is no value that could.
Fetched SimSource::fetched(const Told& told, const std::string& known) const {
  if (truth_.is_absent(told.version)) return {.kind = Kind::absent, .revision = told.text()};
  const bool same = !known.empty() && Told::from(known).version == told.version;
  if (same && options_.says_unchanged) return {.unchanged = true, .revision = told.text()};
  return {.payload = told.text(), .revision = told.text()};
}

Task<Result<Written>> SimSource::write(Write write) {
  const EntityNumber entity = std::stoul(write.entity);
  auto call =
      link_.call<Version>([this, entity] { return truth_.commit(entity); }, Link::Repeat::never);
  const Result<Version> version = co_await std::move(call);
  if (!version) co_return std::unexpected(version.error());
  co_return Written{.revision = std::to_string(*version), .writes = 1};
}

Task<std::vector<Result<Fetched>>> SimSource::fetch_many(std::vector<Fetch> fetches) {
  struct Asked {
    EntityNumber entity;
    std::uint64_t read;
    std::uint64_t ticket;
  };
  std::vector<Asked> asked;
  for (const Fetch& fetch : fetches) {
    const EntityNumber entity = std::stoul(fetch.entity);
    asked.push_back({entity, truth_.begin_read(entity), watch_.load_began(entity)});
  }
  auto call = link_.call<std::vector<Told>>([this, asked]() -> Result<std::vector<Told>> {
    std::vector<Told> told;
    for (const Asked& one : asked) told.push_back(truth_.answer(one.entity, one.read));
    return told;
  });
  const Result<std::vector<Told>> told = co_await std::move(call);
  for (const Asked& one : asked) watch_.load_ended(one.entity, one.ticket);
  std::vector<Result<Fetched>> answers;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (told) {
      answers.emplace_back(fetched((*told)[i], fetches[i].revision));
    } else {
      answers.emplace_back(std::unexpected(told.error()));
    }
  }
  co_return answers;
}

}  // namespace headrace::sim
