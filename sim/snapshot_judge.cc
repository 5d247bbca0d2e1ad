#include "sim/snapshot_judge.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace headrace::sim {

namespace {

std::optional<std::uint64_t> number_in(const std::string& json) {
  std::uint64_t number = 0;
  const char* const end = json.data() + json.size();
  const auto [read_to, fault] = std::from_chars(json.data(), end, number);
  if (fault != std::errc() || read_to != end) return std::nullopt;
  return number;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void SnapshotJudge::answered(const Read& read, const SnapshotAnswer& answer) {
  const auto fail = [&](std::string_view rule, std::string_view what) {
    oracle_.violated(fmt::format("{}: instance {} answered {} of the snapshot of {}: {}", rule,
                                 read.host, json_of(answer), read.entity, what));
  };
  if (answer.sections.size() != plan_.sections.size()) return fail("state", "sections are missing");
  bool has_stale = false;
  Duration outdated{0};
  WallTime generated_at = answer.sections.front().generated_at;
  for (std::size_t i = 0; i < answer.sections.size(); ++i) {
    const SectionAnswer& section = answer.sections[i];
    judge(read, i, section);
    has_stale = has_stale || section.state == SnapshotState::stale;
    outdated = std::max(outdated, section.outdated_for);
    generated_at = std::min(generated_at, section.generated_at);
  }
  if (has_stale != (answer.state == SnapshotState::stale)) {
    fail("state", "it is stale if and only if a section is");
  }
  if (outdated != answer.outdated_for) fail("state", "it is not outdated as its sections are");
  if (generated_at != answer.generated_at) fail("state", "it is not as old as its oldest section");
}

void SnapshotJudge::judge(const Read& read, std::size_t number, const SectionAnswer& section) {
  const auto fail = [&](std::string_view rule, const std::string& why) {
    oracle_.violated(fmt::format(
        "{}: instance {} answered build {} as section {} of {} ({}, read begun at {:.6f}); {}",
        rule, read.host, section.json, number, read.entity, name_of(section.state),
        seconds(read.began.time_since_epoch()), why));
  };
  const auto told = number_in(section.json);
  const Tables::Build* const build = told ? tables_.find(*told) : nullptr;
  if (build == nullptr) return fail("section", "there was no such build");
  if (build->parts != parts_for(plan_.sections[number], std::to_string(read.entity))) {
    return fail("section", "that one is of something else");
  }
  if (section.generated_at != build->generated_at) {
    fail("generated", "it does not say when its build began");
  }
  const bool is_stale = section.state == SnapshotState::stale;
  if (section.outdated_for > plan_.stale_for) {
    fail("stale", fmt::format("it says that it is outdated for {:.6f} s, which is too long",
                              seconds(section.outdated_for)));
  }
  if (!is_stale && section.outdated_for > Duration::zero()) {
    fail("state", "it is outdated and not stale");
  }
  const auto until = tables_.true_until(*build);
  if (!until || read.began - *until <= oracle_.widened(section.outdated_for)) return;
  fail(is_stale ? "stale" : "revision",
       fmt::format("that was true until {:.6f} s before, and it says {:.6f} s",
                   seconds(read.began - *until), seconds(section.outdated_for)));
}

void SnapshotJudge::build_began(HostId host, std::size_t section, EntityNumber entity) {
  ++builds_;
  if (++building_[{host, section, entity}] == 1 || !plan_.builds_are_alone) return;
  oracle_.violated(fmt::format("one build: instance {} builds section {} of {} twice at once", host,
                               section, entity));
}

void SnapshotJudge::build_ended(HostId host, std::size_t section, EntityNumber entity) {
  const auto known = building_.find({host, section, entity});
  if (known != building_.end() && --known->second == 0) building_.erase(known);
}

}  // namespace headrace::sim
