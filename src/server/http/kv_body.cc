#include "server/http/kv_body.h"

#include <chrono>
#include <utility>

#include "server/http/json_members.h"
#include "server/http/kv_query.h"

namespace headrace::http {

namespace {

const boost::json::value* member_of(const boost::json::object& object, std::string_view name) {
  const auto* member = object.if_contains({name.data(), name.size()});
  return member != nullptr && !member->is_null() ? member : nullptr;
}

std::optional<double> number_of(const boost::json::value& value) {
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  if (value.is_double()) return value.get_double();
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> whole_of(JsonBody& body, const boost::json::object& object,
                                     std::string_view name, const std::string& pointer) {
  const auto* member = member_of(object, name);
  if (member == nullptr) return std::nullopt;
  boost::system::error_code error;  // 1.0 is a whole number, too.
  const auto number = member->to_number<std::int64_t>(error);
  if (!error) return number;
  body.fault(pointer + "/" + std::string(name), "must be a whole number of 64 bits");
  return std::nullopt;
}

std::optional<Duration> duration_of(JsonBody& body, const boost::json::object& object,
                                    std::string_view name, const std::string& pointer,
                                    Duration max) {
  const auto* member = member_of(object, name);
  if (member == nullptr) return std::nullopt;
  const auto number = number_of(*member);
  const auto duration = number ? seconds_of(*number, max) : std::nullopt;
  if (duration) return duration;
  body.fault(pointer + "/" + std::string(name),
             "must be a number of seconds, more than 0 and at most " +
                 std::to_string(std::chrono::floor<std::chrono::seconds>(max).count()));
  return std::nullopt;
}

std::optional<Lifetime> lifetime_of(JsonBody& body, const boost::json::object& object,
                                    const std::string& pointer, const KvLimits& limits) {
  const auto* ttl = member_of(object, "ttl");
  if (ttl == nullptr && member_of(object, "idle") == nullptr) return std::nullopt;
  Lifetime lifetime;
  const bool is_none = ttl != nullptr && ttl->is_string() && ttl->get_string() == "none";
  if (ttl != nullptr && !is_none) {
    lifetime.ttl = duration_of(body, object, "ttl", pointer, limits.ttl_max);
  }
  lifetime.idle = duration_of(body, object, "idle", pointer, limits.ttl_max).value_or(Duration(0));
  return lifetime;
}

headrace::Count count_of(JsonBody& body, const boost::json::object& object,
                         const std::string& pointer, const KvLimits& limits) {
  using Renew = headrace::Count::Renew;
  headrace::Count count{.by = whole_of(body, object, "by", pointer).value_or(1),
                        .initial = whole_of(body, object, "initial", pointer).value_or(0),
                        .min = whole_of(body, object, "min", pointer),
                        .max = whole_of(body, object, "max", pointer)};
  if (const auto lifetime = lifetime_of(body, object, pointer, limits)) count.lifetime = *lifetime;
  const auto* mode = member_of(object, "ttl_mode");
  if (mode == nullptr) return count;
  const std::string_view name = body.text(*mode, pointer + "/ttl_mode");
  if (name == "extend") {
    count.renew = Renew::always;
  } else if (name == "keep") {
    count.renew = Renew::never;
  } else if (name != "create") {
    body.fault(pointer + "/ttl_mode", "is create, extend or keep");
  }
  return count;
}

std::optional<std::string> raw_member(std::string_view object, std::string_view name) {
  std::optional<std::string> raw;
  for (auto& [one, value] : members_of(object)) {
    if (one == name) raw = std::move(value);  // Of two the parser keeps the last, too.
  }
  return raw;
}

}  // namespace headrace::http
