// server/http/invalidation_text.h: what an invalidation's body names, and where it holds, as JSON.
//
// Threads:   any.
// Errors:    faults of the body.
// Lifetimes: values.
#pragma once

#include "headrace/engine.h"
#include "server/http/json_body.h"
#include "server/http/router.h"

namespace headrace::http {

struct InvalidationAsked {
  Invalidation what{};
  Wait wait = Wait::confirmed;
};
[[nodiscard]] InvalidationAsked invalidation_in(JsonBody& body);

// {"held":"everywhere"}, with what that means where it is less.
[[nodiscard]] Answered answer_of(Held held);

}  // namespace headrace::http
