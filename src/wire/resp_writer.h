// wire/resp_writer.h: replies of the Redis protocol, appended to a text.
//
//   RespWriter out(text, 3);
//   out.map(1).bulk("server").bulk("redis");
//
// To a client of version 2 what only version 3 has becomes what version 2 has instead: a map an
// array of keys and values, a push an array, a truth a number.
//
// Threads:   a writer belongs to one thread at a time.
// Errors:    none; an error's text has no line ends, or they become blanks.
// Lifetimes: refers to the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace headrace::wire {

class RespWriter {
 public:
  RespWriter(std::string& out, int version) noexcept : out_(&out), version_(version) {}

  RespWriter& simple(std::string_view text) { return line('+', text); }
  RespWriter& ok() { return simple("OK"); }
  // With its first word: "ERR syntax error".
  RespWriter& error(std::string_view text);
  RespWriter& integer(std::int64_t number);
  RespWriter& bulk(std::string_view bytes);
  RespWriter& bulk_integer(std::int64_t number);
  // Text for people; REQUIRES that it be so in version 2 as well.
  RespWriter& verbatim(std::string_view text);
  RespWriter& real(double number);
  RespWriter& truth(bool is_true);
  RespWriter& null();
  RespWriter& null_array();

  // Heads: so many replies follow, of a map twice as many.
  RespWriter& array(std::size_t size) { return head('*', size); }
  RespWriter& map(std::size_t size) { return is_3() ? head('%', size) : head('*', size * 2); }
  RespWriter& set(std::size_t size) { return head(is_3() ? '~' : '*', size); }
  RespWriter& push(std::size_t size) { return head(is_3() ? '>' : '*', size); }

  [[nodiscard]] int version() const noexcept { return version_; }
  [[nodiscard]] bool is_3() const noexcept { return version_ == 3; }
  [[nodiscard]] std::string& text() const noexcept { return *out_; }

 private:
  RespWriter& line(char kind, std::string_view text);
  RespWriter& head(char kind, std::size_t size);

  std::string* out_;
  int version_;
};

}  // namespace headrace::wire
