// server/http/user_session_routes.h: /v1/sessions/{app}: sessions of an application's users.
//
// A session is addressed by its handle, the hash of its id.  Only the answer to a POST has an id,
// if the client has not made it itself.
//
// Threads:   any.
// Errors:    problems: not-found (a read of what is not there, or is another's), session-destroyed
//            (a write to what was destroyed), records-unavailable (nobody can say now).
// Lifetimes: borrows its ports.
#pragma once

#include <cstddef>
#include <string_view>

#include "headrace/keyspace.h"
#include "headrace/random.h"
#include "server/http/router.h"
#include "session/sessions.h"

namespace headrace::http {

class UserSessionRoutes {
 public:
  struct Ports {
    Keyspace& keyspace;
    Random& random;
  };
  UserSessionRoutes(Ports ports, std::size_t json_depth_max)
      : random_(ports.random), json_depth_max_(json_depth_max), sessions_(ports.keyspace) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> begin(Call call);
  [[nodiscard]] Task<Outcome<Answered>> list(Call call);
  [[nodiscard]] Task<Outcome<Answered>> revoke(Call call);
  [[nodiscard]] Task<Outcome<Answered>> read(Call call);
  [[nodiscard]] Task<Outcome<Answered>> replace(Call call);
  [[nodiscard]] Task<Outcome<Answered>> merge(Call call);
  [[nodiscard]] Task<Outcome<Answered>> touch(Call call);
  [[nodiscard]] Task<Outcome<Answered>> rotate(Call call);
  [[nodiscard]] Task<Outcome<Answered>> destroy(Call call);

  Random& random_;
  std::size_t json_depth_max_;
  session::Sessions sessions_;
};

// The path as answers may show it: without what stands for a session.
[[nodiscard]] std::string_view shown_path(std::string_view path) noexcept;

}  // namespace headrace::http
