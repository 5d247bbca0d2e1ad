#include "server/http/user_session_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ranges>

#include "server/http/json_body.h"
#include "server/http/json_members.h"
#include "server/http/json_text.h"
#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

using session::Fate;
using session::Session;

constexpr std::size_t shown_bytes_max = 8;  // Of a handle, where it is only to be recognised.

// The members of a body about a session, each with its faults.
class Members {
 public:
  Members(JsonBody& body, const wire::Request& request,
          std::initializer_list<std::string_view> names)
      : body_(body), request_(request), object_(body.object(names)) {}

  [[nodiscard]] bool has(std::string_view name) const { return value(name) != nullptr; }

  [[nodiscard]] std::string text(std::string_view name, std::size_t bytes_max) {
    const auto* const member = value(name);
    if (member == nullptr) return {};
    const auto* const text = member->if_string();
    if (text == nullptr || text->size() > bytes_max) {
      fault(name, "must be a string of at most " + std::to_string(bytes_max) + " bytes");
      return {};
    }
    return {text->data(), text->size()};
  }

  [[nodiscard]] std::string handle(std::string_view name) {
    const auto* const member = value(name);
    if (member == nullptr) return {};
    const auto* const text = member->if_string();
    if (text != nullptr && session::is_handle({text->data(), text->size()})) {
      return {text->data(), text->size()};
    }
    fault(name, "must be base64url(SHA-256(id)), 43 characters");
    return {};
  }

  [[nodiscard]] Duration seconds(std::string_view name, Duration otherwise) {
    const auto* const member = value(name);
    if (member == nullptr) return otherwise;
    const double given = member->is_number() ? member->to_number<double>() : 0;
    constexpr double least = std::chrono::duration<double>(session::timeout_min).count();
    constexpr double most = std::chrono::duration<double>(session::timeout_max).count();
    if (!(given >= least && given <= most)) {
      fault(name, "must be a number of seconds, from 1 to 366 days");
      return otherwise;
    }
    return std::chrono::milliseconds(std::llround(given * 1000));
  }

  [[nodiscard]] Duration grace() {
    const auto* const member = value("grace_ms");
    if (member == nullptr) return Duration::zero();
    using std::chrono::milliseconds;
    boost::system::error_code error;
    const auto ms = member->to_number<std::int64_t>(error);
    if (!error && ms >= 0 && ms <= session::grace_max / milliseconds(1)) return milliseconds(ms);
    fault("grace_ms", "must be a whole number of milliseconds, at most a minute");
    return Duration::zero();
  }

  // As they were written, for numbers may have more digits than a parser keeps.
  [[nodiscard]] session::Fields fields() {
    const auto members = object_ == nullptr ? std::vector<std::pair<std::string, std::string>>()
                                            : members_of(request_.body);
    const auto raw = std::ranges::find(members.rbegin(), members.rend(), "data",
                                       [](const auto& one) { return std::string_view(one.first); });
    if (raw == members.rend()) return {};
    Result<session::Fields> fields = session::fields_of(raw->second);
    if (!fields) fault("data", fields.error().what);
    return fields ? *std::move(fields) : session::Fields();
  }

  void fault(std::string_view name, std::string detail) {
    body_.fault("/" + std::string(name), std::move(detail));
  }

 private:
  [[nodiscard]] const boost::json::value* value(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains({name.data(), name.size()});
  }

  JsonBody& body_;
  const wire::Request& request_;
  const boost::json::object* object_;
};

Answered json_answer(const Session& session) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"},
                               {"ETag", "\"v" + std::to_string(session.version) + "\""}};
  return answered;
}

void append_ends(JsonObject& json, const Session& session) {
  json.text("version", "v" + std::to_string(session.version));
  json.text("idle_expires_at", rfc3339(session.idle_ends));
  json.text("absolute_expires_at", rfc3339(session.ends));
}

}  // namespace

// Requests.

Outcome<session::Beginning> beginning_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Members members(*body, request,
                  {"data", "handle", "idle_timeout", "absolute_timeout", "subject", "label"});
  session::Beginning beginning;
  beginning.fields = members.fields();
  beginning.handle = members.handle("handle");
  beginning.absolute_timeout = members.seconds("absolute_timeout", beginning.absolute_timeout);
  const Duration idle = std::min(beginning.idle_timeout, beginning.absolute_timeout);
  beginning.idle_timeout = members.seconds("idle_timeout", idle);
  if (beginning.idle_timeout > beginning.absolute_timeout) {
    members.fault("idle_timeout", "must not be longer than absolute_timeout");
  }
  beginning.subject = members.text("subject", session::subject_bytes_max);
  beginning.label = members.text("label", session::label_bytes_max);
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return beginning;
}

Outcome<session::Fields> fields_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Members members(*body, request, {"data"});
  session::Fields fields = members.fields();
  if (!members.has("data")) members.fault("data", "is missing");
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return fields;
}

