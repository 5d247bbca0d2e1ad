// server/http/user_session_text.h: sessions of users, as requests and answers write them.
//
// Threads:   pure.
// Errors:    problems.  None has a handle, a field or a value in it.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/problem.h"
#include "server/http/router.h"
#include "session/sessions.h"
#include "wire/http_message.h"

namespace headrace::http {

// Of a POST; no handle: the server is to make one.
[[nodiscard]] Outcome<session::Beginning> beginning_in(const wire::Request& request,
                                                       std::size_t json_depth_max);
// Of a PUT.
[[nodiscard]] Outcome<session::Fields> fields_in(const wire::Request& request,
                                                 std::size_t json_depth_max);
// Of a PATCH.
[[nodiscard]] Outcome<session::Patch> patch_in(const wire::Request& request,
                                               std::size_t json_depth_max);
[[nodiscard]] Outcome<session::Rotation> rotation_in(const wire::Request& request,
                                                     std::size_t json_depth_max);
// Of a touch, which may have no body.
[[nodiscard]] Outcome<std::optional<Duration>> idle_timeout_in(const wire::Request& request,
                                                               std::size_t json_depth_max);
struct Revocation {
  std::string subject{};
  std::string except{};  // A handle, or empty.
};
[[nodiscard]] Outcome<Revocation> revocation_in(const wire::Request& request,
                                                std::size_t json_depth_max);
// What If-Match names: versions, or nothing at all.
[[nodiscard]] Outcome<session::Sessions::Expected> expected_in(const wire::Request& request);

// What became of it, unless it is done.
[[nodiscard]] Outcome<void> judge(session::Fate fate, const session::Session& session);

// The whole session, and whether this has touched it; `version` and both ends alone; and that with
// its handle, and its id if the server has made it.
[[nodiscard]] Answered whole_answer(const session::Told& told);
[[nodiscard]] Answered ends_answer(const session::Told& told);
[[nodiscard]] Answered begun_answer(const session::Session& session, std::string_view id,
                                    std::string_view handle);
[[nodiscard]] Answered list_answer(const std::vector<session::Sessions::Listed>& listed);

}  // namespace headrace::http
