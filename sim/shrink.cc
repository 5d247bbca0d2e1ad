#include "sim/shrink.h"

#include <algorithm>
#include <string>

#include "sim/world.h"

namespace headrace::sim {

namespace {

// Which rule was broken: a smaller world has to break the same.
std::string rule_of(const Plan& plan) {
  const std::string violation = World::run(plan, false).violation.value_or("");
  return violation.substr(0, violation.find(':'));
}

}  // namespace

Plan shrink(Plan plan, std::size_t runs_max) {
  const std::string rule = rule_of(plan);
  std::size_t runs = 0;
  std::size_t chunk = std::max<std::size_t>(plan.steps.size() / 2, 1);
  while (runs < runs_max) {
    bool smaller = false;
    for (std::size_t from = 0; from < plan.steps.size() && runs < runs_max;) {
      Plan tried = plan;
      const auto first = tried.steps.begin() + static_cast<std::ptrdiff_t>(from);
      const std::size_t count = std::min(chunk, tried.steps.size() - from);
      tried.steps.erase(first, first + static_cast<std::ptrdiff_t>(count));
      ++runs;
      if (rule_of(tried) == rule) {
        plan = std::move(tried);
        smaller = true;
      } else {
        from += count;
      }
    }
    if (chunk == 1 && !smaller) break;
    chunk = std::max<std::size_t>(chunk / 2, 1);
  }
  return plan;
}

}  // namespace headrace::sim
