#include "server/http/snapshot_routes.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "core/nearest.h"
#include "server/http/etag.h"
#include "server/http/named_policy.h"
#include "server/http/read_query.h"
#include "server/http/wall_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

std::string whole_ms(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

// As a string of RFC 8941: what is not printable ASCII becomes "?".
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c < 0x7f ? c : '?';
  }
  return out + "\"";
}

// RFC 9211.
std::string cache_status(SnapshotState state) {
  const bool is_kept = state == SnapshotState::hit_revision || state == SnapshotState::stale;
  const std::string_view how = is_kept                           ? "hit"
                               : state == SnapshotState::section ? "fwd=partial"
                                                                 : "fwd=miss";
  return "headrace; " + std::string(how) + "; detail=" + std::string(name_of(state));
}

// A list of RFC 8941: `core;state=hit-revision;generated=1767225600123;outdated=0, tail;...`.
std::string sections_text(const SnapshotAnswer& answer) {
  std::string text;
  for (const SectionAnswer& one : answer.sections) {
    if (!text.empty()) text += ", ";
    text.append(one.name).append(";state=").append(name_of(one.state));
    text.append(";generated=").append(std::to_string(one.generated_at.time_since_epoch().count()));
    text.append(";outdated=").append(whole_ms(one.outdated_for));
  }
  return text;
}

wire::Headers headers_of(const SnapshotAnswer& answer) {
  wire::Headers headers = {{"Cache-Status", cache_status(answer.state)},
                           {"Headrace-State", std::string(name_of(answer.state))},
                           {"Headrace-Revision", answer.revision},
                           {"Headrace-Generated-At", rfc3339(answer.generated_at)},
                           {"Headrace-Outdated-Ms", whole_ms(answer.outdated_for)},
                           {"Headrace-Sections", sections_text(answer)}};
  if (!answer.last_error.empty()) {
    headers.push_back({"Headrace-Last-Error", quoted(answer.last_error)});
  }
  return headers;
}

Answered answered_with(const SnapshotAnswer& answer, std::string_view if_none_match) {
  Answered answered;
  answered.response.headers = headers_of(answer);
  std::string body = json_of(answer);
  const Etag etag(body);
  answered.response.headers.push_back({"ETag", std::string(etag.view())});
  if (!if_none_match.empty() && wire::etag_listed(if_none_match, etag.view())) {
    answered.response.status = 304;
    return answered;
  }
  answered.response.headers.push_back({"Content-Type", "application/json"});
  answered.response.body = std::move(body);
  return answered;
}

}  // namespace

SnapshotRoutes::SnapshotRoutes(Snapshots snapshots)
    : snapshots_(std::make_shared<const Snapshots>(std::move(snapshots))) {}

void SnapshotRoutes::add_to(Router& router) {
  const Handler one = [this](Call call) { return read(std::move(call)); };
  router.add({"GET", "/v1/snapshot/{name}/{entity}", Route::snapshot, "read a snapshot", one});
  router.add(
      {"GET", "/v1/snapshot/{name}", Route::snapshot, "the same, by ?key= or ?key_b64=", one});
}

void SnapshotRoutes::set(Snapshots snapshots) {
  auto made = std::make_shared<const Snapshots>(std::move(snapshots));
  const std::scoped_lock lock(mutex_);
  snapshots_ = std::move(made);
}

std::shared_ptr<const Snapshots> SnapshotRoutes::all() const {
  const std::scoped_lock lock(mutex_);
  return snapshots_;
}

bool SnapshotRoutes::has_section(std::string_view policy) const {
  const std::size_t dot = policy.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::shared_ptr<const Snapshots> snapshots = all();
  const auto found = snapshots->find(policy.substr(0, dot));
  return found != snapshots->end() && found->second->has_section(policy);
}

Outcome<std::shared_ptr<Snapshot>> SnapshotRoutes::find(std::string_view name) const {
  const std::shared_ptr<const Snapshots> snapshots = all();
  const auto found = snapshots->find(name);
  if (found != snapshots->end()) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [one, snapshot] : *snapshots) names.push_back(one);
  return problem("no-such-snapshot", "there is no snapshot \"" + std::string(name.substr(0, 128)) +
                                         "\"" + nearest_hint(name, names));
}

Task<Outcome<Answered>> SnapshotRoutes::read(Call call) {
  Outcome<ReadQuery> query = read_query_of(call.request);
  if (!query) co_return std::unexpected(std::move(query.error()));
  if (query->only_if_cached) {
    co_return problem("bad-request", "a snapshot is not read with only-if-cached");
  }
  const bool in_path = call.captures.size() == 2;
  if (in_path && query->entity) {
    co_return problem("ambiguous-key", "name the entity once: in the path or in the query");
  }
  if (!in_path && !query->entity) {
    co_return problem("bad-request", "name the entity: in the path, as ?key= or as ?key_b64=");
  }
  std::string entity = in_path ? std::move(call.captures[1]) : *std::move(query->entity);
  if (const auto checked = check_entity(entity); !checked) {
    co_return std::unexpected(checked.error());
  }
  const Outcome<std::shared_ptr<Snapshot>> snapshot = find(call.captures[0]);
  if (!snapshot) co_return std::unexpected(snapshot.error());

  SnapshotRead options{.refresh = query->options.refresh, .within = query->options.within};
  auto task = (*snapshot)->read(std::move(entity), options);
  const Result<SnapshotAnswer> answer = co_await std::move(task);
  if (!answer) co_return std::unexpected(problem_of(answer.error()));
  if (answer->kind == Kind::absent) {
    co_return problem("not-found", "the source has no such entity", headers_of(*answer));
  }
  co_return answered_with(*answer, call.request.header("if-none-match").value_or(""));
}

}  // namespace headrace::http
