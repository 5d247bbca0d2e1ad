#include "server/http/openapi.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cassert>
#include <map>
#include <utility>
#include <vector>

#include "server/http/problem.h"

namespace headrace::http {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using Key = OpenapiTerms::Key;

std::string_view text_of(const value& text) {
  return {text.as_string().data(), text.as_string().size()};
}

value parsed(std::string_view text) {
  boost::system::error_code error;
  value read = boost::json::parse({text.data(), text.size()}, error);
  assert(!error);
  return read;
}

// Empty if there is none.
array list_in(const object& from, std::string_view name) {
  const value* const found = from.if_contains({name.data(), name.size()});
  return found == nullptr ? array() : found->as_array();
}

// Objects are joined, lists put one after the other; nothing else may stand on both sides.
void join(object& into, object&& from) {
  for (auto& member : from) {
    const auto [place, is_new] = into.emplace(member.key(), nullptr);
    value& there = place->value();
    if (is_new) {
      there = std::move(member.value());
    } else if (there.is_object()) {
      join(there.as_object(), std::move(member.value().as_object()));
    } else {
      assert(there.is_array());
      for (value& one : member.value().as_array()) there.as_array().push_back(std::move(one));
    }
  }
}

value reference_to(std::string_view kind, std::string_view name) {
  return {{"$ref", "#/components/" + std::string(kind) + "/" + std::string(name)}};
}

// Spells the shorthands out, operation by operation.
class Speller {
 public:
  Speller(const object& draft, const OpenapiTerms& terms)
      : headers_(draft.at("headers").as_array()),
        headers_of_problems_(draft.at("headers of problems").as_object()),
        problems_(draft.at("problems").as_array()) {
    if (terms.key != Key::none) problems_of_keys_ = draft.at("problems of keys").as_array();
  }

  void spell_path(object& path) {
    for (auto& member : path) {
      if (member.key() == "parameters") {
        refer_to_parameters(member.value().as_array());
      } else {
        spell_operation(member.value().as_object());
      }
    }
  }
  // What the paths refer to by now.
  [[nodiscard]] object take_responses() { return std::move(responses_); }

 private:
  using Codes = std::vector<std::string_view>;

  static void refer_to_parameters(array& names) {
    for (value& name : names) name = reference_to("parameters", text_of(name));
  }
  static object headers_of(const array& names) {
    object headers;
    for (const value& name : names) {
      headers[name.as_string()] = reference_to("headers", text_of(name));
    }
    return headers;
  }

  void spell_operation(object& operation) {
    if (auto* const parameters = operation.if_contains("parameters")) {
      refer_to_parameters(parameters->as_array());
    }
    std::map<int, Codes> codes_by_status;
    add_codes(codes_by_status, problems_);
    if (!operation.contains("security")) add_codes(codes_by_status, problems_of_keys_);
    add_codes(codes_by_status, list_in(operation, "problems"));
    operation.stable_erase("problems");
    object& responses = operation["responses"].as_object();
    for (auto& member : responses) {
      object& response = member.value().as_object();
      object headers = headers_of(list_in(response, "headers"));
      join(headers, headers_of(headers_));
      response["headers"] = std::move(headers);
    }
    for (const auto& [status, codes] : codes_by_status) {
      add_problems(responses, std::to_string(status), codes);
    }
  }
  static void add_codes(std::map<int, Codes>& by_status, const array& codes) {
    for (const value& code : codes) {
      const ProblemKind& kind = problem_kind(text_of(code));
      Codes& known = by_status[kind.status];
      if (std::ranges::find(known, kind.code) == known.end()) known.push_back(kind.code);
    }
  }

