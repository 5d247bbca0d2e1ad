#include "replay/act.h"

#include <utility>

namespace headrace::replay {

Result<std::unique_ptr<Act>> make_act(const Workload& workload, ActOptions options,
                                      Runtime& runtime) {
  switch (workload.through) {
    case Through::policies: return std::unique_ptr<Act>();
    case Through::allowances: return make_allowance_act(workload, std::move(options), runtime);
    case Through::merged_view: return make_merged_act(workload, std::move(options), runtime);
    case Through::snapshot: return make_summary_act(workload, std::move(options), runtime);
  }
  return std::unique_ptr<Act>();
}

}  // namespace headrace::replay
