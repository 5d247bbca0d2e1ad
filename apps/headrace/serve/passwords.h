// serve/passwords.h: secrets that stand in files, each in the first line of its own.
//
// Threads:   any.
// Errors:    invalid_argument: the file cannot be read, or is empty.
// Lifetimes: values.
#pragma once

#include <fstream>
#include <string>
#include <utility>

#include "headrace/result.h"

namespace headrace::app {

inline constexpr const char* password_advice = "Write the password into its first line.";

// Empty where no file is named.
[[nodiscard]] inline Result<std::string> first_line_of(const std::string& file) {
  if (file.empty()) return std::string();
  std::ifstream in(file);
  std::string line;
  if (std::getline(in, line) && !line.empty()) return line;
  return failure(Code::invalid_argument, file + " cannot be read or is empty");
}

// The options of something on Valkey, with its passwords.
template <class Shared>
[[nodiscard]] Result<decltype(Shared::options)> with_passwords(const Shared& shared) {
  auto password = first_line_of(shared.password_file);
  if (!password) return std::unexpected(std::move(password.error()));
  auto of_sentinels = first_line_of(shared.sentinel_password_file);
  if (!of_sentinels) return std::unexpected(std::move(of_sentinels.error()));
  auto options = shared.options;
  options.password = std::move(*password);
  options.sentinel_password = std::move(*of_sentinels);
  return options;
}

}  // namespace headrace::app
