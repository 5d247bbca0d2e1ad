// replay/act.h: a workload that is more than questions to policies.
//
// It brings its own tables, its own way through Headrace and its own judge; lanes, writers, clock
// and report are those of every workload.  Each Act makes a source and a store of its own, so it
// begins cold.
//
// Threads:   visits, edits, billed() and remarks() from any thread; the others from one.
// Errors:    of single reads and edits are counted in the part.
// Lifetimes: an act borrows the runtime, and the part from join() to leave().  close() before
//            destruction, when no visit, edit or check is under way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "replay/part.h"
#include "replay/traffic.h"

namespace headrace::replay {

class Act {
 public:
  virtual ~Act() = default;

  // Called once, before all else.  What is counted goes to `part`.
  virtual void join(Part& part) = 0;
  // One coming of one actor, at its time.
  [[nodiscard]] virtual Task<void> visit(Visit visit) = 0;
  // Commits, makes it known, and tells the judge each step.  Blocks its thread.
  virtual void edit(const Edit& edit) = 0;
  // When all is quiet: what was edited, as visits to be made once more, and what else is to be
  // looked at.
  [[nodiscard]] virtual std::vector<Visit> again() { return {}; }
  [[nodiscard]] virtual Task<void> check() { co_return; }

  // Documents that the source has billed since the act was made.
  [[nodiscard]] virtual std::uint64_t billed() const = 0;
  [[nodiscard]] virtual std::vector<Remark> remarks() const = 0;

  // Called last, when all visits, edits and checks have ended: nothing is told to the part any
  // more.
  virtual void leave() {}
  // Ends all work.  Idempotent.
  virtual void close() = 0;
};

// Of each workload of a mix; null where it is of questions.
using Acts = std::vector<std::unique_ptr<Act>>;

// What a test takes out, to show that the judges can fail.
enum class Omission : std::uint8_t {
  none,
  shared_ledger,         // Each instance has a ledger of its own, and so grants all by itself.
  plan_signals,          // Nobody hears of a change of plan.
  domain_invalidations,  // Edits of domains are not invalidated.
  triggers,              // The writer's triggers are off.
};

struct ActOptions {
  std::string folder{};  // Where it makes its source and its store; nothing of it is there yet.
  Population population{};
  double speed = 1;  // Divides the ages and terms of its policies.
  Omission omission = Omission::none;
};

// The act of a workload; null if it is of questions.
// May return: source_unavailable, store_unavailable, invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Act>> make_act(const Workload& workload, ActOptions options,
                                                    Runtime& runtime);

// The same, each of its own kind.
[[nodiscard]] Result<std::unique_ptr<Act>> make_allowance_act(const Workload& workload,
                                                              ActOptions options, Runtime& runtime);
[[nodiscard]] Result<std::unique_ptr<Act>> make_merged_act(const Workload& workload,
                                                           ActOptions options, Runtime& runtime);
[[nodiscard]] Result<std::unique_ptr<Act>> make_summary_act(const Workload& workload,
                                                            ActOptions options, Runtime& runtime);

}  // namespace headrace::replay
