// stores/valkey/sight.h: how a slot, what stands beside it and watermarks are read: in one command
// where one server has them all, else one by one, each where it is.
//
// What stands beside is read with the slot or after it, never before.
//
// Threads:   functions of their arguments alone.
// Errors:    store_unavailable: the answers are not what was asked for.
// Lifetimes: a Sight points into the answers that it keeps.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "valkey/router.h"

namespace headrace::valkey {

// What an error among the replies says, but for a script that a server has lost.
[[nodiscard]] std::optional<Error> first_error(const Answers& answers);

// The names of what is to be read.
struct Question {
  std::string slot{};
  std::string beside{};
  std::vector<std::string> marks{};
  std::size_t head_bytes = 0;  // Of the slot's record no more than that; 0: all of it.
};
[[nodiscard]] std::vector<Ask> asks_of(const Question& question, const Router& router);

struct Sight {
  std::string_view record{};
  std::string_view beside{};
  std::vector<std::string_view> marks{};
  std::shared_ptr<Server> server{};  // That has the slot.
  Token incarnation{};
  Answers answers{};
};
[[nodiscard]] Result<Sight> read_sight(const Question& question, Answers answers,
                                       const Router& router);

}  // namespace headrace::valkey
