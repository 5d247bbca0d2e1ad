#include "server/http/user_session_routes.h"

#include <string>
#include <utility>

#include "io/digest.h"
#include "server/http/json_text.h"
#include "server/http/user_session_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using session::Place;
using session::Told;

constexpr std::string_view prefix = "/v1/sessions/";

struct Need {
  Scope scope;
  std::string_view name;
};
constexpr Need to_read{Scope::session_read, "session:read"};
constexpr Need to_write{Scope::session_write, "session:write"};
constexpr Need to_revoke{Scope::session_revoke, "session:revoke"};

// Whose sessions the call is about, if it may.
Outcome<Place> enter(const Call& call, Need need) {
  if (!call.who) return problem("no-such-route", "this server keeps no sessions");
  if (!call.who->scopes.has(need.scope)) {
    const std::string scope(need.name);
    return problem(
        "insufficient-scope", "the key lacks the scope " + scope,
        {{"WWW-Authenticate", R"(Bearer error="insufficient_scope", scope=")" + scope + "\""}});
  }
  if (!session::is_app(call.captures[0])) {
    return problem("bad-request", "an application's name has 1 to " +
                                      std::to_string(session::app_bytes_max) +
                                      " letters, digits, dots, dashes and underscores");
  }
  return Place{.tenant = call.who->tenant,
               .app = call.captures[0],
               .ceiling = call.who->ceiling,
               .bytes_max = call.who->value_bytes_max};
}

// The same for one session.  What is no handle is none of a session's.
Outcome<Place> enter_one(const Call& call, Need need) {
  auto place = enter(call, need);
  if (place && !session::is_handle(call.captures[1])) {
    return problem("not-found", "there is no such session");
  }
  return place;
}

std::string bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return bytes;
}

std::string handle_of(std::string_view id) {
  return wire::base64url_encode(bytes_of_hex(io::sha256(id)));
}

// 256 bits that nobody can guess.
std::string new_id(Random& random) {
  std::string bytes;
  for (const Token token : {random.token(), random.token()}) {
    for (const std::uint64_t word : {token.high, token.low}) {
      for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift);
    }
  }
  return wire::base64url_encode(bytes);
}

// The only parameter that a route has, and what it may say; empty if it is not given.
Outcome<std::string> parameter_in(const Call& call, std::string_view known) {
  const auto parameters = wire::parameters_of(call.request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  std::string said;
  for (const auto& [name, value] : *parameters) {
    if (name != known) {
      return problem("bad-request", "the route has no such parameter; it has " +
                                        (known.empty() ? "none" : std::string(known)));
    }
    said = value;
  }
  return said;
}

// What is said once a session was changed.
Outcome<Answered> answer_of(const Result<Told>& told, Answered (*answer)(const Told&)) {
  if (!told) return std::unexpected(problem_of(told.error()));
  if (auto judged = judge(told->fate, told->session); !judged) {
    return std::unexpected(std::move(judged.error()));
  }
  return answer(*told);
}

Answered nothing_to_say(const Told& /*told*/) {
  Answered answered;
  answered.response.status = 204;
  return answered;
}

Answered number_answer(std::string_view name, std::size_t number) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject(answered.response.body).number(name, static_cast<std::int64_t>(number));
  return answered;
}

}  // namespace

std::string_view shown_path(std::string_view path) noexcept {
  if (!path.starts_with(prefix)) return path;
  return path.substr(0, path.find('/', prefix.size()));
}

void UserSessionRoutes::add_to(Router& router) {
  const auto add = [&](std::string_view method, std::string_view pattern, std::string_view says,
                       Task<Outcome<Answered>> (UserSessionRoutes::*handle)(Call)) {
    router.add({method, pattern, Route::session, says,
                [this, handle](Call call) { return (this->*handle)(std::move(call)); }});
  };
  add("POST", "/v1/sessions/{app}", "begin a session", &UserSessionRoutes::begin);
  add("GET", "/v1/sessions/{app}", "a subject's sessions; ?subject=", &UserSessionRoutes::list);
  add("POST", "/v1/sessions/{app}/revoke", "end a subject's sessions", &UserSessionRoutes::revoke);
  add("GET", "/v1/sessions/{app}/{handle}", "a session; ?touch=lazy", &UserSessionRoutes::read);
  add("PUT", "/v1/sessions/{app}/{handle}", "replace its fields", &UserSessionRoutes::replace);
  add("PATCH", "/v1/sessions/{app}/{handle}", "merge into its fields", &UserSessionRoutes::merge);
  add("DELETE", "/v1/sessions/{app}/{handle}", "destroy it", &UserSessionRoutes::destroy);
  add("POST", "/v1/sessions/{app}/{handle}/touch", "begin its idle time anew",
      &UserSessionRoutes::touch);
  add("POST", "/v1/sessions/{app}/{handle}/rotate", "give it another handle",
      &UserSessionRoutes::rotate);
}

