// config/field_names.h: whether a policy names a field that its source says never to cache.
//
// Firestore has more than one spelling of one field: a name may stand in backticks, and one that is
// no plain word should.  Both sides are brought to the names themselves before they are compared.
// Letters are compared without regard to case.
//
// Threads: pure functions.  Errors: none; what is spelt wrongly is told by whoever reads it in
// full.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <string_view>

namespace headrace::config {

// How a source spells the path of a field: with points alone, or with backticks too.
enum class Spelling : std::uint8_t { points, backticks };

// Whether taking `field` would take what `secret` names, or a part of it.
[[nodiscard]] bool reveals(std::string_view field, std::string_view secret, Spelling spelling);

// Whether the text of a query has `secret` in it, and not as a part of a longer word.
[[nodiscard]] bool mentions(std::string_view query, std::string_view secret);

// The path of a field with which a filter or an order of Firestore begins.
[[nodiscard]] std::string_view field_of(std::string_view filter);

}  // namespace headrace::config
