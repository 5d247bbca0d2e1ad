// server/http/version_tag.h: the ETag of a record's content, and the conditions that name it.
//
// A record has two representations: its bytes, "v42", and the JSON envelope of /cache, "v42.j".
// Conditions on a write take either.
//
// Threads:   values; functions of their arguments.
// Errors:    condition_of(): bad-request, for a header that is no list of tags.
// Lifetimes: the view is of the tag.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "headrace/operations.h"
#include "headrace/records.h"
#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

enum class Form : std::uint8_t { bytes, envelope };

// In quotes.
class VersionTag {
 public:
  VersionTag(const Record& record, Form form) noexcept {
    text_[0] = '"';
    text_[1] = 'v';
    char* end = text_.data() + text_.size();
    end = std::to_chars(text_.data() + 2, end, content_version_of(record)).ptr;
    for (const char c : form == Form::envelope ? std::string_view(".j\"") : "\"") *end++ = c;
    size_ = static_cast<std::size_t>(end - text_.data());
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 2 + 20 + 3> text_{};
  std::size_t size_ = 0;
};

// What If-Match and If-None-Match want, in the order of RFC 9110, 13.2.2: the first that does not
// hold decides, and each is the end of a write.
[[nodiscard]] Outcome<Condition> condition_of(const wire::Headers& headers);

}  // namespace headrace::http
