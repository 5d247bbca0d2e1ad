#include "stores/valkey/sight.h"

#include <algorithm>
#include <utility>

namespace headrace::valkey {

namespace {

void ask_record(RespCommands& commands, const Question& question) {
  if (question.head_bytes == 0) {
    commands.add({"GET", question.slot});
  } else {
    commands.add({"GETRANGE", question.slot, "0", std::to_string(question.head_bytes - 1)});
  }
}

// One moment is seen.
Ask ask_together(const Question& question) {
  Ask ask;
  std::vector<std::string_view> words;
  words.reserve(3 + question.marks.size());
  words.emplace_back("MGET");
  if (question.head_bytes == 0) {
    words.push_back(question.slot);
  } else {
    ask_record(ask.commands, question);
  }
  words.push_back(question.beside);
  words.insert(words.end(), question.marks.begin(), question.marks.end());
  ask.commands.add(words);
  return ask;
}

Result<Sight> read_together(const Question& question, Answers answers) {
  const Answer& answer = answers.all.front();
  const std::vector<RespValue>& got = answer.values.back().items;
  const bool has_record = question.head_bytes == 0;
  const std::size_t first_mark = has_record ? 2 : 1;
  if (got.size() != first_mark + question.marks.size()) {
    return failure(Code::store_unavailable,
                   answer.server->name + ": MGET answers another number of values");
  }
  Sight sight{.record = has_record ? got[0].text : answer.values.front().text,
              .beside = got[first_mark - 1].text,
              .server = answer.server,
              .incarnation = answers.incarnation};
  sight.marks.reserve(question.marks.size());
  for (std::size_t i = first_mark; i < got.size(); ++i) sight.marks.push_back(got[i].text);
  sight.answers = std::move(answers);
  return sight;
}

}  // namespace

std::optional<Error> first_error(const Answers& answers) {
  for (const Answer& answer : answers.all) {
    const auto found = std::ranges::find_if(answer.values, [](const RespValue& value) {
      return value.is_error() && !value.text.starts_with("NOSCRIPT");
    });
    if (found == answer.values.end()) continue;
    return Error{.code = Code::store_unavailable,
                 .what = answer.server->name + ": " + std::string(found->text)};
  }
  return std::nullopt;
}

std::vector<Ask> asks_of(const Question& question, const Router& router) {
  std::vector<Ask> asks;
  if (router.is_one()) {
    asks.push_back(ask_together(question));
    return asks;
  }
  // Two commands and not one with two names, which a node refuses while their slot moves.
  asks.push_back({.slot = router.slot_of(question.slot)});
  ask_record(asks.back().commands, question);
  asks.back().commands.add({"GET", question.beside});
  for (const std::string& mark : question.marks) {
    asks.push_back({.slot = router.slot_of(mark)});
    asks.back().commands.add({"GET", mark});
  }
  return asks;
}

Result<Sight> read_sight(const Question& question, Answers answers, const Router& router) {
  if (router.is_one()) return read_together(question, std::move(answers));
  const Answer& first = answers.all.front();
  Sight sight{.record = first.values[0].text,
              .beside = first.values[1].text,
              .server = first.server,
              .incarnation = answers.incarnation};
  for (std::size_t i = 1; i < answers.all.size(); ++i) {
    sight.marks.push_back(answers.all[i].values.front().text);
  }
  sight.answers = std::move(answers);
  return sight;
}

}  // namespace headrace::valkey
