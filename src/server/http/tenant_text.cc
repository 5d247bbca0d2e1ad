#include "server/http/tenant_text.h"

#include <limits>
#include <utility>

#include "headrace/meter.h"
#include "server/http/json_text.h"
#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

constexpr std::chrono::hours usual_grace{24};

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  JsonArray array(out);
  for (const std::string& one : texts) append_json_string(array.next(), one);
}

void append_time(JsonObject& json, std::string_view name, std::optional<WallTime> at) {
  if (at && *at != Record::never) {
    json.text(name, rfc3339(*at));
  } else {
    json.member(name) += "null";
  }
}

void append_count(JsonObject& json, std::string_view name, std::uint64_t count) {
  json.number(name, static_cast<std::int64_t>(count));
}

void append_key_members(JsonObject& json, const TenantKey& key) {
  json.text("key_id", key.id);
  json.text("tenant", key.tenant);
  json.text("name", key.name);
  json.text("kind", name_of(key.kind));
  append_texts(json.member("scopes"), names_of(key.scopes));
  append_texts(json.member("policies"), key.policies);
  json.text("key_prefix", key.key_prefix);
  json.text("state", key.replaced ? "replaced" : "active");
  append_time(json, "created_at", key.created);
  append_time(json, "expires_at", key.expires);
  append_time(json, "replaced_at", key.replaced);
  append_time(json, "last_used_at", key.last_used);
}

// None: it is no whole number.  1.0 is one, too.
std::optional<std::int64_t> whole_number(const boost::json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<std::int64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

// A whole number that is not negative, if the member is there.
void take_count(JsonBody& body, const boost::json::object& object, std::string_view name,
                std::optional<std::uint64_t>& into) {
  const auto* const member = object.if_contains(name);
  if (member == nullptr) return;
  const auto number = whole_number(*member);
  if (!number || *number < 0) {
    return body.fault("/" + std::string(name), "must be a whole number, 0 or more");
  }
  into = static_cast<std::uint64_t>(*number);
}

void take_change(JsonBody& body, const boost::json::object& object, TenantChange& change) {
  take_count(body, object, "burst", change.burst);
  take_count(body, object, "sustained", change.sustained);
  take_count(body, object, "daily", change.daily);
  take_count(body, object, "records_max", change.records_max);
  take_count(body, object, "bytes_max", change.bytes_max);
  take_count(body, object, "value_bytes_max", change.value_bytes_max);
}

std::string text_in(JsonBody& body, const boost::json::object& object, std::string_view name) {
  const auto* const member = object.if_contains(name);
  if (member == nullptr) return {};
  if (member->is_string()) return std::string(member->get_string());
  body.fault("/" + std::string(name), "must be a text");
  return {};
}

KeyKind kind_in(JsonBody& body, const boost::json::object& object) {
  if (!object.contains("kind")) return KeyKind::live;
  const std::string named = text_in(body, object, "kind");
  for (const KeyKind kind : {KeyKind::live, KeyKind::test, KeyKind::read_only, KeyKind::admin}) {
    if (name_of(kind) == named) return kind;
  }
  body.fault("/kind", R"(must be "live", "test", "ro" or "adm")");
  return KeyKind::live;
}

WallTime expires_in(JsonBody& body, const boost::json::object& object) {
  const auto* const member = object.if_contains("expires_at");
  if (member == nullptr || member->is_null()) return Record::never;
  if (const auto at = parse_rfc3339(text_in(body, object, "expires_at"))) return *at;
  body.fault("/expires_at", R"(must be null or a moment like "2027-01-01T00:00:00Z")");
  return Record::never;
}

}  // namespace

void append_tenant(std::string& out, const Tenant& tenant) {
  JsonObject json(out);
  append_count(json, "id", tenant.id);
  json.text("name", tenant.name);
  json.truth("suspended", tenant.is_suspended);
  append_count(json, "burst", tenant.rates.burst);
  append_count(json, "sustained", tenant.rates.sustained);
  append_count(json, "daily", tenant.rates.daily);
  append_count(json, "records_max", tenant.ceiling.records_max);
  append_count(json, "bytes_max", tenant.ceiling.bytes_max);
  append_count(json, "value_bytes_max", tenant.value_bytes_max);
  append_time(json, "created_at", tenant.created);
}

