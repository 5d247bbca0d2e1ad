// Firestore's values as JSON: what is read is written in its one form, and reads back as the same.
#include <google/protobuf/util/message_differencer.h>

#include "firestore/json_tree.h"
#include "input.h"
#include "sources/firestore/value_json.h"

namespace headrace::fuzz {

namespace {

using firestore::json_depth_max;
using google::firestore::v1::Value;

bool are_equal(const Value& a, const Value& b) {
  google::protobuf::util::DefaultFieldComparator comparator;
  comparator.set_treat_nan_as_equal(true);
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_field_comparator(&comparator);
  return differencer.Compare(a, b);
}

// What reaches the limit of depth may be written as an object more, which is then one too many: a
// plain number as {"$integer":...}.  Firestore itself allows a fifth of that depth.
bool may_be_too_deep(std::string_view text) {
  const auto opens = [](char c) { return c == '{' || c == '['; };
  return std::ranges::count_if(text, opens) >= static_cast<std::ptrdiff_t>(json_depth_max);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  const Result<Value> value = firestore::parse_value(text);
  if (!value) {
    demand(value.error().code == Code::invalid_argument, "what is no value is the writer's fault");
    demand(!value.error().what.empty(), "and is told");
    return 0;
  }
  if (may_be_too_deep(text)) return 0;
  std::string json;
  demand(firestore::append_json(json, *value).has_value(), "what was read can be written");
  const Result<Value> again = firestore::parse_value(json);
  demand(again.has_value(), "what was written can be read");
  demand(are_equal(*value, *again), "and is the same value of the same type");
  std::string twice;
  demand(firestore::append_json(twice, *again).has_value() && twice == json, "in its one form");
  return 0;
}

}  // namespace headrace::fuzz
