#include "server/http/write_body.h"

#include <algorithm>

#include "server/http/json_members.h"
#include "server/http/named_policy.h"

namespace headrace::http {

namespace {

// The raw text of a member; of a name that stands twice a parser keeps the last.
// REQUIRES: there is one.
std::string_view raw_of(const Fields& members, std::string_view name) {
  return std::find_if(members.rbegin(), members.rend(),
                      [name](const auto& member) { return member.first == name; })
      ->second;
}

// The members of one write, as they were written, and where they stand.
class OneWrite {
 public:
  OneWrite(std::string_view raw, const boost::json::value& value, std::string pointer,
           JsonBody& body)
      : raw_(members_of(raw)), pointer_(std::move(pointer)), body_(body) {
    object_ = body.object(value, pointer_, {"entity", "fields", "create", "remove", "expected"});
  }

  [[nodiscard]] Write write() {
    Write write;
    if (object_ == nullptr) return write;
    write.entity = body_.text(*object_, "entity", pointer_);
    if (const Outcome<void> sound = check_entity(write.entity); !sound && !write.entity.empty()) {
      body_.fault(pointer_ + "/entity", sound.error().detail);
    }
    const bool removes = truth("remove");
    const bool creates = truth("create");
    if (removes && creates) body_.fault(pointer_, "either creates or removes");
    if (removes) {
      write.mode = Write::Mode::remove;
      if (object_->if_contains("fields")) body_.fault(pointer_ + "/fields", "a removal has none");
    } else {
      write.mode = creates ? Write::Mode::upsert : Write::Mode::update;
      write.fields = fields();
    }
    if (const auto* state = object_->if_contains("expected")) {
      const auto* text = state->if_string();
      if (text == nullptr) body_.fault(pointer_ + "/expected", "must be a string");
      if (text != nullptr) write.expected = std::string(text->data(), text->size());
    }
    return write;
  }

 private:
  bool truth(std::string_view name) {
    const auto* value = object_->if_contains({name.data(), name.size()});
    if (value == nullptr) return false;
    const bool* const said = value->if_bool();
    if (said == nullptr) body_.fault(pointer_ + "/" + std::string(name), "must be true or false");
    return said != nullptr && *said;
  }
  Fields fields() {
    const std::string pointer = pointer_ + "/fields";
    const auto* value = object_->if_contains("fields");
    if (value == nullptr) {
      body_.fault(pointer, "is missing");
      return {};
    }
    if (!value->is_object()) {
      body_.fault(pointer, "must be an object: the fields and their new values");
      return {};
    }
    return fields_of(raw_of(raw_, "fields"), pointer, body_);
  }

  const Fields raw_;
  const std::string pointer_;
  JsonBody& body_;
  const boost::json::object* object_ = nullptr;
};

void check(const Fields& fields, const std::string& pointer, JsonBody& body) {
  if (fields.empty()) body.fault(pointer, "changes nothing: name at least one field");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bool again =
        std::any_of(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const auto& earlier) { return earlier.first == fields[i].first; });
    if (again) body.fault(pointer + pointer_to(fields[i].first), "stands twice");
  }
}

}  // namespace

std::string pointer_to(std::string_view name) {
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

Fields fields_of(std::string_view raw, const std::string& pointer, JsonBody& body) {
  Fields fields = members_of(raw);
  check(fields, pointer, body);
  return fields;
}

std::vector<Write> writes_of(std::string_view raw, std::size_t writes_max, JsonBody& body) {
  const auto* object = body.object({"writes"});
  if (object == nullptr) return {};
  const auto* list = object->if_contains("writes");
  if (list == nullptr) {
    body.fault("/writes", "is missing");
    return {};
  }
  const auto* all = body.array(*list, "/writes");
  if (all == nullptr) return {};
  if (all->empty()) body.fault("/writes", "is empty: name at least one write");
  if (all->size() > writes_max) {
    body.fault("/writes", "has " + std::to_string(all->size()) + " writes; at most " +
                              std::to_string(writes_max) + " are taken at once");
    return {};
  }
  const Fields members = members_of(raw);
  const std::vector<std::string> texts = elements_of(raw_of(members, "writes"));
  std::vector<Write> writes;
  for (std::size_t i = 0; i < all->size(); ++i) {
    writes.push_back(OneWrite(texts[i], (*all)[i], "/writes/" + std::to_string(i), body).write());
    const bool again = std::any_of(writes.begin(), std::prev(writes.end()), [&](const Write& one) {
      return one.entity == writes.back().entity;
    });
    if (again) body.fault("/writes/" + std::to_string(i) + "/entity", "is written twice");
  }
  return writes;
}

Problem problem_of_write(const Error& error, const Fields& fields, const std::string& pointer) {
  if (error.code == Code::cancelled) {
    return {.code = "backend-unavailable", .detail = error.what};
  }
  if (error.code != Code::invalid_argument) return problem_of(error);
  Problem::Fault fault{.pointer = pointer, .detail = error.what};
  for (const auto& [name, value] : fields) {
    if (!error.what.starts_with(name + ": ")) continue;
    fault = {.pointer = pointer + pointer_to(name), .detail = error.what.substr(name.size() + 2)};
    break;
  }
  return {.code = "validation", .detail = error.what, .errors = {std::move(fault)}};
}

}  // namespace headrace::http
