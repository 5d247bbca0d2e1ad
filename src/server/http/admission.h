// server/http/admission.h: whose request this is.
//
// Without a doorkeeper there is one key for all, or none.  With one, a key is taken from
// Authorization (as Bearer, bare, or the password of Basic) or X-API-Key, and never from the query,
// which proxies and browsers write down.
//
// Threads:   any.
// Errors:    problems: missing-credentials, invalid-credentials, token-in-query, quota-exceeded (an
//            address that has sent too many keys that do not hold), records-unavailable (nobody can
//            say now).  None repeats what was sent.
// Lifetimes: borrows the doorkeeper.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/tenants.h"
#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

// Whom a connection let in last, and by what.  Its next request mostly comes with the same, and
// then no digest has to be made: who was let in is renewed, which an ended key is not.
struct Visitor {
  std::string credentials{};  // As they were sent.
  bool is_bare = false;       // In X-API-Key.
  IdentityRef who{};          // Null: nobody yet.
};

class Admission {
 public:
  // `doorkeeper` may be null; then `api_key` may be empty: everybody may ask.
  Admission(std::string api_key, Doorkeeper* doorkeeper)
      : api_key_(std::move(api_key)), doorkeeper_(doorkeeper) {}

  // Who it is; nobody in particular without a doorkeeper.  A key that does not hold counts against
  // the address that it came from.
  [[nodiscard]] Outcome<IdentityRef> admit(const wire::Request& request,
                                           std::string_view peer) const;
  // The same if nothing is wrong; it counts nothing.
  [[nodiscard]] std::optional<IdentityRef> admit_now(const wire::Request& request,
                                                     Visitor& visitor) const;

 private:
  [[nodiscard]] bool has_the_key(const wire::Request& request) const noexcept;
  [[nodiscard]] Problem refusal(std::string_view key, std::string_view peer) const;

  std::string api_key_;
  Doorkeeper* doorkeeper_;
};

}  // namespace headrace::http
