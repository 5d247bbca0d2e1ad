#include "server/http/admission.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/same_secret.h"
#include "server/http/rate_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr std::string_view bearer = "Bearer ";
constexpr std::string_view basic = "Basic ";
constexpr std::string_view key_mark = "hrk_";

struct Credentials {
  std::string_view text;
  bool is_bare = false;  // The key and nothing else.
};

bool begins(std::string_view text, std::string_view scheme) noexcept {
  return text.size() >= scheme.size() && wire::same_token(text.substr(0, scheme.size()), scheme);
}

// The password behind a user's name, which says nothing here.
std::string password_of(std::string_view credentials) {
  std::string encoded(credentials);
  std::ranges::replace(encoded, '+', '-');
  std::ranges::replace(encoded, '/', '_');
  const auto decoded = wire::base64url_decode(encoded);
  if (!decoded) return {};
  const std::size_t colon = decoded->find(':');
  return colon == std::string::npos ? std::string() : decoded->substr(colon + 1);
}

// As they were sent, whatever they are; null: none were.
std::optional<Credentials> credentials_in(const wire::Request& request) {
  if (const auto text = request.header("authorization")) return Credentials{*text, false};
  if (const auto text = request.header("x-api-key")) return Credentials{*text, true};
  return std::nullopt;
}

std::string key_in(const Credentials& credentials) {
  const std::string_view text = credentials.text;
  if (credentials.is_bare) return std::string(text);
  if (begins(text, bearer)) return std::string(text.substr(bearer.size()));
  if (begins(text, basic)) return password_of(text.substr(basic.size()));
  return std::string(text);
}

bool has_key_in_query(std::string_view query) {
  constexpr std::array<std::string_view, 5> names = {"token", "_token", "access_token", "api_key",
                                                     "apikey"};
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view value = part.substr(std::min(part.size(), equals + 1));
    if (std::ranges::find(names, part.substr(0, equals)) != names.end()) return true;
    if (value.starts_with(key_mark)) return true;
  }
  return false;
}

std::unexpected<Problem> missing() {
  return problem("missing-credentials", "this server wants Authorization: Bearer <key>",
                 {{"WWW-Authenticate", R"(Bearer realm="headrace")"}});
}
Problem invalid(std::string detail) {
  return {.code = "invalid-credentials",
          .detail = std::move(detail),
          .headers = {{"WWW-Authenticate", R"(Bearer realm="headrace", error="invalid_token")"}}};
}

}  // namespace

bool Admission::has_the_key(const wire::Request& request) const noexcept {
  const auto authorization = request.header("authorization");
  if (!authorization || !begins(*authorization, bearer)) return false;
  return is_same_secret(authorization->substr(bearer.size()), api_key_);
}

Outcome<IdentityRef> Admission::admit(const wire::Request& request, std::string_view peer) const {
  if (doorkeeper_ == nullptr) {
    if (api_key_.empty() || has_the_key(request)) return IdentityRef();
    if (!request.header("authorization")) return missing();
    return std::unexpected(invalid("the key is not this server's"));
  }
  if (has_key_in_query(request.query())) {
    return problem("token-in-query",
                   "a key in the query is written down on its way; send it as Authorization: "
                   "Bearer <key>, and replace it");
  }
  const auto credentials = credentials_in(request);
  if (!credentials) {
    if (IdentityRef anybody = doorkeeper_->anonymous()) return anybody;
    return missing();
  }
  const std::string key = key_in(*credentials);
  auto who = doorkeeper_->admit(key);
  if (who) return *std::move(who);
  if (who.error().code != Code::not_allowed) {
    return std::unexpected(problem_of_records(who.error()));
  }
  return std::unexpected(refusal(key, peer));
}

Problem Admission::refusal(std::string_view key, std::string_view peer) const {
  const RateDecision counted = doorkeeper_->refused(key, peer);
  if (counted.allowed) return invalid("the key is not valid");
  return quota_exceeded("too many keys from this address were not valid", {"authentication"},
                        counted.retry_after);
}

std::optional<IdentityRef> Admission::admit_now(const wire::Request& request,
                                                Visitor& visitor) const {
  if (doorkeeper_ == nullptr) {
    if (api_key_.empty() || has_the_key(request)) return IdentityRef();
    return std::nullopt;
  }
  if (has_key_in_query(request.query())) return std::nullopt;
  const auto credentials = credentials_in(request);
  if (!credentials) {
    if (IdentityRef anybody = doorkeeper_->anonymous()) return anybody;
    return std::nullopt;
  }
  const bool came_before = visitor.who && visitor.is_bare == credentials->is_bare &&
                           is_same_secret(credentials->text, visitor.credentials);
  auto who = came_before ? doorkeeper_->renew(std::move(visitor.who))
                         : doorkeeper_->admit(key_in(*credentials));
  visitor.who = who ? *who : nullptr;
  if (!who) return std::nullopt;
  if (!came_before) {
    visitor.credentials = credentials->text;
    visitor.is_bare = credentials->is_bare;
  }
  return *std::move(who);
}

}  // namespace headrace::http
