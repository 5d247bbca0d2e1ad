#include "server/http/kv_batch.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_members.h"
#include "server/http/json_text.h"
#include "server/http/kv_body.h"
#include "server/http/kv_call.h"
#include "server/http/kv_query.h"
#include "server/http/kv_text.h"
#include "server/http/wall_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using What = BatchOp::What;

struct OpKind {
  std::string_view name;
  What what;
  Scope scope;
};
constexpr std::array<OpKind, 6> op_kinds = {{{"get", What::get, Scope::kv_read},
                                             {"exists", What::exists, Scope::kv_read},
                                             {"put", What::put, Scope::kv_write},
                                             {"delete", What::remove, Scope::kv_delete},
                                             {"touch", What::touch, Scope::kv_write},
                                             {"count", What::count, Scope::counter_write}}};

// Either alphabet of base64.
Result<std::string> bytes_of_base64(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return wire::base64url_decode(text);
}

std::string copied(std::string_view text) {
  return std::string(text);
}

// Reads the operations of a body, one after another.
class OpReader {
 public:
  OpReader(JsonBody& body, const Call& call, const KvLimits& limits, Batch& batch)
      : body_(body), call_(call), limits_(limits), batch_(batch) {}

  // May return the problem of what the key's holder may not do.
  Outcome<void> read(const boost::json::value& value, std::string_view raw, std::string pointer) {
    const auto* object = body_.object(
        value, pointer,
        {"op", "key", "key_b64", "value_json", "value_b64", "content_type", "ttl", "idle",
         "if_match", "if_none_match", "by", "initial", "min", "max", "ttl_mode"});
    if (object == nullptr) return {};
    const std::string_view name = body_.text(*object, "op", pointer);
    const auto* kind = std::ranges::find(op_kinds, name, &OpKind::name);
    if (kind == op_kinds.end()) {
      if (!name.empty())
        body_.fault(pointer + "/op", "is get, exists, put, delete, touch or count");
      return {};
    }
    if (auto may = check_scopes(*call_.who, {kind->scope}); !may) return may;
    const std::string key = key_in(*object, pointer);
    if (auto may = check_key(*call_.who, key); !may && !key.empty()) return may;
    BatchOp op{.what = kind->what, .at = place_of(key)};
    op.condition = condition_in(*object, pointer);
    op.lifetime = lifetime_of(body_, *object, pointer, limits_);
    if (op.what == What::put) op.put = put_in(*object, raw, pointer);
    if (op.what == What::put) op.put.condition = op.condition;
    if (op.what == What::put) op.put.lifetime = op.lifetime.value_or(default_lifetime(limits_));
    if (op.what == What::count) op.count = count_of(body_, *object, pointer, limits_);
    auto fits = check_value_bytes(*call_.who, op.put.value.size());
    batch_.ops.push_back(std::move(op));
    return fits;
  }

 private:
  std::string key_in(const boost::json::object& object, const std::string& pointer) {
    const bool has_key = object.contains("key");
    if (has_key == object.contains("key_b64")) {
      body_.fault(pointer + "/key",
                  has_key ? "stands beside key_b64; name the key once" : "is missing");
      return "";
    }
    if (has_key) return copied(body_.text(object, "key", pointer));
    auto bytes = bytes_of_base64(copied(body_.text(object, "key_b64", pointer)));
    if (!bytes) body_.fault(pointer + "/key_b64", bytes.error().what);
    return bytes ? *std::move(bytes) : "";
  }

  std::size_t place_of(const std::string& key) {
    const auto [found, is_new] = places_.try_emplace(key, batch_.keys.size());
    if (is_new) batch_.keys.emplace_back(call_.who->tenant, call_.captures[0], key);
    return found->second;
  }

  Put put_in(const boost::json::object& object, std::string_view raw, const std::string& pointer) {
    Put put;
    if (const auto* type = object.if_contains("content_type")) {
      put.content_type = copied(body_.text(*type, pointer + "/content_type"));
    }
    const bool as_json = object.contains("value_json");
    if (as_json == object.contains("value_b64")) {
      body_.fault(pointer, "of value_json and value_b64 one must be there");
    } else if (as_json) {
      if (put.content_type.empty()) put.content_type = "application/json";
      put.value = raw_member(raw, "value_json").value_or("");
    } else if (const auto* text = object.at("value_b64").if_string()) {
      auto bytes = bytes_of_base64({text->data(), text->size()});
      if (!bytes) body_.fault(pointer + "/value_b64", bytes.error().what);
      if (bytes) put.value = *std::move(bytes);
    } else {
      body_.fault(pointer + "/value_b64", "must be a string");
    }
    return put;
  }

  Condition condition_in(const boost::json::object& object, const std::string& pointer) {
    wire::Headers headers;
    for (const auto& [member, header] :
         {std::pair("if_match", "If-Match"), std::pair("if_none_match", "If-None-Match")}) {
      if (const auto* value = object.if_contains(member)) {
        headers.push_back({header, copied(body_.text(*value, pointer + "/" + member))});
      }
    }
    auto condition = condition_of(headers);
    if (condition) return *std::move(condition);
    body_.fault(pointer, condition.error().detail);
    return {};
  }

