#include "server/http/cache_routes.h"

#include <chrono>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/kv_body.h"
#include "server/http/kv_routes.h"
#include "server/http/kv_text.h"
#include "server/http/wall_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr std::string_view cache_prefix = "/cache/";

KeyInPath in_cache_path(const Call& call) {
  return {.ns = default_namespace, .key = call.captures.empty() ? nullptr : &call.captures[0]};
}

// A key that JSON can say.
Outcome<KvCall> cache_call_of(const Call& call, Scope scope, const KvLimits& limits) {
  Outcome<KvCall> asked = kv_call_of(call, in_cache_path(call), {scope}, Takes::key, limits);
  if (asked && !wire::is_utf8(asked->key.key())) {
    return problem("bad-request", "keys of /cache are UTF-8; others are reached at /v1/kv/default");
  }
  return asked;
}

// {"value": any JSON, "ttl": 3600}
Outcome<Put> put_in(const Call& call, const KvLimits& limits) {
  Outcome<JsonBody> body =
      JsonBody::read(call.request, limits.json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Put put{.content_type = "application/json"};
  if (const auto* object = body->object({"value", "ttl", "idle"})) {
    // Digit for digit: a number that was parsed and written again may have lost some.
    if (auto value = raw_member(call.request.body, "value")) {
      put.value = *std::move(value);
    } else {
      body->fault("/value", "is missing");
    }
    const Lifetime by_default = default_lifetime(limits);
    put.lifetime = lifetime_of(*body, *object, "", limits).value_or(by_default);
  }
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return put;
}

Answered answered(const std::string& key, const RecordRef& record, const Lifetime& lifetime) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.truth("ok", true);
  json.text("key", key);
  if (lifetime.ttl) {
    json.real("ttl", std::chrono::duration<double>(*lifetime.ttl).count());
  } else {
    json.member("ttl") += "null";
  }
  if (!record) return answered;  // Its time was over before this could be said.
  if (record->expires == Record::never) {
    json.member("expires_at") += "null";
  } else {
    json.text("expires_at", rfc3339(end_after_access(*record, record->accessed)));
  }
  json.text("version", "v" + std::to_string(content_version_of(*record)));
  answered.response.headers.push_back(
      {"ETag", std::string(VersionTag(*record, Form::envelope).view())});
  return answered;
}

}  // namespace

void CacheRoutes::add_to(Router& router) {
  const Handler put_one = [this](Call call) { return put(std::move(call)); };
  const Handler get_one = [this](Call call) { return get(std::move(call)); };
  const Handler remove_one = [this](Call call) { return remove(std::move(call)); };
  for (const std::string_view pattern : {"/cache/{key}", "/cache"}) {
    const bool by_query = pattern == "/cache";
    const auto says = [by_query](std::string_view what) {
      return by_query ? std::string_view("the same, by ?key= or ?key_b64=") : what;
    };
    router.add({"GET", pattern, Route::kv, says("an entry in JSON"), get_one});
    router.add({"POST", pattern, Route::kv, says("keep any JSON"), put_one});
    router.add({"PUT", pattern, Route::kv, says("keep any JSON"), put_one});
    router.add({"DELETE", pattern, Route::kv, says("remove an entry"), remove_one});
  }
  router.add({"GET", "/cache/{key}/exists", Route::kv, "whether there is one",
              [this](Call call) { return exists(std::move(call)); }});
}

bool CacheRoutes::may_answer_now(const wire::Request& request) noexcept {
  return request.target.starts_with(cache_prefix) &&
         (request.method == "GET" || request.method == "HEAD");
}

std::optional<Said> CacheRoutes::answer_now(const wire::Request& request, const Identity& who,
                                            Asking asking, std::string& out) {
  const std::string_view key = std::string_view(request.target).substr(cache_prefix.size());
  if (key.find_first_of("/?") != std::string_view::npos) return std::nullopt;
  return access_.show_now(request, who, default_namespace, key, Form::envelope, asking, out);
}

Task<Outcome<Answered>> CacheRoutes::get(Call call) {
  Outcome<KvCall> asked = cache_call_of(call, Scope::kv_read, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  auto showing = access_.show(std::move(call), *std::move(asked), Form::envelope);
  co_return co_await std::move(showing);
}

Task<Outcome<Answered>> CacheRoutes::put(Call call) {
  Outcome<KvCall> asked = cache_call_of(call, Scope::kv_write, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  Outcome<Put> put = put_in(call, limits_);
  if (!put) co_return std::unexpected(std::move(put.error()));
  put->condition = std::move(asked->condition);
  const auto fits = check_value_bytes(*call.who, put->value.size());
  if (!fits) co_return std::unexpected(fits.error());
  KvAccess::Operation operation = [&](Workspace& work) { return headrace::put(work, 0, *put); };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made != Made::made) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::envelope));
  }
  co_return answered(std::string(asked->key.key()), changed->present, put->lifetime);
}

Task<Outcome<Answered>> CacheRoutes::remove(Call call) {
  Outcome<KvCall> asked = cache_call_of(call, Scope::kv_delete, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  KvAccess::Operation operation = [&](Workspace& work) {
    return headrace::remove(work, 0, asked->condition);
  };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made == Made::unmet) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::envelope));
  }
  co_return answered_truth("deleted", changed->made == Made::made);
}

Task<Outcome<Answered>> CacheRoutes::exists(Call call) {
  Outcome<KvCall> asked = cache_call_of(call, Scope::kv_read, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  auto reading = access_.read(std::move(asked->key), Keyspace::Access::does_not_count);
  const Outcome<RecordRef> record = co_await std::move(reading);
  if (!record) co_return std::unexpected(record.error());
  co_return answered_truth("exists", *record != nullptr);
}

}  // namespace headrace::http
