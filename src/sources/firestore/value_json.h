// sources/firestore/value_json.h: Firestore's values as JSON and back, without loss.
//
// The one form of each type stands in docs/firestore.md.  What is written here reads back as the
// same value of the same type; maps are written with their members sorted.
//
// Threads:   any.
// Errors:    source_failed for a value of a kind that is not known; invalid_argument for JSON that
//            is no value.
// Lifetimes: values.
#pragma once

#include <google/firestore/v1/document.pb.h>

#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::firestore {

[[nodiscard]] Result<void> append_json(std::string& json,
                                       const google::firestore::v1::Value& value);
void append_json_string(std::string& json, std::string_view text);

[[nodiscard]] Result<google::firestore::v1::Value> parse_value(std::string_view json);

}  // namespace headrace::firestore
