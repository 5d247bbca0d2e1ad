// Firestore's values as JSON: what is read is written in its one form, and reads back as the same.
#include <google/protobuf/util/message_differencer.h>

#include "input.h"
#include "sources/firestore/value_json.h"

namespace headrace::fuzz {

namespace {

using google::firestore::v1::Value;

bool are_equal(const Value& a, const Value& b) {
  google::protobuf::util::DefaultFieldComparator comparator;
  comparator.set_treat_nan_as_equal(true);
  google::protobuf::util::MessageDifferencer differencer;
  differencer.set_field_comparator(&comparator);
  return differencer.Compare(a, b);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Result<Value> value = firestore::parse_value(text_of(bytes, size));
  if (!value) {
    demand(value.error().code == Code::invalid_argument, "what is no value is the writer's fault");
    demand(!value.error().what.empty(), "and is told");
    return 0;
  }
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
