#include "sim/merged_judge.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace headrace::sim {

namespace {

ToldCell told_by(const Contribution& one) {
  return ToldCell::from(one.fragment.entry().revision());
}

// What has been laid so far.
class Merge {
 public:
  void lay(const Fragment& fragment) {
    if (fragment.shape == Fragment::Shape::nothing) return;
    const bool is_object = fragment.shape == Fragment::Shape::object;
    if (!is_object || !members_) members_.reset();
    plain_ = fragment.plain;
    if (!is_object) return;
    if (!members_) members_.emplace();
    for (const auto& [name, value] : fragment.members) {
      const auto known = std::ranges::find(*members_, name, &Member::first);
      if (known == members_->end()) {
        members_->emplace_back(name, value);
      } else {
        known->second = value;
      }
    }
  }
  [[nodiscard]] std::string text() const {
    if (!members_) return plain_;
    std::string text;
    for (const auto& [name, value] : *members_) {
      text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", name, value);
    }
    return "{" + text + "}";
  }

 private:
  using Member = std::pair<std::string, std::string>;
  std::string plain_;
  std::optional<std::vector<Member>> members_;
};

}  // namespace

Oracle::Read MergedJudge::part_of(const Read& read, CellNumber cell) const {
  Oracle::Read part = read.of;
  part.place = place_of(cell);
  part.level = std::max(part.level, policies_[part.place.policy - first_.policy].level);
  part.answered_after = read.of.began;
  return part;
}

std::vector<Version> MergedJudge::versions_of(const Read& read, CellNumber cell) const {
  const Oracle::Read part = part_of(read, cell);
  std::vector<Version> versions;
  const Version latest = truth_.latest(part.place.entity);
  for (Version one = oracle_.least(part); one <= latest; ++one) versions.push_back(one);
  return versions;
}

void MergedJudge::answered(const Read& read, const Answers& answers) {
  if (answers.size() != read.names.size()) {
    return oracle_.violated("explained: an answer for each name");
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) continue;
    judge_parts(read, *answers[i]);
    judge_text(read, read.names[i], *answers[i]);
  }
  if (oracle_.violation() || is_explained(read, answers)) return;
  std::string told;
  for (const auto& answer : answers) {
    told += answer ? answer->json.value_or("unknown") + " " : std::string("an error ");
  }
  oracle_.violated(fmt::format("explained: instance {} answered {} with {}, which nothing is",
                               read.of.host, read.user.value_or("somebody"), told));
}

void MergedJudge::judge_parts(const Read& read, const MergedAnswer& answer) {
  for (const Contribution& one : answer.contributions) {
    const Entry& entry = one.fragment.entry();
    const auto [cell, told] = told_by(one);
    oracle_.answered(part_of(read, cell), {.kind = entry.kind(),
                                           .told = told,
                                           .age = one.fragment.age(),
                                           .from = name_of(one.fragment.origin())});
    const Cell& of = all_cells().at(cell);
    const bool is_foreign = of.scope == "user" && of.owner != read.user.value_or("");
    if (is_foreign || (!read.user && of.scope != "public")) {
      oracle_.violated(fmt::format("isolation: {} was answered with what is {}'s",
                                   read.user.value_or("somebody"), of.owner));
    }
    const Duration age = read.of.began - truth_.read_began(told.read);
    if (oracle_.widened(answer.age) < age) {
      oracle_.violated("the age: a merged answer is older than it says");
    }
  }
}

void MergedJudge::judge_text(const Read& read, const std::string& name,
                             const MergedAnswer& answer) {
  Merge merge;
  for (const Contribution& one : answer.contributions) {
    const auto [cell, told] = told_by(one);
    merge.lay(fragment_of(cell, told.version));
  }
  const auto expected = answer.contributions.empty() ? std::nullopt : std::optional(merge.text());
  if (answer.json == expected) return;
  oracle_.violated(fmt::format("the text: instance {} answered {} as {}, which is {}", read.of.host,
                               name, answer.json.value_or("unknown"),
                               expected.value_or("unknown")));
}

std::vector<std::vector<std::string>> MergedJudge::memberships(const Read& read) const {
  if (!read.user) return {{}};
  std::set<std::vector<std::string>> all;
  const auto cell = find_cell({.of = Cell::Of::members, .scope = "user", .owner = *read.user});
  for (const Version one : versions_of(read, *cell)) {
    all.insert(truth_.is_absent(one) ? std::vector<std::string>() : domains_of(*cell, one));
  }
  return {all.begin(), all.end()};
}

std::vector<Settings> MergedJudge::settings_for(const Read& read, const Layer& layer) const {
  const auto cell = find_cell({.of = Cell::Of::scopes, .scope = layer.scope, .owner = layer.owner});
  if (!cell) return {{}};
  std::set<Settings> all;
  for (const Version one : versions_of(read, *cell)) {
    all.insert(truth_.is_absent(one) ? Settings() : settings_of(*cell, one));
  }
  return {all.begin(), all.end()};
}

bool MergedJudge::is_explained(const Read& read, const Answers& answers) const {
  return std::ranges::any_of(memberships(read), [&](const std::vector<std::string>& domains) {
    Layers layers{{.scope = "public", .rank = 0}};
    for (const std::string& one : domains) {
      layers.push_back({.scope = "domain", .owner = one, .rank = 10});
    }
    if (read.user) layers.push_back({.scope = "user", .owner = *read.user, .rank = 20});
    return is_explained_by(std::move(layers), 0, read, answers);
  });
}

bool MergedJudge::is_explained_by(Layers layers, std::size_t next, const Read& read,
                                  const Answers& answers) const {
  if (next < layers.size()) {
    return std::ranges::any_of(settings_for(read, layers[next]), [&](const Settings& settings) {
      Layers tried = layers;
      tried[next].declared = next;
      tried[next].settings = settings;
      tried[next].rank = settings.rank.value_or(layers[next].rank);
      return is_explained_by(std::move(tried), next + 1, read, answers);
    });
  }
  std::ranges::sort(layers, {}, [](const Layer& one) { return std::pair(one.rank, one.declared); });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] && !is_made_of(layers, read, read.names[i], *answers[i])) return false;
  }
  return true;
}

bool MergedJudge::is_made_of(const Layers& layers, const Read& read, const std::string& name,
                             const MergedAnswer& answer) const {
  auto next = answer.contributions.begin();
  for (const Layer& layer : layers) {
    const auto& allow = layer.settings.allow;
    if (allow && std::ranges::find(*allow, name) == allow->end()) continue;
    const auto cell = find_cell(
        {.of = Cell::Of::fragments, .scope = layer.scope, .owner = layer.owner, .name = name});
    if (next != answer.contributions.end() && told_by(*next).cell == *cell) {
      ++next;
    } else if (!may_be_nothing(read, *cell)) {
      return false;
    }
  }
  return next == answer.contributions.end();
}

bool MergedJudge::may_be_nothing(const Read& read, CellNumber cell) const {
  return std::ranges::any_of(versions_of(read, cell), [&](Version one) {
    return truth_.is_absent(one) || fragment_of(cell, one).shape == Fragment::Shape::nothing;
  });
}

}  // namespace headrace::sim
