// serve/mismatch_log.h: what the log says of mismatches, and of policies that they have switched.
//
// A line for each mismatch, few at a time: what is beyond is only counted.  No line has an entity
// or a value; /v1/policies/{name}/mismatches has the entities.
//
// Threads:   belongs to the thread that calls look().
// Errors:    none.
// Lifetimes: borrows the engine for the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "headrace/engine.h"

namespace headrace::app {

class MismatchLog {
 public:
  static constexpr std::size_t lines_max = 5;  // Of each policy and look.

  // Says what is new since the last look.
  void look(const Engine& engine);

 private:
  struct Told {
    std::uint64_t number = 0;  // Of the last mismatch ...
    bool switched = false;     // ... and whether the switch was told of.
  };
  void tell(const Engine& engine, const PolicyView& view, Told& told);

  std::map<std::string, Told> told_;  // Of each policy there is.
};

}  // namespace headrace::app
