// cache/in_turn.h: calls of a source, each in its turn of the source's budget.
//
// Threads:   any.  Errors: those of the call, and those of Admission::turn.
// Lifetimes: a call keeps its source and its budget alive.
#pragma once

#include <memory>
#include <vector>

#include "cache/admission.h"
#include "headrace/engine.h"
#include "headrace/source.h"

namespace headrace {

[[nodiscard]] Task<Result<Fetched>> fetch_in_turn(std::shared_ptr<Source> source,
                                                  std::shared_ptr<Admission> budget, Fetch fetch);

// The batch is one call, made for as long as the last of them is wanted.
[[nodiscard]] Task<std::vector<Result<Fetched>>> fetch_many_in_turn(
    std::shared_ptr<Source> source, std::shared_ptr<Admission> budget, std::vector<Fetch> fetches);

// A caller's own fetch; what it throws becomes loader_threw.
[[nodiscard]] Task<Result<Loaded>> load_in_turn(std::shared_ptr<Loader> loader,
                                                std::shared_ptr<Admission> budget, Fetch fetch);

}  // namespace headrace
