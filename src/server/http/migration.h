// server/http/migration.h: a migration between two stores, as the routes see it.
//
// Threads:   any.
// Errors:    set_phase() returns not_allowed where the phase may not follow, or not yet.
// Lifetimes: what the functions borrow must outlive the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace::http {

struct MigrationView {
  std::string_view phase{};
  std::string_view configured{};  // Of the next start.
  std::string from{};
  std::string to{};
  Duration since{0};
  Duration new_in{0};  // How much longer the phase "new" is refused.
  std::uint64_t copied_total = 0;
  std::uint64_t left_out_total = 0;
  std::uint64_t failed_total = 0;
  std::size_t copying = 0;
};

struct MigrationControl {
  std::vector<std::string_view> phases{};  // Empty: there is no migration.
  std::function<MigrationView()> view{};
  // REQUIRES: one of `phases`.
  std::function<Task<Result<void>>(std::string)> set_phase{};
};

}  // namespace headrace::http
