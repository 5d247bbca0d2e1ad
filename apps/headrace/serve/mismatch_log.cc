#include "serve/mismatch_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "serve/log.h"

namespace headrace::app {

namespace {

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void MismatchLog::look(const Engine& engine) {
  const std::vector<PolicyView> views = engine.policies();
  std::erase_if(told_, [&views](const auto& one) {
    return std::ranges::none_of(
        views, [&one](const PolicyView& view) { return view.policy.name == one.first; });
  });
  for (const PolicyView& view : views) tell(engine, view, told_[view.policy.name]);
}

void MismatchLog::tell(const Engine& engine, const PolicyView& view, Told& told) {
  const std::string& name = view.policy.name;
  const std::vector<Mismatch> last = engine.mismatches(name);
  const std::uint64_t newest = last.empty() ? 0 : last.front().number;
  if (newest < told.number) told = {};  // The policy was defined anew.
  const std::uint64_t fresh = newest - told.number;
  const std::size_t lines = std::min({fresh, std::uint64_t{last.size()}, std::uint64_t{lines_max}});
  for (std::size_t i = lines; i-- > 0;) {
    const Mismatch& one = last[i];
    log_warning(fmt::format("mismatch of policy {}: {}, {} {} s old from {}; {}", name,
                            name_of(one.kind), one.dry ? "it would have been" : "it was",
                            seconds_of(one.age), name_of(one.origin), one.why));
  }
  if (fresh > lines) {
    log_warning(fmt::format("mismatches of policy {}: {} more", name, fresh - lines));
  }
  told.number = newest;
  const bool is_switched = !view.switched_why.empty();
  if (is_switched && !told.switched) {
    log_error(
        fmt::format("policy {} is switched to shadow by mismatches, until a person switches it: {}",
                    name, view.switched_why));
  }
  told.switched = is_switched;
}

}  // namespace headrace::app
