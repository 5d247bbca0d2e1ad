#include "server/http/kv_routes.h"

#include <utility>

#include "server/http/json_text.h"
#include "server/http/kv_text.h"
#include "server/http/wall_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr std::string_view kv_prefix = "/v1/kv/";
constexpr std::size_t content_type_bytes_max = 255;

Answered answered_json() {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  return answered;
}

void write_time(JsonObject& json, std::string_view name, WallTime at) {
  if (at == Record::never) {
    json.member(name) += "null";
  } else {
    json.text(name, rfc3339(at));
  }
}

Answered answered_meta(const Record& record) {
  Answered answered = answered_json();
  const VersionTag tag(record, Form::bytes);
  answered.response.headers.push_back({"ETag", std::string(tag.view())});
  JsonObject json(answered.response.body);
  json.text("kind", record.kind == Record::Kind::map ? "map" : "value");
  json.number("size", static_cast<std::int64_t>(record.value.size()));
  json.text("content_type", record.content_type);
  json.text("version", "v" + std::to_string(content_version_of(record)));
  write_time(json, "created_at", record.created);
  write_time(json, "updated_at", record.updated);
  write_time(json, "last_accessed", record.accessed);
  write_time(json, "expires_at", record.expires);
  if (record.idle > Duration(0)) {
    json.real("idle", std::chrono::duration<double>(record.idle).count());
    write_time(json, "ends_at", record.ends);
  }
  return answered;
}

}  // namespace

Answered answered_truth(std::string_view name, bool value) {
  Answered answered = answered_json();
  JsonObject(answered.response.body).truth(name, value);
  return answered;
}

void KvRoutes::add_collection(Router& router, std::string_view method, std::string_view by_path,
                              std::string_view by_query, std::string_view says, Handler handler) {
  router.add({method, by_path, Route::kv, says, handler, Router::LastIs::bytes});
  router.add({method, by_query, Route::kv, "the same, by ?key= or ?key_b64=", std::move(handler)});
}

void KvRoutes::add_to(Router& router) {
  add_collection(router, "GET", "/v1/kv/{ns}/{key}", "/v1/kv/{ns}", "a value, its bytes",
                 [this](Call call) { return get(std::move(call)); });
  add_collection(router, "PUT", "/v1/kv/{ns}/{key}", "/v1/kv/{ns}",
                 "keep a value; ?ttl= ?expires_at= ?idle= ?keep_ttl=", [this](Call call) {
                   return put(std::move(call));
                 });
  add_collection(router, "DELETE", "/v1/kv/{ns}/{key}", "/v1/kv/{ns}", "remove a value",
                 [this](Call call) { return remove(std::move(call)); });
  add_collection(router, "GET", "/v1/exists/{ns}/{key}", "/v1/exists/{ns}", "whether there is one",
                 [this](Call call) { return exists(std::move(call)); });
  add_collection(router, "GET", "/v1/meta/{ns}/{key}", "/v1/meta/{ns}",
                 "times, size and version of a value",
                 [this](Call call) { return meta(std::move(call)); });
  add_collection(router, "POST", "/v1/touch/{ns}/{key}", "/v1/touch/{ns}",
                 "move a value's end, or count as an access",
                 [this](Call call) { return touch(std::move(call)); });
  add_collection(router, "POST", "/v1/getdel/{ns}/{key}", "/v1/getdel/{ns}",
                 "a value, which is removed", [this](Call call) { return take(std::move(call)); });
  router.add({"POST", "/v1/cleanup", Route::kv, "free what has expired now",
              [this](Call call) { return clean_up(std::move(call)); }});
}

bool KvRoutes::may_answer_now(const wire::Request& request) noexcept {
  return request.target.starts_with(kv_prefix) &&
         (request.method == "GET" || request.method == "HEAD");
}

