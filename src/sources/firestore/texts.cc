#include <algorithm>
#include <string>
#include <utility>

#include "headrace/sources/firestore.h"
#include "sources/firestore/names.h"
#include "sources/firestore/question.h"
#include "sources/firestore/value_json.h"

namespace headrace {

namespace {

using firestore::placeholder;

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> wrong(std::string_view text, const std::string& why) {
  return failure(Code::invalid_argument, "\"" + std::string(text) + "\": " + why);
}

// The operator at the beginning of `text`: signs up to a value, or a word.
std::string_view take_operator(std::string_view& text) {
  const bool is_sign = !text.empty() && std::string_view("=!<>").contains(text.front());
  const std::string_view letters = is_sign ? "=!<>" : "abcdefghijklmnopqrstuvwxyz-";
  const std::string_view op =
      text.substr(0, std::min(text.find_first_not_of(letters), text.size()));
  text.remove_prefix(op.size());
  return op;
}

}  // namespace

Result<void> check_firestore_question(const FirestoreQuestion& question) {
  const auto made = firestore::Question::make(question, "");
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<FirestoreFilter> parse_firestore_filter(std::string_view text) {
  std::string_view left = trimmed(text);
  FirestoreFilter filter;
  filter.field = firestore::take_path(left);
  if (filter.field.empty()) {
    return wrong(text, "a filter is a field, an operator and a value: \"owner == {entity}\"");
  }
  if (const auto path = firestore::parse_path(filter.field); !path) {
    return wrong(text, path.error().what);
  }
  left = trimmed(left);
  filter.op = take_operator(left);
  left = trimmed(left);
  if (!firestore::is_operator(filter.op)) {
    return wrong(text, "\"" + filter.op + "\" is no operator; there are " +
                           std::string(firestore::operators_text));
  }
  filter.is_entity = left == placeholder;
  if (filter.is_entity) return filter;
  if (left.empty()) return wrong(text, "the value is missing: write {entity} or JSON");
  if (const auto value = firestore::parse_value(left); !value) {
    return wrong(text, "the value: " + value.error().what);
  }
  filter.value = left;
  return filter;
}

Result<FirestoreOrder> parse_firestore_order(std::string_view text) {
  std::string_view left = trimmed(text);
  FirestoreOrder order;
  order.field = firestore::take_path(left);
  left = trimmed(left);
  order.descending = left == "desc";
  if (order.field.empty() || (!left.empty() && left != "asc" && left != "desc")) {
    return wrong(text, "an order is a field, and \"asc\" or \"desc\" behind it: \"updated desc\"");
  }
  if (const auto path = firestore::parse_path(order.field); !path) {
    return wrong(text, path.error().what);
  }
  return order;
}

}  // namespace headrace
