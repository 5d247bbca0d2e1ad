// serve/environment.h: the environment, as configurations read it.
//
// Threads:   not while somebody changes it.
// Errors:    none.
// Lifetimes: a copy.
#pragma once

#include <unistd.h>

#include <string_view>

#include "config/config.h"

namespace headrace::app {

[[nodiscard]] inline config::Environment environment() {
  config::Environment all;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos)
      all.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return all;
}

}  // namespace headrace::app
