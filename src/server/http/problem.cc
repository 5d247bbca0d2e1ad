#include "server/http/problem.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "server/http/json_text.h"

namespace headrace::http {

namespace {

constexpr std::size_t detail_bytes_max = 1024;
constexpr std::size_t errors_max = 16;

constexpr auto kinds = std::to_array<ProblemKind>({
    {"bad-request", 400, false, "The request is malformed",
     "Mend the request; the detail says where."},
    {"ambiguous-key", 400, false, "The entity is named twice",
     "Name the entity once: as the last segment of the path, as ?key= or as ?key_b64=."},
    {"token-in-query", 400, false, "A key stands in the query",
     "Queries are written down by proxies and browsers.  Send the key in the header Authorization, "
     "and replace this one, for it may have been seen."},
    {"missing-credentials", 401, false, "Credentials are missing",
     "Send the header Authorization: Bearer <key>."},
    {"invalid-credentials", 401, false, "The credentials are not valid",
     "Use the key that the server was started with, or one that was given out by it and has not "
     "ended."},
    {"insufficient-scope", 403, false, "The key lacks a scope",
     "The header WWW-Authenticate names the scope that is wanted.  Ask whoever gives out keys for "
     "one that has it, and that may reach what you name."},
    {"not-writable", 403, false, "The policy does not allow this write",
     "A policy names the fields that may be written in `writable`, and allows removing by "
     "`removable`; the detail says which it has."},
    {"no-puts", 403, false, "The policy takes no puts",
     "What is put has no order among the writes of a policy whose level is linearizable or "
     "critical.  Write through PATCH /v1/source, or write to the source and invalidate."},
    {"storage-quota-exceeded", 403, false, "The tenant keeps as much as it may",
     "Waiting does not help: remove what is no longer needed, or ask for a larger quota.  Reads "
     "and removals still work."},
    {"precondition-failed", 412, true, "It is not as you expect it",
     "Somebody has changed it since you read it, and nothing was changed now. Read it again (an "
     "entity with GET /v1/source/{policy}/{entity}), decide again, and send its new ETag."},
    {"not-found", 404, false, "No such entry",
     "It was looked for, and there is none.  This is an answer, not a fault."},
    {"no-such-policy", 404, false, "No such policy",
     "GET /v1/policies lists the policies of this server."},
    {"no-such-guard", 404, false, "No such guard stands here",
     "A guard ends where it was begun, once, and by itself when the time for a write is over.  "
     "What it was for has then been invalidated, or is guarded until nobody can make the write "
     "any more."},
    {"no-such-snapshot", 404, false, "No such snapshot",
     "The server's configuration declares snapshots in [snapshots.NAME]."},
    {"no-such-view", 404, false, "No such merged view",
     "The configuration of this server names its views: [merged.NAME]."},
    {"no-such-allowance", 404, false, "No such allowance",
     "The configuration of this server names its allowances: [allowances.NAME]."},
    {"no-such-route", 404, false, "No such route", "GET / lists the routes."},
    {"no-such-problem", 404, false, "No such problem",
     "The codes stand in docs and in this server."},
    {"session-destroyed", 410, false, "The session was destroyed",
     "It has ended and stays so: treat its user as logged out, and begin another."},
    {"method-not-allowed", 405, false, "The route has no such method",
     "The header Allow lists the methods that it has."},
    {"request-timeout", 408, true, "The request came too slowly", "Send the request in one go."},
    {"bad-cursor", 400, false, "The cursor does not belong to this list",
     "Take the cursor of the page before, with the same namespace and prefix, or begin anew."},
    {"no-such-namespace", 404, false, "No such namespace",
     "A namespace is named by 1 to 48 letters, digits, \"-\", \"_\" and \".\"."},
    {"wrong-type", 409, false, "The value is of another kind",
     "What is kept there is no integer, or nothing that this route can show."},
    {"out-of-range", 409, false, "The outcome would pass its bound",
     "Nothing was changed; the detail says what the value is."},
    {"conflict", 409, false, "It conflicts with what is there",
     "Nothing was changed.  The detail says what cannot be made, and why."},
    {"phase-refused", 409, true, "The migration cannot go to that phase now",
     "The detail says why, and for how long yet."},
    {"value-too-large", 413, false, "Too large", "The detail names the limit."},
    {"uri-too-long", 414, false, "The request target is too long",
     "Entities have at most 1024 bytes; many are read with POST /v1/read."},
    {"unsupported-media-type", 415, false, "The body's type is not understood",
     "Send Content-Type: application/json; for PATCH see the header Accept-Patch."},
    {"expectation-failed", 417, false, "The expectation cannot be met",
     "Only Expect: 100-continue is known."},
    {"validation", 422, false, "The body is not what the route takes",
     "Each of errors[] points at a part of the body."},
    {"headers-too-large", 431, false, "The headers are too large",
     "Send fewer or shorter headers."},
    {"quota-exceeded", 429, true, "Request cannot be satisfied as assigned quota has been exceeded",
     "The header Retry-After says for how long to wait.  What is refused costs nothing."},
    {"internal", 500, true, "An error of the server's own",
     "Please report it with its request id."},
    {"not-implemented", 501, false, "Not implemented",
     "The only transfer coding spoken is chunked."},
    {"backend-unavailable", 502, true, "The source could not answer",
     "It was reached, and what it said is an error; the detail tells it."},
    {"source-unavailable", 503, true, "The source cannot be reached",
     "Nothing is known of the entity, not even that there is none.  Try again later."},
    {"store-unavailable", 503, true, "The store of what is cached cannot be reached",
     "A policy whose level is linearizable or critical is written under a guard in the store, and "
     "so is what a client guards.  Without it nothing was changed.  Try again later."},
    {"records-unavailable", 503, true, "The records cannot be reached",
     "Nobody can say now what is kept there, not even that there is nothing, nor whether a key "
     "holds.  A change may have been made or not.  Try again later."},
    {"overloaded", 503, true, "A limit was reached",
     "Slow down; the header Retry-After says for how long."},
    {"draining", 503, true, "The server is shutting down", "Ask another instance."},
    {"backend-timeout", 504, true, "The source did not answer in time",
     "The load may still end: try again.  A longer ?within= waits longer."},
    {"not-in-memory", 504, false, "Memory cannot answer",
     "The request said only-if-cached, and memory has no copy that may be answered."},
});

void write_errors(std::string& out, const std::vector<Problem::Fault>& errors) {
  JsonArray array(out);
  for (std::size_t i = 0; i < std::min(errors.size(), errors_max); ++i) {
    JsonObject fault(array.next());
    fault.text("pointer", errors[i].pointer);
    fault.text("detail", errors[i].detail);
  }
}

// The one kind that others know by a name of its own.
std::string type_of(const ProblemKind& kind) {
  if (kind.status != 429) return "/problems/" + std::string(kind.code);
  return "https://iana.org/assignments/http-problem-types#quota-exceeded";
}

void write_violated(JsonObject& json, const Problem& problem) {
  if (problem.violated.empty()) return;
  JsonArray array(json.member("violated-policies"));
  for (const std::string& policy : problem.violated) append_json_string(array.next(), policy);
}

void write_document(std::string& out, const Problem& problem, std::string_view path,
                    std::string_view request_id) {
  const ProblemKind& kind = problem_kind(problem.code);
  JsonObject json(out);
  json.text("type", type_of(kind));
  json.text("title", kind.title);
  json.number("status", kind.status);
  json.text("detail", problem.detail.substr(0, detail_bytes_max));
  if (!path.empty()) json.text("instance", path.substr(0, detail_bytes_max));
  json.text("code", kind.code);
  json.text("request_id", request_id);
  json.truth("retryable", kind.retryable);
  write_violated(json, problem);
  if (problem.retry_after_ms) json.number("retry_after_ms", *problem.retry_after_ms);
  if (!problem.errors.empty()) write_errors(json.member("errors"), problem.errors);
}

}  // namespace

std::span<const ProblemKind> problem_kinds() noexcept {
  return kinds;
}

const ProblemKind& problem_kind(std::string_view code) noexcept {
  const auto found = std::ranges::find(kinds, code, &ProblemKind::code);
  assert(found != kinds.end());
  return *found;
}

std::string_view problem_code_of(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument: return "bad-request";
    case Code::unknown_policy: return "no-such-policy";
    case Code::source_failed:
    case Code::loader_threw: return "backend-unavailable";
    case Code::source_unavailable: return "source-unavailable";
    case Code::timed_out: return "backend-timeout";
    case Code::refused: return "overloaded";
    case Code::too_large: return "value-too-large";
    case Code::not_allowed: return "not-writable";
    case Code::over_quota: return "storage-quota-exceeded";
    case Code::closed: return "draining";
    case Code::store_unavailable: return "store-unavailable";
    case Code::bus_unavailable:
    case Code::journal_unavailable:
    case Code::damaged:
    case Code::cancelled: return "internal";
  }
  return "internal";
}

Problem problem_of(const Error& error) {
  Problem problem{.code = problem_code_of(error.code), .detail = error.what};
  if (problem_kind(problem.code).status == 503) problem.headers.push_back({"Retry-After", "1"});
  return problem;
}

Problem problem_of_records(const Error& error) {
  Problem problem = problem_of(error);
  if (error.code == Code::store_unavailable) problem.code = "records-unavailable";
  if (error.code == Code::not_allowed) problem.code = "conflict";
  return problem;
}

std::string_view problem_code_of_status(int status) noexcept {
  switch (status) {
    case 408: return "request-timeout";
    case 413: return "value-too-large";
    case 414: return "uri-too-long";
    case 417: return "expectation-failed";
    case 431: return "headers-too-large";
    case 501: return "not-implemented";
    default: return "bad-request";
  }
}

wire::Response response_of(const Problem& problem, std::string_view path,
                           std::string_view request_id) {
  const ProblemKind& kind = problem_kind(problem.code);
  wire::Response response{.status = kind.status, .headers = problem.headers};
  response.headers.push_back({"Content-Type", "application/problem+json"});
  write_document(response.body, problem, path, request_id);
  return response;
}

}  // namespace headrace::http
