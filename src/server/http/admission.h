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
  [[nodiscard]] std::optional<IdentityRef> admit_now(const wire::Request& request) const;

 private:
  [[nodiscard]] bool has_the_key(const wire::Request& request) const noexcept;
  [[nodiscard]] Problem refusal(std::string_view key, std::string_view peer) const;

  std::string api_key_;
  Doorkeeper* doorkeeper_;
};

}  // namespace headrace::http
