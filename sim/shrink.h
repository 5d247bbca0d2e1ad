// sim/shrink.h: makes a failing plan small.
//
// Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 2002.
#pragma once

#include <cstddef>

#include "sim/plan.h"

namespace headrace::sim {

// The plan with as few of its steps as still break the same rule; at most `runs_max` worlds are
// tried.
[[nodiscard]] Plan shrink(Plan plan, std::size_t runs_max = 600);

}  // namespace headrace::sim
