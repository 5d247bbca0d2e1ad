// The move of a fleet from one store to another: what its operator may do, and when.
#include <algorithm>

#include <fmt/format.h>

#include "sim/world.h"

namespace headrace::sim {

namespace {

int step_of(MovingPhase phase) {
  return static_cast<int>(phase);
}

}  // namespace

// Neighbouring phases may be in use side by side, and no others; and nobody reads the new store
// before it was told everything by all for long enough, and emptied since.
bool World::may_move(std::size_t place, MovingPhase to) const {
  for (std::size_t other = 0; other < phases_.size(); ++other) {
    if (other != place && std::abs(step_of(phases_[other]) - step_of(to)) > 1) return false;
  }
  if (to != MovingPhase::next) return true;
  return new_is_true_ && all_dual_since_ &&
         timeline_.now() - *all_dual_since_ > Mover::beside_lasts_max;
}

void World::move(const Step& step) {
  Instance& instance = *instances_[step.host];
  const MovingPhase present = phases_[step.host];
  const bool is_back = part(step.extra, 0) % 5 == 0;
  const int wanted = step_of(present) + (is_back ? -1 : 1);
  if (wanted < step_of(MovingPhase::off) || wanted > step_of(MovingPhase::next)) return;
  const MovingPhase to{static_cast<std::uint8_t>(wanted)};
  if (!may_move(step.host, to) || !instance.mover().store().set_phase(to)) return;
  tell([&] { return fmt::format("instance {} moves to {}", instance.id(), name_of(to)); });
  phases_[step.host] = to;
  const bool all_tell =
      std::ranges::none_of(phases_, [](MovingPhase one) { return one == MovingPhase::off; });
  if (!all_tell) {
    all_dual_since_.reset();
    new_is_true_ = false;
  } else if (!all_dual_since_) {
    all_dual_since_ = timeline_.now();
  }
}

void World::fill_back(const Step& step) {
  const bool all_dual =
      std::ranges::all_of(phases_, [](MovingPhase one) { return one == MovingPhase::dual; });
  if (!all_dual) return;
  Instance& instance = *instances_[step.host];
  tell([&] { return fmt::format("instance {} fills the new store", instance.id()); });
  instance.mover().fill_back([this, since = all_dual_since_] {
    if (all_dual_since_ != since) return;
    tell([] { return std::string("the new store is empty"); });
    new_is_true_ = true;
  });
}

}  // namespace headrace::sim
