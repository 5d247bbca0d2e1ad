// headrace/merge.h: views: values merged from fragments in ranked scopes.
//
// A view has no entries of its own.  Its answer is made, for each read, of the few entries that
// concern the caller: one fragment in each scope, laid over each other from the lowest rank to the
// highest.  Each is read through its own policy, with that policy's times and level.  So whatever
// is edited (a fragment, a rank, a list of allowed names, a membership) is one entry to invalidate,
// however many callers are affected; and a fragment that all share is kept and loaded once.
//
// Threads:   any member may be called from any thread.
// Errors:    returned, never thrown.
// Lifetimes: a view borrows its engine, and must outlive its reads.  The values of its policies are
//            texts: bytes_codec().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/answer.h"
#include "headrace/engine.h"
#include "headrace/result.h"
#include "headrace/task.h"

namespace headrace {

// Templates name entities.  {name} stands for the setting that is asked for, {user} for the caller,
// and any other name in braces for an attribute that the caller's membership says.  In what is put
// in, "%" becomes "%25" and "/" becomes "%2F"; and between two braces there must be a "/".  So
// different values never name the same entity.
struct MergedScope {
  std::string name{};
  std::int64_t rank = 0;  // Higher overrides lower; of equals, what was declared later.
  std::string policy{};   // Its entries are the fragments: JSON.
  std::string entity{};   // "{domain}/{name}"
  // The member of the entry that holds the fragment, as JSON or as a text that is JSON; empty: the
  // entry is the fragment.
  std::string field{};
  // The policy of {"rank":25,"allow":["a","b"]}: another rank, and the only names to which the
  // scope contributes.  What is not there, or null, changes nothing.
  std::string settings{};
  std::string settings_entity{};  // "{domain}": no {name}, and no attribute that `entity` lacks.
};

struct MergedViewOptions {
  std::string name{};
  std::vector<MergedScope> scopes{};
  // The policy of the caller's attributes: {"domain":"d7"} or {"domain":["d1","d2"]}.  A scope
  // contributes once for each of several, the later over the earlier.
  std::string membership{};
  std::string membership_entity = "{user}";
};

inline constexpr std::size_t scopes_max = 16;         // Of a view.
inline constexpr std::size_t merged_layers_max = 64;  // Fragments of one name, for one caller.
inline constexpr std::size_t merged_names_max = 100;  // Of one read.

// What is wrong with a view, and under which key it stands.
struct MergedFault {
  std::string scope{};  // Empty: the view itself.
  std::string key{};    // "entity"; empty: the scope as a whole.
  std::string text{};
};
[[nodiscard]] std::vector<MergedFault> faults_of(const MergedViewOptions& options);

// Who asks.  Nothing else decides which fragments are read.
struct Caller {
  std::optional<std::string> user{};  // None: anonymous.
};

// A scope that had something to say, and where its fragment came from.
struct Contribution {
  std::string scope{};
  AnyAnswer fragment;
};

struct MergedAnswer {
  std::optional<std::string> json{};          // None: no scope has anything under this name.
  std::vector<Contribution> contributions{};  // In the order in which they were applied.
  // Of all that was read for it, absent fragments, membership and settings too.
  Duration age{0};    // Of the oldest.
  Duration bound{0};  // The largest age that any of them may have.
  // What came from the source, or else is fresh for the shortest.  None: nothing had to be read.
  std::optional<AnyAnswer> weakest{};
};

namespace merge {
struct Definition;  // With its templates read.
}

class MergedView {
 public:
  // May return: invalid_argument (all faults in one text), unknown_policy.
  [[nodiscard]] static Result<std::shared_ptr<const MergedView>> make(Engine& engine,
                                                                      MergedViewOptions options);
  ~MergedView();
  MergedView(const MergedView&) = delete;
  MergedView& operator=(const MergedView&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;

  // The answers for `names`, in their order, duplicates too.  What one name lacks the others do not
  // miss: each has its own outcome, which may be any error of Engine::read(), or source_failed for
  // a fragment that is no JSON; its text names scope and policy.
  // Scopes whose templates need what the caller does not have contribute nothing, and none of their
  // entries is asked for.  `options.within` counts for each of three steps in turn: membership,
  // settings, fragments.
  // May return, for all of them: what reading the membership may, source_failed if it is not what
  // it must be, invalid_argument (a user without a name), too_large (merged_names_max,
  // merged_layers_max).
  [[nodiscard]] Task<Result<std::vector<Result<MergedAnswer>>>> read(
      Caller caller, std::vector<std::string> names, ReadOptions options = {}) const;

  // For make() only.
  MergedView(Engine& engine, std::unique_ptr<const merge::Definition> definition);

 private:
  Engine& engine_;
  std::unique_ptr<const merge::Definition> definition_;
};

using MergedViews = std::vector<std::shared_ptr<const MergedView>>;

}  // namespace headrace