Task<Outcome<Answered>> UserSessionRoutes::begin(Call call) {
  auto place = enter(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto beginning = beginning_in(call.request, json_depth_max_);
  if (!beginning) co_return std::unexpected(std::move(beginning.error()));
  std::string id;
  if (beginning->handle.empty()) {
    id = new_id(random_);
    beginning->handle = handle_of(id);
  }
  const std::string handle = beginning->handle;
  auto beginning_it = sessions_.create(*std::move(place), *std::move(beginning));
  const Result<Told> told = co_await std::move(beginning_it);
  if (!told) co_return std::unexpected(problem_of(told.error()));
  if (auto judged = judge(told->fate, told->session); !judged) {
    co_return std::unexpected(std::move(judged.error()));
  }
  Answered answered = begun_answer(told->session, id, handle);
  std::string location(prefix);
  location.append(call.captures[0]).append("/").append(handle);
  answered.response.headers.push_back({"Location", std::move(location)});
  co_return answered;
}

Task<Outcome<Answered>> UserSessionRoutes::list(Call call) {
  auto place = enter(call, to_read);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto subject = parameter_in(call, "subject");
  if (!subject) co_return std::unexpected(std::move(subject.error()));
  if (subject->empty() || subject->size() > session::subject_bytes_max) {
    co_return problem("bad-request", "?subject= names whose sessions, in 1 to " +
                                         std::to_string(session::subject_bytes_max) + " bytes");
  }
  auto listing = sessions_.list(*std::move(place), *std::move(subject));
  const auto listed = co_await std::move(listing);
  if (!listed) co_return std::unexpected(problem_of(listed.error()));
  co_return list_answer(*listed);
}

Task<Outcome<Answered>> UserSessionRoutes::revoke(Call call) {
  auto place = enter(call, to_revoke);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto what = revocation_in(call.request, json_depth_max_);
  if (!what) co_return std::unexpected(std::move(what.error()));
  auto revoking =
      sessions_.revoke(*std::move(place), std::move(what->subject), std::move(what->except));
  const auto revoked = co_await std::move(revoking);
  if (!revoked) co_return std::unexpected(problem_of(revoked.error()));
  co_return number_answer("revoked", *revoked);
}

Task<Outcome<Answered>> UserSessionRoutes::read(Call call) {
  auto place = enter_one(call, to_read);
  if (!place) co_return std::unexpected(std::move(place.error()));
  const auto asked = parameter_in(call, "touch");
  if (!asked) co_return std::unexpected(asked.error());
  if (!asked->empty() && *asked != "lazy") co_return problem("bad-request", "touch is lazy");
  using Touch = session::Sessions::Touch;
  auto reading = sessions_.read(*std::move(place), std::move(call.captures[1]),
                                asked->empty() ? Touch::no : Touch::lazily);
  const Result<Told> told = co_await std::move(reading);
  co_return answer_of(told, whole_answer);
}

Task<Outcome<Answered>> UserSessionRoutes::replace(Call call) {
  auto place = enter_one(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto expected = expected_in(call.request);
  if (!expected) co_return std::unexpected(std::move(expected.error()));
  auto fields = fields_in(call.request, json_depth_max_);
  if (!fields) co_return std::unexpected(std::move(fields.error()));
  auto replacing = sessions_.replace(*std::move(place), std::move(call.captures[1]),
                                     *std::move(fields), *std::move(expected));
  const Result<Told> told = co_await std::move(replacing);
  co_return answer_of(told, ends_answer);
}

Task<Outcome<Answered>> UserSessionRoutes::merge(Call call) {
  auto place = enter_one(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto expected = expected_in(call.request);
  if (!expected) co_return std::unexpected(std::move(expected.error()));
  auto patch = patch_in(call.request, json_depth_max_);
  if (!patch) co_return std::unexpected(std::move(patch.error()));
  auto merging = sessions_.merge(*std::move(place), std::move(call.captures[1]), *std::move(patch),
                                 *std::move(expected));
  const Result<Told> told = co_await std::move(merging);
  co_return answer_of(told, ends_answer);
}

Task<Outcome<Answered>> UserSessionRoutes::touch(Call call) {
  auto place = enter_one(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  const auto idle_timeout = idle_timeout_in(call.request, json_depth_max_);
  if (!idle_timeout) co_return std::unexpected(idle_timeout.error());
  auto touching = sessions_.touch(*std::move(place), std::move(call.captures[1]), *idle_timeout);
  const Result<Told> told = co_await std::move(touching);
  co_return answer_of(told, nothing_to_say);
}

Task<Outcome<Answered>> UserSessionRoutes::rotate(Call call) {
  auto place = enter_one(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto rotation = rotation_in(call.request, json_depth_max_);
  if (!rotation) co_return std::unexpected(std::move(rotation.error()));
  auto rotating =
      sessions_.rotate(*std::move(place), std::move(call.captures[1]), *std::move(rotation));
  const Result<Told> told = co_await std::move(rotating);
  co_return answer_of(told, ends_answer);
}

Task<Outcome<Answered>> UserSessionRoutes::destroy(Call call) {
  auto place = enter_one(call, to_write);
  if (!place) co_return std::unexpected(std::move(place.error()));
  auto destroying = sessions_.destroy(*std::move(place), std::move(call.captures[1]));
  const Result<session::Fate> fate = co_await std::move(destroying);
  if (!fate) co_return std::unexpected(problem_of(fate.error()));
  // A retry after a lost answer must not fail.
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject(answered.response.body).truth("deleted", *fate == session::Fate::done);
  co_return answered;
}

}  // namespace headrace::http
