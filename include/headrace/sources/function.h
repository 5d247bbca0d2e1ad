// headrace/sources/function.h: a C++ function as a source.
//
// Threads:   the function is called on the thread of the fetch, or, with blocking(), on a thread of
//            the executor; several calls may run at once.
// Errors:    what the function returns; what it throws becomes loader_threw.
// Lifetimes: the source owns the function.
#pragma once

#include <functional>
#include <memory>

#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/source.h"
#include "headrace/task.h"

namespace headrace {

// A function that does not block: a coroutine, or something that answers at once.
[[nodiscard]] std::shared_ptr<Source> function_source(
    std::function<Task<Result<Fetched>>(Fetch)> function);

// A function that blocks; it is called on a thread of `executor`.
[[nodiscard]] std::shared_ptr<Source> blocking_source(
    std::function<Result<Fetched>(Fetch)> function, Executor& executor);

}  // namespace headrace
