#include "sim/truth.h"

#include <algorithm>
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

std::string Increment::text() const {
  return std::to_string(update) + " " + std::to_string(from);
}

std::optional<Increment> Increment::of(const Write& write) {
  if (write.fields.empty()) return std::nullopt;
  const std::string& text = write.fields.front().second;
  char* rest = nullptr;
  const std::uint64_t update = std::strtoull(text.c_str(), &rest, 10);
  if (*rest != ' ') return std::nullopt;
  return Increment{.update = update, .from = std::strtoull(rest, nullptr, 10)};
}

Truth::Truth(Timeline& timeline, std::size_t entities, bool deletes, const Delays& delays)
    : timeline_(timeline),
      deletes_(deletes),
      delays_(delays),
      chance_(delays.seed),
      outbox_(timeline),
      history_(entities, {Commit{.made = timeline.now(), .seen = timeline.now()}}) {}

Version Truth::commit(EntityNumber entity) {
  std::vector<Commit>& commits = history_.at(entity);
  const Instant now = timeline_.now();
  const Instant seen = now + chance_.between(Duration::zero(), delays_.seen_late_max);
  commits.push_back({.made = now, .seen = std::max(seen, commits.back().seen)});
  outbox_.record(entity);
  return latest(entity);
}

// The first was always there.
Version Truth::version_at(EntityNumber entity, Instant when) const {
  const std::vector<Commit>& commits = history_.at(entity);
  const auto after = std::ranges::upper_bound(commits, when, {}, &Commit::made);
  return std::max<Version>(1, static_cast<Version>(after - commits.begin()));
}

std::uint64_t Truth::begin_read(EntityNumber) {
  reads_.push_back(
      {.began = timeline_.now(), .lag = chance_.between(Duration::zero(), delays_.lag_max)});
  return reads_.size() - 1;
}

Told Truth::answer(EntityNumber entity, std::uint64_t read, From from) const {
  const Instant as_of =
      timeline_.now() - (from == From::replica ? reads_.at(read).lag : Duration::zero());
  const std::vector<Commit>& commits = history_.at(entity);
  // The first was always there.
  const auto after =
      std::upper_bound(std::next(commits.begin()), commits.end(), as_of,
                       [](Instant moment, const Commit& commit) { return moment < commit.seen; });
  return {.version = static_cast<Version>(after - commits.begin()), .read = read};
}

namespace {

Truth::From from_of(const Fetch& fetch) {
  return fetch.primary ? Truth::From::primary : Truth::From::replica;
}

}  // namespace

Task<Result<Fetched>> SimSource::fetch(Fetch fetch) {
  const EntityNumber entity = std::stoul(fetch.entity);
  const std::uint64_t read = truth_.begin_read(entity);
  const std::uint64_t ticket = watch_.load_began(entity);
  watch_.call_began(++calls_);
  auto call = link_.call<Told>(
      [this, entity, read, from = from_of(fetch)] { return truth_.answer(entity, read, from); });
  const Result<Told> told = co_await std::move(call);
  --calls_;
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

std::string SimSource::state_of(Version version) const {
  return truth_.is_absent(version) ? std::string() : std::to_string(version);
}

// As of its primary, which may not show the latest commit yet: then what starts from it fails.
Task<Result<Fetched>> SimSource::fetch_for_update(Fetch fetch) {
  const EntityNumber entity = std::stoul(fetch.entity);
  const std::uint64_t read = truth_.begin_read(entity);
  auto call = link_.call<Told>([this, entity, read] { return truth_.answer(entity, read); });
  const Result<Told> told = co_await std::move(call);
  if (!told) co_return std::unexpected(told.error());
  const bool absent = truth_.is_absent(told->version);
  co_return Fetched{.kind = absent ? Kind::absent : Kind::value,
                    .payload = absent ? std::string() : told->text(),
                    .revision = state_of(told->version)};
}

Written SimSource::change(EntityNumber entity, const Write& write) {
  if (write.expected && *write.expected != state_of(truth_.latest(entity))) {
    return {.conflict = true};
  }
  const Version made = truth_.commit(entity);
  if (const auto by = Increment::of(write)) watch_.updated(entity, made, *by);
  return {.revision = std::to_string(made), .writes = 1};
}

Task<Result<Written>> SimSource::write(Write write) {
  const EntityNumber entity = std::stoul(write.entity);
  auto call = link_.call<Written>(
      [this, entity, write = std::move(write)] { return change(entity, write); },
      Link::Repeat::never);
  co_return co_await std::move(call);
}

Task<std::vector<Result<Fetched>>> SimSource::fetch_many(std::vector<Fetch> fetches) {
  struct Asked {
    EntityNumber entity;
    std::uint64_t read;
    std::uint64_t ticket;
    Truth::From from;
  };
  std::vector<Asked> asked;
  for (const Fetch& fetch : fetches) {
    const EntityNumber entity = std::stoul(fetch.entity);
    asked.push_back({entity, truth_.begin_read(entity), watch_.load_began(entity), from_of(fetch)});
  }
  watch_.call_began(++calls_);
  auto call = link_.call<std::vector<Told>>([this, asked]() -> Result<std::vector<Told>> {
    std::vector<Told> told;
    for (const Asked& one : asked) told.push_back(truth_.answer(one.entity, one.read, one.from));
    return told;
  });
  const Result<std::vector<Told>> told = co_await std::move(call);
  --calls_;
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
