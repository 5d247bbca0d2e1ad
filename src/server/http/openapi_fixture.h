// server/http/openapi_fixture.h: for tests: what the OpenAPI document says, and who holds answers
// against it.
//
// Threads: a Document is immutable.  Errors: fails the test.  Lifetimes: views are of the document.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cctype>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/openapi.h"
#include "wire/http_message.h"
#include "wire/uri.h"

namespace headrace::http {

class Document {
 public:
  struct Operation {
    std::string method{};  // "GET"
    std::string path{};    // "/v1/read/{policy}/{entity}"
    const boost::json::object* said = nullptr;
    std::vector<const boost::json::object*> parameters{};  // Its path's and its own.
    [[nodiscard]] std::string name() const { return method + " " + path; }
  };

  explicit Document(boost::json::value whole) : whole_(std::move(whole)) {
    for (const auto& [path, item] : whole_.at("paths").as_object()) {
      for (const auto& [method, said] : item.as_object()) {
        if (method == "parameters") continue;
        Operation one{.path = std::string(path), .said = &said.as_object()};
        for (const char c : method) one.method += static_cast<char>(std::toupper(c));
        add_parameters(one, item.as_object());
        add_parameters(one, said.as_object());
        operations_.push_back(std::move(one));
      }
    }
  }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  [[nodiscard]] const boost::json::value& whole() const { return whole_; }
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }

  // Where "#/components/..." leads; null: nowhere.
  [[nodiscard]] const boost::json::value* find(std::string_view reference) const {
    boost::system::error_code error;
    reference.remove_prefix(1);
    return whole_.find_pointer({reference.data(), reference.size()}, error);
  }
  // What is said there or, if that is a reference, where it leads.
  [[nodiscard]] const boost::json::object& at(const boost::json::value& here) const {
    const auto* const reference = here.as_object().if_contains("$ref");
    return (reference == nullptr ? here : *find(std::string(reference->as_string()))).as_object();
  }

  // What of an answer the document does not have; empty: nothing.
  [[nodiscard]] std::string fault_in(const wire::Request& request,
                                     const wire::Response& response) const {
    const Operation* const one = operation_of(request);
    if (response.body.contains(R"("no-such-route")")) return "";  // In this configuration.
    if (one == nullptr) return response.status < 400 ? "there is no such operation" : "";
    const auto* const said =
        one->said->at("responses").as_object().if_contains(std::to_string(response.status));
    if (said == nullptr) return one->name() + " has no response " + std::to_string(response.status);
    const std::string fault = fault_in(at(*said), response);
    return fault.empty() ? "" : one->name() + ": " + std::to_string(response.status) + ": " + fault;
  }

 private:
  void add_parameters(Operation& to, const boost::json::object& from) const {
    const auto* const list = from.if_contains("parameters");
    if (list == nullptr) return;
    for (const auto& one : list->as_array()) to.parameters.push_back(&at(one));
  }

  [[nodiscard]] const Operation* operation_of(const wire::Request& request) const {
    const std::string_view method =
        request.method == "HEAD" ? std::string_view("GET") : request.method;
    const auto have = wire::segments_of(request.path());
    for (const Operation& one : operations_) {
      const auto want = wire::segments_of(one.path);
      const bool fits = std::ranges::equal(want, have, [](auto pattern, auto segment) {
        return pattern.starts_with('{') || pattern == segment;
      });
      if (fits && one.method == method) return &one;
    }
    return nullptr;
  }

  [[nodiscard]] std::string fault_in(const boost::json::object& said,
                                     const wire::Response& response) const {
    const auto& headers = said.at("headers").as_object();
    for (const wire::Header& sent : response.headers) {
      const bool is_of_every_message = wire::same_token(sent.name, "Content-Length") ||
                                       wire::same_token(sent.name, "Content-Type") ||
                                       wire::same_token(sent.name, "Connection");
      const bool is_said = std::ranges::any_of(headers, [&sent](const auto& header) {
        return wire::same_token(std::string_view(header.key().data(), header.key().size()),
                                sent.name);
      });
      if (!is_of_every_message && !is_said) return "it has no header " + sent.name;
    }
    for (const auto& [name, header] : headers) {
      const auto* const required = at(header).if_contains("required");
      if (required == nullptr || !required->as_bool()) continue;
      if (!response.header({name.data(), name.size()})) return std::string(name) + " is missing";
    }
    const auto type = response.header("content-type");
    if (!type) return "";
    const std::string media(type->substr(0, type->find(';')));
    const auto* const content = said.if_contains("content");
    const bool is_said = content != nullptr && (content->as_object().contains(media) ||
                                                content->as_object().contains("*/*"));
    if (!is_said) return "it is no " + media;
    const auto* const problem = content->as_object().if_contains("application/problem+json");
    if (problem == nullptr || media != "application/problem+json" || response.body.empty()) {
      return "";
    }
    const auto code = boost::json::parse(response.body).at("code");
    const auto& known = problem->at("schema").at("properties").at("code").at("enum");
    if (std::ranges::find(known.as_array(), code) != known.as_array().end()) return "";
    return "it has no problem " + std::string(code.as_string());
  }

  boost::json::value whole_;
  std::vector<Operation> operations_;
};

// All that is written, whatever a server has; with a key.
inline const Document& whole_document() {
  static const Document whole = [] {
    static std::deque<std::string> texts;
    Router router;
    for (const std::string_view text : openapi_parts()) {
      const auto part = boost::json::parse({text.data(), text.size()});
      for (const auto& [path, item] : part.at("paths").as_object()) {
        const std::string& pattern = texts.emplace_back(path);
        for (const auto& [method, said] : item.as_object()) {
          std::string& upper = texts.emplace_back(method);
          for (char& c : upper) c = static_cast<char>(std::toupper(c));
          if (method == "parameters") continue;
          router.add({.method = upper,
                      .pattern = pattern,
                      .route = Route::other,
                      .says = {},
                      .handler = {}});
        }
      }
    }
    return Document(openapi_of(router, {.version = "0.0.0", .key = OpenapiTerms::Key::required}));
  }();
  return whole;
}

}  // namespace headrace::http
