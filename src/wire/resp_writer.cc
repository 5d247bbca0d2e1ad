#include "wire/resp_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace headrace::wire {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::size_t digits_max = 24;

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[digits_max];
  const auto end = std::to_chars(digits, digits + digits_max, number).ptr;
  out.append(digits, end);
}

}  // namespace

RespWriter& RespWriter::line(char kind, std::string_view text) {
  *out_ += kind;
  *out_ += text;
  *out_ += line_end;
  return *this;
}

RespWriter& RespWriter::head(char kind, std::size_t size) {
  *out_ += kind;
  append_number(*out_, size);
  *out_ += line_end;
  return *this;
}

RespWriter& RespWriter::error(std::string_view text) {
  const std::size_t begin = out_->size();
  line('-', text);
  const auto from = out_->begin() + static_cast<std::ptrdiff_t>(begin);
  const auto is_break = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(from, out_->end() - static_cast<std::ptrdiff_t>(line_end.size()), is_break, ' ');
  return *this;
}

RespWriter& RespWriter::integer(std::int64_t number) {
  *out_ += ':';
  append_number(*out_, number);
  *out_ += line_end;
  return *this;
}

RespWriter& RespWriter::bulk(std::string_view bytes) {
  char digits[digits_max];
  const auto count = static_cast<std::size_t>(
      std::to_chars(digits, digits + digits_max, bytes.size()).ptr - digits);
  const std::size_t begin = out_->size();
  const std::size_t end = begin + 1 + count + bytes.size() + 2 * line_end.size();
  // In one piece: replies are mostly this.
  out_->resize_and_overwrite(end, [&](char* text, std::size_t) {
    char* at = text + begin;
    *at++ = '$';
    at = std::copy_n(digits, count, at);
    at = std::ranges::copy(line_end, at).out;
    at = std::ranges::copy(bytes, at).out;
    std::ranges::copy(line_end, at);
    return end;
  });
  return *this;
}

RespWriter& RespWriter::bulk_integer(std::int64_t number) {
  char digits[digits_max];
  return bulk({digits, std::to_chars(digits, digits + digits_max, number).ptr});
}

RespWriter& RespWriter::verbatim(std::string_view text) {
  constexpr std::string_view format = "txt:";
  if (!is_3()) return bulk(text);
  head('=', text.size() + format.size());
  *out_ += format;
  *out_ += text;
  *out_ += line_end;
  return *this;
}

RespWriter& RespWriter::real(double number) {
  constexpr int digits = 17;  // As many as tell any two apart.
  char text[digits_max + 8];
  const int size = std::snprintf(text, sizeof text, "%.*g", digits, number);
  const std::string_view shown(text, static_cast<std::size_t>(size));
  return is_3() ? line(',', shown) : bulk(shown);
}

RespWriter& RespWriter::truth(bool is_true) {
  if (!is_3()) return integer(is_true ? 1 : 0);
  return line('#', is_true ? "t" : "f");
}

RespWriter& RespWriter::null() {
  *out_ += is_3() ? "_\r\n" : "$-1\r\n";
  return *this;
}

RespWriter& RespWriter::null_array() {
  *out_ += is_3() ? "_\r\n" : "*-1\r\n";
  return *this;
}

}  // namespace headrace::wire