Outcome<session::Patch> patch_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body =
      JsonBody::read(request, json_depth_max, {"application/merge-patch+json", "application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Result<session::Patch> patch = session::patch_of(request.body);
  if (patch) return *std::move(patch);
  body->fault("", patch.error().what);
  return std::unexpected(std::move(*body).problem());
}

Outcome<session::Rotation> rotation_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Members members(
      *body, request,
      {"new_handle", "grace_ms", "subject", "label", "idle_timeout", "absolute_timeout"});
  session::Rotation rotation;
  rotation.new_handle = members.handle("new_handle");
  if (!members.has("new_handle")) members.fault("new_handle", "is missing");
  rotation.grace = members.grace();
  if (members.has("subject")) {
    rotation.subject = members.text("subject", session::subject_bytes_max);
  }
  if (members.has("idle_timeout")) rotation.idle_timeout = members.seconds("idle_timeout", {});
  if (members.has("absolute_timeout")) {
    rotation.absolute_timeout = members.seconds("absolute_timeout", {});
  }
  if (members.has("label")) rotation.label = members.text("label", session::label_bytes_max);
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return rotation;
}

Outcome<std::optional<Duration>> idle_timeout_in(const wire::Request& request,
                                                 std::size_t json_depth_max) {
  if (request.body.empty()) return std::nullopt;
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Members members(*body, request, {"idle_timeout"});
  std::optional<Duration> idle_timeout;
  if (members.has("idle_timeout")) idle_timeout = members.seconds("idle_timeout", {});
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return idle_timeout;
}

Outcome<Revocation> revocation_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Members members(*body, request, {"subject", "except"});
  Revocation revocation;
  revocation.subject = members.text("subject", session::subject_bytes_max);
  revocation.except = members.handle("except");
  if (body->is_sound() && revocation.subject.empty()) {
    members.fault("subject", "names whose sessions are to end");
  }
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return revocation;
}

Outcome<session::Sessions::Expected> expected_in(const wire::Request& request) {
  const auto match = request.header("if-match");
  if (!match || *match == "*") return std::nullopt;  // Whatever is changed has to be there.
  std::vector<std::uint64_t> versions;
  for (const auto part : std::views::split(*match, ',')) {
    std::string_view tag(part.begin(), part.end());
    while (tag.starts_with(' ')) tag.remove_prefix(1);
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    // What is no tag of a session, or a weak one, is never the same.
    std::uint64_t version = 0;
    if (tag.size() < 4 || !tag.starts_with("\"v") || !tag.ends_with('"')) continue;
    const char* const end = tag.data() + tag.size() - 1;
    const auto [stop, fault] = std::from_chars(tag.data() + 2, end, version);
    if (fault == std::errc() && stop == end) versions.push_back(version);
  }
  return versions;
}

// Answers.

Outcome<void> judge(Fate fate, const Session& session) {
  switch (fate) {
    case Fate::done: return {};
    case Fate::absent: return problem("not-found", "there is no such session");
    case Fate::destroyed:
      return problem("session-destroyed", "this session was destroyed and stays so");
    case Fate::taken: return problem("conflict", "there is a session under this handle already");
    case Fate::changed:
      return problem("precondition-failed", "the session is not of that version any more",
                     {{"ETag", "\"v" + std::to_string(session.version) + "\""}});
    case Fate::wrong_type:
      return problem("wrong-type", "$incr adds to whole numbers, $append to lists alone");
    case Fate::out_of_range: return problem("out-of-range", "the sum has more than 64 bits");
    case Fate::too_large:
      return problem("value-too-large", "a session has at most " +
                                            std::to_string(session::fields_max) +
                                            " fields, and no more bytes than a value may have");
  }
  return problem("internal", "");
}

Answered whole_answer(const session::Told& told) {
  const Session& session = told.session;
  Answered answered = json_answer(session);
  JsonObject json(answered.response.body);
  {
    JsonObject fields(json.member("data"));
    for (const auto& [name, value] : session.fields) fields.member(name) += value;
  }
  append_ends(json, session);
  json.text("created_at", rfc3339(session.created));
  if (!session.subject.empty()) json.text("subject", session.subject);
  if (!session.label.empty()) json.text("label", session.label);
  json.truth("new", false);
  if (told.touched) json.truth("touched", true);
  return answered;
}

Answered ends_answer(const session::Told& told) {
  Answered answered = json_answer(told.session);
  JsonObject json(answered.response.body);
  append_ends(json, told.session);
  return answered;
}

Answered begun_answer(const Session& session, std::string_view id, std::string_view handle) {
  Answered answered = json_answer(session);
  answered.response.status = 201;
  JsonObject json(answered.response.body);
  if (!id.empty()) json.text("id", id);
  json.text("handle", handle);
  append_ends(json, session);
  return answered;
}

Answered list_answer(const std::vector<session::Sessions::Listed>& listed) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  JsonArray sessions(json.member("sessions"));
  for (const auto& [handle, session] : listed) {
    JsonObject one(sessions.next());
    one.text("handle", handle.substr(0, shown_bytes_max));
    one.text("created_at", rfc3339(session.created));
    one.text("last_seen_at", rfc3339(session.seen));
    one.text("idle_expires_at", rfc3339(session.idle_ends));
    if (!session.label.empty()) one.text("label", session.label);
  }
  return answered;
}

}  // namespace headrace::http
