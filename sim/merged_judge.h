// sim/merged_judge.h: judges every answer of a merged view by what its parts may have said.
//
//   (a part)         each fragment that contributed is an answer of its own, and the oracle judges
//                    it as such: so after an edit that has returned no strict read is older;
//   isolation        nobody's answer has another user's fragment, nor an anonymous one a domain's;
//   explained        there are a membership, settings and fragments, each as it may have been
//                    answered to a read that began then, of which the answer is the merge: all
//                    names of a read with the same membership and settings;
//   the text         and it is the merge of what it says that it is made of;
//   the age          which is never said to be less than that of its oldest part.
//
// The merge is made here a second time, of the same rules and no common code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headrace/merge.h"
#include "sim/cells.h"
#include "sim/oracle.h"
#include "sim/plan.h"

namespace headrace::sim {

class MergedJudge {
 public:
  // Of the plan's views: the first of their policies, and the entity that is the first cell.
  struct Places {
    PolicyNumber policy = 0;
    EntityNumber entity = 0;
  };
  MergedJudge(const Truth& truth, Oracle& oracle, Places first, const std::vector<Policy>& policies)
      : truth_(truth), oracle_(oracle), first_(first), policies_(policies) {}

  [[nodiscard]] Place place_of(CellNumber cell) const {
    const auto policy = static_cast<PolicyNumber>(all_cells().at(cell).of);
    return {.policy = first_.policy + policy, .entity = first_.entity + cell};
  }

  struct Read {
    Oracle::Read of{};  // But its place, which each part has for itself.
    std::optional<std::string> user{};
    std::vector<std::string> names{};
  };
  using Answers = std::vector<Result<MergedAnswer>>;
  void answered(const Read& read, const Answers& answers);

 private:
  // Who is asked for a name, from the lowest rank to the highest.
  struct Layer {
    std::string scope{};
    std::string owner{};
    std::int64_t rank = 0;
    std::size_t declared = 0;  // Of equal ranks the last overrides.
    Settings settings{};
  };
  using Layers = std::vector<Layer>;

  [[nodiscard]] Oracle::Read part_of(const Read& read, CellNumber cell) const;
  // Those that a part may have been answered with, the oldest first, and at least one.
  [[nodiscard]] std::vector<Version> versions_of(const Read& read, CellNumber cell) const;
  void judge_parts(const Read& read, const MergedAnswer& answer);
  void judge_text(const Read& read, const std::string& name, const MergedAnswer& answer);
  [[nodiscard]] bool is_explained(const Read& read, const Answers& answers) const;
  // With the settings of `layers` from `next` on still open.
  [[nodiscard]] bool is_explained_by(Layers layers, std::size_t next, const Read& read,
                                     const Answers& answers) const;
  [[nodiscard]] bool is_made_of(const Layers& layers, const Read& read, const std::string& name,
                                const MergedAnswer& answer) const;
  [[nodiscard]] std::vector<std::vector<std::string>> memberships(const Read& read) const;
  [[nodiscard]] std::vector<Settings> settings_for(const Read& read, const Layer& layer) const;
  [[nodiscard]] bool may_be_nothing(const Read& read, CellNumber cell) const;

  const Truth& truth_;
  Oracle& oracle_;
  const Places first_;
  const std::vector<Policy>& policies_;
};

}  // namespace headrace::sim
