// sources/postgres/array.h: an array of texts, as the server reads it.
//
// Threads:   a function of its arguments.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <functional>
#include <string>

namespace headrace::postgres {

// Of what `text_of` says of each.
template <class All, class TextOf = std::identity>
[[nodiscard]] std::string array_of(const All& all, TextOf text_of = {}) {
  std::string array = "{";
  for (const auto& one : all) {
    array += array.size() > 1 ? ",\"" : "\"";
    const std::string& text = std::invoke(text_of, one);
    for (const char c : text) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

}  // namespace headrace::postgres
