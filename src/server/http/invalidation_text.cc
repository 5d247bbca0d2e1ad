#include "server/http/invalidation_text.h"

namespace headrace::http {

namespace {

Wait wait_of(const boost::json::value& value, JsonBody& body) {
  if (value == "everywhere") return Wait::everywhere;
  if (value != "confirmed") body.fault("/wait", R"(must be "confirmed" or "everywhere")");
  return Wait::confirmed;
}

}  // namespace

// {"keys":[{"policy","entity"}],"tags":[],"policies":[],"policy":"x","everything":true,
//  "wait":"everywhere"}
InvalidationAsked invalidation_in(JsonBody& body) {
  InvalidationAsked asked;
  Invalidation& what = asked.what;
  const auto* object = body.object({"keys", "tags", "policies", "policy", "everything", "wait"});
  if (!object) return asked;
  if (const auto* keys = object->if_contains("keys")) {
    const auto* array = body.array(*keys, "/keys");
    for (std::size_t i = 0; array && i < array->size(); ++i) {
      const std::string pointer = "/keys/" + std::to_string(i);
      const auto* key = body.object((*array)[i], pointer, {"policy", "entity"});
      if (!key) continue;
      what.keys.push_back({.policy = std::string(body.text(*key, "policy", pointer)),
                           .entity = std::string(body.text(*key, "entity", pointer))});
    }
  }
  if (const auto* tags = object->if_contains("tags")) what.tags = body.texts(*tags, "/tags");
  if (const auto* many = object->if_contains("policies")) {
    what.policies = body.texts(*many, "/policies");
  }
  if (const auto* one = object->if_contains("policy")) {
    what.policies.emplace_back(body.text(*one, "/policy"));
  }
  if (const auto* all = object->if_contains("everything")) {
    if (!all->is_bool()) body.fault("/everything", "must be true or false");
    what.everything = all->is_bool() && all->get_bool();
  }
  if (const auto* wait = object->if_contains("wait")) asked.wait = wait_of(*wait, body);
  if (body.is_sound() && what.is_empty()) {
    body.fault("", "names nothing: give keys, tags, policies or \"everything\":true");
  }
  return asked;
}

Answered answer_of(Held held) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  if (held == Held::everywhere) {
    answered.response.body = R"({"held":"everywhere"})";
    return answered;
  }
  if (held == Held::soon) {
    answered.response.body =
        R"({"held":"soon","detail":"It holds in this instance, in the store and for strict reads, )"
        R"(and within the bus bound in every other memory."})";
    return answered;
  }
  if (held == Held::in_store) {
    answered.response.body =
        R"({"held":"store","detail":"It holds in this instance, in the store and for strict )"
        R"(reads.  There is no bus: other instances' memories answer what they hold until it is )"
        R"(not fresh any more."})";
    return answered;
  }
  answered.response.status = 202;
  answered.response.body =
      R"({"held":"pending","detail":"It holds in this instance.  The store has not confirmed it; )"
      R"(it is sent again until it does, and what it touches bypasses the store until then."})";
  return answered;
}

}  // namespace headrace::http