void append_key(std::string& out, const TenantKey& key) {
  JsonObject json(out);
  append_key_members(json, key);
}

void append_made_key(std::string& out, const MadeKey& made) {
  JsonObject json(out);
  json.text("key", made.text);
  append_key_members(json, made.key);
}

void append_event(std::string& out, const TenantEvent& event) {
  JsonObject json(out);
  append_count(json, "number", event.number);
  json.text("at", rfc3339(event.at));
  json.text("who", event.actor.who);
  json.text("from", event.actor.from);
  json.text("what", event.what);
  json.text("tenant", event.tenant);
  json.text("key_id", event.key_id);
  json.text("detail", event.detail);
}

void append_identity(std::string& out, const Identity& who, std::string_view version) {
  JsonObject json(out);
  json.text("tenant", who.tenant_name);
  json.text("key_id", who.key_id);
  append_texts(json.member("scopes"), names_of(who.scopes));
  append_texts(json.member("policies"), who.policies);
  json.text("key_prefix", who.key_prefix);
  append_time(json, "expires_at", who.expires);
  {
    JsonObject limits(json.member("limits"));
    const auto quotas = who.meter ? who.meter->quotas() : decltype(who.meter->quotas()){};
    for (std::size_t i = 0; i < Meter::policies_max; ++i) {
      append_count(limits, Meter::windows[i].name, quotas[i]);
    }
    append_count(limits, "records_max", who.ceiling.records_max);
    append_count(limits, "bytes_max", who.ceiling.bytes_max);
    append_count(limits, "value_bytes_max", who.value_bytes_max);
  }
  json.text("version", version);
}

NewTenant new_tenant_in(JsonBody& body) {
  NewTenant wanted;
  const auto* const object = body.object(
      {"name", "burst", "sustained", "daily", "records_max", "bytes_max", "value_bytes_max"});
  if (object == nullptr) return wanted;
  wanted.name = std::string(body.text(*object, "name", ""));
  take_change(body, *object, wanted.with);
  return wanted;
}

TenantChange tenant_change_in(JsonBody& body) {
  TenantChange change;
  const auto* const object = body.object(
      {"suspended", "burst", "sustained", "daily", "records_max", "bytes_max", "value_bytes_max"});
  if (object == nullptr) return change;
  if (const auto* const suspended = object->if_contains("suspended")) {
    if (!suspended->is_bool()) body.fault("/suspended", "must be true or false");
    if (suspended->is_bool()) change.is_suspended = suspended->get_bool();
  }
  take_change(body, *object, change);
  if (object->empty()) body.fault("", "changes nothing: name a limit, or suspended");
  return change;
}

NewKey new_key_in(JsonBody& body) {
  NewKey wanted;
  const auto* const object =
      body.object({"tenant", "name", "kind", "scopes", "policies", "key_prefix", "expires_at"});
  if (object == nullptr) return wanted;
  wanted.tenant = std::string(body.text(*object, "tenant", ""));
  wanted.name = text_in(body, *object, "name");
  wanted.kind = kind_in(body, *object);
  if (const auto* const scopes = object->if_contains("scopes")) {
    const auto parsed = parse_scopes(body.texts(*scopes, "/scopes"));
    if (parsed) wanted.scopes = *parsed;
    if (!parsed) body.fault("/scopes", parsed.error().what);
  }
  if (const auto* const policies = object->if_contains("policies")) {
    wanted.policies = body.texts(*policies, "/policies");
  }
  wanted.key_prefix = text_in(body, *object, "key_prefix");
  wanted.expires = expires_in(body, *object);
  return wanted;
}

Duration grace_in(JsonBody& body) {
  const auto* const object = body.object({"grace_seconds"});
  const auto* const grace = object == nullptr ? nullptr : object->if_contains("grace_seconds");
  if (grace == nullptr) return usual_grace;
  const auto seconds = whole_number(*grace);
  if (seconds && *seconds >= 0 && *seconds <= std::numeric_limits<std::int32_t>::max()) {
    return std::chrono::seconds(*seconds);
  }
  body.fault("/grace_seconds", "must be a whole number, 0 or more");
  return usual_grace;
}

}  // namespace headrace::http