  JsonBody& body_;
  const Call& call_;
  const KvLimits& limits_;
  Batch& batch_;
  std::map<std::string, std::size_t> places_;
};

bool atomic_in(JsonBody& body, const boost::json::object& object) {
  const auto* atomic = object.if_contains("atomic");
  if (atomic == nullptr) return false;
  if (!atomic->is_bool()) body.fault("/atomic", "is true or false");
  return atomic->is_bool() && atomic->get_bool();
}

int status_of(Made made) {
  switch (made) {
    case Made::made: return 200;
    case Made::absent: return 404;
    case Made::unmet: return 412;
    case Made::wrong_type:
    case Made::out_of_range: break;
  }
  return 409;
}

OpResult result_of(Made made) {
  OpResult result{.status = status_of(made)};
  if (made == Made::made) return result;
  result.code = problem_of(made, nullptr, Form::bytes).code;
  return result;
}

OpResult get(const Record* record, std::size_t& bytes_left) {
  if (record == nullptr) return result_of(Made::absent);
  if (record->kind != Record::Kind::value) return result_of(Made::wrong_type);
  if (record->value.size() > bytes_left) return {.status = 413, .code = "value-too-large"};
  bytes_left -= record->value.size();
  OpResult result;
  std::string& out = result.members;
  const bool is_json =
      record->content_type == "application/json" && can_show(*record, Form::envelope);
  if (is_json) {
    out += R"(,"value_json":)";
    append_json_value(out, *record);
  } else {
    out += R"(,"value_b64":")" + wire::base64url_encode(record->value) + '"';
  }
  out += R"(,"content_type":)";
  append_json_string(out, record->content_type);
  out += R"(,"version":"v)" + std::to_string(content_version_of(*record)) + '"';
  if (record->expires != Record::never) {
    out += R"(,"expires_at":")" + rfc3339(record->expires) + '"';
  }
  return result;
}

OpResult count(const BatchOp& op, Workspace& work) {
  const Counted counted = headrace::count(work, op.at, op.count);
  OpResult result = result_of(counted.made);
  if (counted.made == Made::wrong_type) return result;
  result.members = R"(,"value":)" + std::to_string(counted.value);
  if (counted.made == Made::made) {
    result.members += counted.created ? R"(,"created":true)" : R"(,"created":false)";
  }
  return result;
}

}  // namespace

bool Batch::changes() const noexcept {
  return std::ranges::any_of(ops, &BatchOp::changes);
}

Batch Batch::only(std::size_t op) const {
  Batch one;
  one.ops.push_back(ops[op]);
  one.ops.back().at = 0;
  one.keys.push_back(keys[ops[op].at]);
  return one;
}

Outcome<Batch> batch_of(const Call& call, const KvLimits& limits) {
  Outcome<JsonBody> body =
      JsonBody::read(call.request, limits.json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  Batch batch;
  const auto* object = body->object({"atomic", "ops"});
  const auto* ops = object != nullptr ? object->if_contains("ops") : nullptr;
  if (object != nullptr && ops == nullptr) body->fault("/ops", "is missing");
  if (object != nullptr) batch.atomic = atomic_in(*body, *object);
  const auto* array = ops != nullptr ? body->array(*ops, "/ops") : nullptr;
  if (array != nullptr && (array->empty() || array->size() > limits.batch_ops_max)) {
    body->fault("/ops", "has 1 to " + std::to_string(limits.batch_ops_max) + " operations");
  } else if (array != nullptr) {
    const std::vector<std::string> raw =
        elements_of(raw_member(call.request.body, "ops").value_or("[]"));
    OpReader reader(*body, call, limits, batch);
    for (std::size_t i = 0; i < array->size() && i < raw.size(); ++i) {
      const auto read = reader.read((*array)[i], raw[i], "/ops/" + std::to_string(i));
      if (!read) return std::unexpected(read.error());
    }
  }
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return batch;
}

OpResult perform(const BatchOp& op, Workspace& work, std::size_t& bytes_left) {
  const Record* record = work.find(op.at);
  if (op.what != What::put && !op.condition.holds(record)) return result_of(Made::unmet);
  switch (op.what) {
    case What::get: return get(record, bytes_left);
    case What::exists:
      return {.members = record != nullptr ? R"(,"exists":true)" : R"(,"exists":false)"};
    case What::put: {
      OpResult result = result_of(put(work, op.at, op.put));
      if (result.status == 200 && record == nullptr) result.status = 201;
      result.writes = result.code.empty();
      return result;
    }
    case What::remove: {
      const Made made = remove(work, op.at);
      return {.members = made == Made::made ? R"(,"deleted":true)" : R"(,"deleted":false)"};
    }
    case What::touch: return result_of(touch(work, op.at, op.lifetime));
    case What::count: return count(op, work);
  }
  return {};
}

}  // namespace headrace::http