std::optional<Said> KvRoutes::answer_now(const wire::Request& request, const Identity& who,
                                         Asking asking, std::string& out) {
  const std::string_view rest = std::string_view(request.target).substr(kv_prefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view key = rest.substr(slash + 1);
  if (key.find_first_of("/?") != std::string_view::npos) return std::nullopt;
  return access_.show_now(request, who, rest.substr(0, slash), key, Form::bytes, asking, out);
}

Task<Outcome<Answered>> KvRoutes::get(Call call) {
  Outcome<KvCall> asked = kv_call_of(call, in_path_of(call), {Scope::kv_read}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  auto showing = access_.show(std::move(call), *std::move(asked), Form::bytes);
  co_return co_await std::move(showing);
}

Task<Outcome<Answered>> KvRoutes::put(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::kv_write}, Takes::key_and_lifetime, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  const auto fits = check_value_bytes(*call.who, call.request.body.size());
  if (!fits) co_return std::unexpected(fits.error());
  const std::string_view type = call.request.header("content-type").value_or("");
  if (type.size() > content_type_bytes_max) {
    co_return problem("bad-request", "a Content-Type has at most " +
                                         std::to_string(content_type_bytes_max) + " bytes");
  }
  const Put put{.value = std::move(call.request.body),
                .content_type = std::string(type),
                .lifetime = asked->lifetime.value_or(default_lifetime(limits_)),
                .condition = std::move(asked->condition)};
  bool created = false;
  KvAccess::Operation operation = [&](Workspace& work) {
    created = work.find(0) == nullptr;
    return headrace::put(work, 0, put);
  };
  const RecordKey key = asked->key;
  auto changing = access_.change(key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made != Made::made) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::bytes));
  }
  Answered answered{.response = {.status = created ? 201 : 204}};
  if (changed->present) {
    const VersionTag tag(*changed->present, Form::bytes);
    answered.response.headers.push_back({"ETag", std::string(tag.view())});
  }
  if (created) {
    std::string location(kv_prefix);
    location.append(key.space()).append("/").append(wire::percent_encode(key.key()));
    answered.response.headers.push_back({"Location", std::move(location)});
  }
  co_return answered;
}

Task<Outcome<Answered>> KvRoutes::remove(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::kv_delete}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  KvAccess::Operation operation = [&](Workspace& work) {
    return headrace::remove(work, 0, asked->condition);
  };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made == Made::unmet) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::bytes));
  }
  co_return answered_truth("deleted", changed->made == Made::made);
}

Task<Outcome<Answered>> KvRoutes::exists(Call call) {
  Outcome<KvCall> asked = kv_call_of(call, in_path_of(call), {Scope::kv_read}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  auto reading = access_.read(std::move(asked->key), Keyspace::Access::does_not_count);
  const Outcome<RecordRef> record = co_await std::move(reading);
  if (!record) co_return std::unexpected(record.error());
  co_return answered_truth("exists", *record != nullptr);
}

Task<Outcome<Answered>> KvRoutes::meta(Call call) {
  Outcome<KvCall> asked = kv_call_of(call, in_path_of(call), {Scope::kv_read}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  auto reading = access_.read(std::move(asked->key), Keyspace::Access::does_not_count);
  const Outcome<RecordRef> found = co_await std::move(reading);
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::unexpected(no_such_entry());
  co_return answered_meta(**found);
}

Task<Outcome<Answered>> KvRoutes::touch(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::kv_write}, Takes::key_and_lifetime, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  KvAccess::Operation operation = [&](Workspace& work) {
    if (!asked->condition.holds(work.find(0))) return Made::unmet;
    return headrace::touch(work, 0, asked->lifetime);
  };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made != Made::made) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::bytes));
  }
  co_return Answered{.response = {.status = 204}};
}

Task<Outcome<Answered>> KvRoutes::take(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::kv_read, Scope::kv_delete}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  Taken taken;
  KvAccess::Operation operation = [&](Workspace& work) {
    if (!asked->condition.holds(work.find(0))) return Made::unmet;
    taken = headrace::take(work, 0);
    return taken.made;
  };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made != Made::made) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::bytes));
  }
  const Asking asking{.keep_alive = call.request.keep_alive, .request_id = call.request_id};
  Answered answered;
  answered.response.status = append_value(answered.bytes, asked->key.key(), *taken.record,
                                          access_.now(), Form::bytes, asking);
  co_return answered;
}

Task<Outcome<Answered>> KvRoutes::clean_up(Call call) {
  const auto allowed = check_scopes(*call.who, {Scope::admin});
  if (!allowed) co_return std::unexpected(allowed.error());
  auto sweeping = access_.keyspace().sweep();
  const auto removed = co_await std::move(sweeping);
  if (!removed) co_return std::unexpected(problem_of_records(removed.error()));
  Answered answered = answered_json();
  JsonObject(answered.response.body).number("removed", static_cast<std::int64_t>(*removed));
  co_return answered;
}

}  // namespace headrace::http