  // An operation's own response, if it has something to say of this status, has them within;
  // those of other operations, which have the same codes, are one.
  void add_problems(object& responses, const std::string& status, const Codes& codes) {
    if (auto* const own = responses.if_contains(status)) {
      join(own->as_object(), response_with(codes));
      return;
    }
    std::string name = status;
    for (const std::string_view code : codes) name.append(".").append(code);
    responses[status] = reference_to("responses", name);
    if (responses_.contains(name)) return;
    object response = response_with(codes);
    join(response["headers"].as_object(), headers_of(headers_));
    responses_[name] = std::move(response);
  }
  [[nodiscard]] object response_with(const Codes& codes) const {
    std::string description;
    object headers;
    array known;
    object examples;
    for (const std::string_view code : codes) {
      description.append(description.empty() ? "" : "; ").append(problem_kind(code).title);
      for (auto& header : headers_of(list_in(headers_of_problems_, code))) {
        headers[header.key()] = header.value();
      }
      known.emplace_back(code);
      examples[code] = reference_to("examples", code);
    }
    value schema = reference_to("schemas", "Problem");
    schema.as_object()["properties"] = {{"code", {{"enum", std::move(known)}}}};
    return {{"description", std::move(description)},
            {"headers", std::move(headers)},
            {"content",
             {{"application/problem+json",
               {{"schema", std::move(schema)}, {"examples", std::move(examples)}}}}}};
  }

  const array headers_;
  const object headers_of_problems_;
  const array problems_;
  array problems_of_keys_;
  object responses_;
};

// Every problem that there is, whole.
object examples_of_problems() {
  object examples;
  for (const ProblemKind& kind : problem_kinds()) {
    const Problem one{.code = kind.code, .detail = std::string(kind.advice)};
    examples[kind.code] = {{"summary", kind.title},
                           {"value", parsed(response_of(one, "", "0123456789abc").body)}};
  }
  return examples;
}

value schema_of_codes() {
  array codes;
  for (const ProblemKind& kind : problem_kinds()) codes.emplace_back(kind.code);
  return {{"description", "What went wrong, for programs: see `/problems/{code}`."},
          {"enum", std::move(codes)}};
}

// Writes limits into schemas, there and below, which only name them.
void spell_limits(value& in, const OpenapiTerms& terms) {
  if (auto* const list = in.if_array()) {
    for (value& one : *list) spell_limits(one, terms);
  }
  if (auto* const members = in.if_object()) {
    for (auto& member : *members) {
      if (member.key() == "maximum" && member.value() == "ttl_max") {
        member.value() = std::chrono::floor<std::chrono::seconds>(terms.ttl_max).count();
      } else {
        spell_limits(member.value(), terms);
      }
    }
  }
}

value security_with(Key key) {
  switch (key) {
    case Key::none: return array();
    case Key::optional: return parsed(R"([{"key":[]},{}])");
    case Key::required: return parsed(R"([{"key":[]}])");
  }
  return array();
}

bool is_served(const Router& router, std::string_view path, std::string_view member) {
  std::string method(member);
  std::ranges::transform(method, method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return std::ranges::any_of(router.entries(), [&](const Router::Entry& entry) {
    return entry.method == method && entry.pattern == path;
  });
}

// The paths with those operations alone that the router has.
object served(const Router& router, object&& paths) {
  object kept;
  for (auto& path : paths) {
    object operations;
    std::size_t count = 0;
    for (auto& member : path.value().as_object()) {
      const bool is_operation = member.key() != "parameters";
      if (is_operation && !is_served(router, path.key(), member.key())) continue;
      count += is_operation ? 1 : 0;
      operations[member.key()] = std::move(member.value());
    }
    if (count > 0) kept[path.key()] = std::move(operations);
  }
  return kept;
}

}  // namespace

object openapi_of(const Router& router, const OpenapiTerms& terms) {
  object draft;
  for (const std::string_view text : openapi_parts()) {
    object part = std::move(parsed(text).as_object());
    object paths = served(router, std::move(part["paths"].as_object()));
    const bool has_its_place = draft.empty() || !paths.empty();
    part["paths"] = std::move(paths);
    if (has_its_place) join(draft, std::move(part));
  }
  draft["info"].as_object()["version"] = terms.version;
  draft["security"] = security_with(terms.key);

  Speller speller(draft, terms);
  for (auto& path : draft["paths"].as_object()) speller.spell_path(path.value().as_object());
  spell_limits(draft["components"], terms);
  object& components = draft["components"].as_object();
  components["responses"] = speller.take_responses();
  components["examples"] = examples_of_problems();
  components["schemas"].as_object()["Code"] = schema_of_codes();

  object document;
  for (const std::string_view name :
       {"openapi", "info", "servers", "security", "tags", "paths", "components"}) {
    document[name] = std::move(draft[name]);
  }
  return document;
}

}  // namespace headrace::http
