// config/parts.h: the parts of a configuration that are read apart.
//
// Threads: belong to one thread.  Errors: go into the report.  Lifetimes: nothing is kept.
#pragma once

#include <string>

#include "config/section.h"

namespace headrace::config {

// [sources.NAME]
void read_source(Config& config, std::string name, Section section);
// [policies.NAME].  REQUIRES: all sources have been read.
void read_policy(Config& config, std::string name, Section section);

}  // namespace headrace::config
