// kit/clean_environment.h: this process's environment without what would steer the program.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

namespace headrace::kit {

// REQUIRES: no other thread runs.
inline void clean_environment() {
  std::vector<std::string> names;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const std::string_view name = entry.substr(0, entry.find('='));
    if (name.starts_with("HEADRACE_") || name == "PORT") names.emplace_back(name);
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

}  // namespace headrace::kit
