#include "stores/valkey/looks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "io/loops.h"

namespace headrace::valkey {

namespace {

struct Mention {
  WatermarkId id{};
  std::size_t at = 0;  // Among all that are mentioned.

  [[nodiscard]] auto order() const noexcept { return std::pair(id.high, id.low); }
};

}  // namespace

// Records with what stands beside each, and then every watermark once.
struct Looks::Question {
  std::vector<std::string> names{};  // Of what stands beside; a slot's has one letter less.
  std::vector<std::string> marks{};
  std::vector<std::size_t> places{};  // Of each look's marks among them, one look after the other.
};

Looks::Looks(Runtime& runtime, const Names& names, Router& router)
    : runtime_(runtime), names_(names), router_(router), queues_(runtime.loops().count()) {}

bool Looks::are_here() const noexcept {
  return runtime_.loops().current().has_value();
}

void Looks::join(Look& look) {
  Queue& queue = queues_[*runtime_.loops().current()];
  queue.waiting.push_back(&look);
  if (queue.is_on_its_way) return;
  queue.is_on_its_way = true;
  runtime_.post([this, &queue] { go(queue); });
}

void Looks::go(Queue& queue) {
  queue.is_on_its_way = false;
  const std::vector<Look*> all = std::exchange(queue.waiting, {});
  for (std::span<Look* const> rest = all; !rest.empty();) {
    const std::size_t count = together(queue, rest);
    start(see(queue, {rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count)}));
    rest = rest.subspan(count);
  }
}

std::size_t Looks::together(const Queue& queue, std::span<Look* const> looks) {
  if (!queue.is_answered.load(std::memory_order_relaxed)) return 1;
  const std::size_t record_bytes = queue.record_bytes.load(std::memory_order_relaxed);
  std::size_t count = 0, bytes = 0;
  while (count < std::min(looks.size(), together_max)) {
    const std::size_t head_bytes = looks[count]->head_bytes_;
    bytes += head_bytes > 0 ? head_bytes : record_bytes;
    if (count > 0 && bytes > bytes_aimed_at) break;
    ++count;
  }
  return count;
}

Task<void> Looks::see(Queue& queue, std::vector<Look*> looks) {
  const Question question = question_of(looks);
  std::vector<Ask> asks(1);
  asks.front().commands = commands_of(looks, question);
  auto asking = router_.ask(std::move(asks), Copies::as_they_come);
  const Result<Answers> answers = co_await std::move(asking);
  if (answers) {
    answer(looks, question, *answers);
  } else {
    refuse(looks, answers.error());
  }
  learn(queue, looks, answers.has_value());
  // Once it goes on, a look is gone.
  for (const Look* look : looks) look->reader_.resume();
}

// What is large is known at once, and that it is not after a few answers.  A head says nothing of
// its record.
void Looks::learn(Queue& queue, std::span<Look* const> looks, bool is_answered) {
  queue.is_answered.store(is_answered, std::memory_order_relaxed);
  std::size_t largest = 0;
  for (const Look* look : looks) {
    const bool is_whole = look->head_bytes_ == 0 && look->seen_;
    if (is_whole) largest = std::max(largest, look->seen_->record.size());
  }
  if (largest == 0) return;
  const std::size_t before = queue.record_bytes.load(std::memory_order_relaxed);
  queue.record_bytes.store(std::max(largest, before / 2), std::memory_order_relaxed);
}

Looks::Question Looks::question_of(std::span<Look* const> looks) const {
  Question question;
  question.names.reserve(looks.size());
  std::vector<Mention> mentions;
  for (const Look* look : looks) {
    question.names.push_back(names_.beside(look->key_));
    for (const WatermarkId& id : look->ids_) mentions.push_back({.id = id, .at = mentions.size()});
  }
  std::ranges::sort(mentions, {}, &Mention::order);
  question.places.resize(mentions.size());
  for (std::size_t i = 0; i < mentions.size(); ++i) {
    const bool is_new = i == 0 || !(mentions[i].id == mentions[i - 1].id);
    if (is_new) question.marks.push_back(names_.watermark(mentions[i].id));
    question.places[mentions[i].at] = question.marks.size() - 1;
  }
  return question;
}

// What stands beside is read with the slot or after it.  Of several each record is an answer of its
// own: how long one may be is not for all of them together.
RespCommands Looks::commands_of(std::span<Look* const> looks, const Question& question) {
  RespCommands commands;
  std::vector<std::string_view> words{"MGET"};
  words.reserve(2 + question.names.size() + question.marks.size());
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const std::string_view beside = question.names[i];
    const std::string_view slot = beside.substr(0, beside.size() - 1);
    if (looks[i]->head_bytes_ > 0) {
      commands.add({"GETRANGE", slot, "0", std::to_string(looks[i]->head_bytes_ - 1)});
    } else if (looks.size() > 1) {
      commands.add({"GET", slot});
    } else {
      words.push_back(slot);
    }
    words.push_back(beside);
  }
  words.insert(words.end(), question.marks.begin(), question.marks.end());
  commands.add(words);
  return commands;
}

void Looks::answer(std::span<Look* const> looks, const Question& question, const Answers& answers) {
  const Answer& answer = answers.all.front();
  const RespValue& got = answer.values.back();
  const auto error = [&answer](std::string_view what) {
    return Error{.code = Code::store_unavailable,
                 .what = answer.server->name + ": " + std::string(what)};
  };
  if (got.is_error()) return refuse(looks, error(got.text));
  const bool is_inside = answer.values.size() == 1;  // The only record.
  const std::size_t first_beside = is_inside ? 1 : 0;
  const std::size_t first_mark = first_beside + looks.size();
  if (got.items.size() != first_mark + question.marks.size()) {
    return refuse(looks, error("MGET answers another number of values"));
  }
  auto place = question.places.begin();
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const RespValue& record = is_inside ? got.items[0] : answer.values[i];
    Sight sight{.record = record.text,
                .beside = got.items[first_beside + i].text,
                .server = answer.server,
                .incarnation = answers.incarnation};
    sight.marks.reserve(looks[i]->ids_.size());
    for (std::size_t mark = 0; mark < looks[i]->ids_.size(); ++mark) {
      sight.marks.push_back(got.items[first_mark + *place++].text);
    }
    if (record.is_error()) {
      looks[i]->seen_ = std::unexpected(error(record.text));
    } else {
      looks[i]->seen_ = std::move(sight);
    }
  }
}

void Looks::refuse(std::span<Look* const> looks, const Error& error) {
  for (Look* look : looks) look->seen_ = std::unexpected(error);
}

}  // namespace headrace::valkey
