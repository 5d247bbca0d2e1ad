// sim/plan_views.h: what a plan has besides entries: each part of it from a chance of its own, in
// some worlds, with steps that come beside the others.
#pragma once

#include <cstdint>

#include "sim/plan.h"

namespace headrace::sim {

void draw_snapshot(std::uint64_t seed, Plan& plan);
void draw_merged(std::uint64_t seed, Plan& plan);
void draw_allowance(std::uint64_t seed, Plan& plan);

}  // namespace headrace::sim
