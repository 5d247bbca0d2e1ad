#include "cache/admission.h"

namespace headrace {

Admission::Turn Admission::turn(Instant deadline, std::stop_token stop) {
  return {shared_from_this(), deadline, std::move(stop)};
}

bool Admission::enter(Turn& turn, std::coroutine_handle<> awaiting) {
  const std::scoped_lock lock(mutex_);
  if (calls_ < calls_max_ && line_.empty()) {
    ++calls_;
    return false;
  }
  let_go();  // Those at the head have waited longest: who is too late by now makes room.
  if (line_.size() >= options_.queue_max) {
    turn.outcome_ = Turn::Outcome::too_many;
    ++turned_away_total_;
    return false;
  }
  ++waited_total_;
  line_.emplace_back(&turn, awaiting);
  return true;
}

std::optional<Admission::Permit> Admission::spare() {
  const std::scoped_lock lock(mutex_);
  if (2 * calls_ >= calls_max_) return std::nullopt;
  ++calls_;
  return Permit(shared_from_this());
}

void Admission::leave() {
  const std::scoped_lock lock(mutex_);
  --calls_;
  let_go();
}

// By way of the executor: a call that ends at once would let in the next from inside the last, and
// so on as deep as the line is long.
void Admission::let_go() {
  while (!line_.empty()) {
    const auto [turn, waiting] = line_.front();
    const bool is_unwanted = turn->stop_.stop_requested();
    const bool is_late = clock_.now() >= turn->deadline_;
    if (is_unwanted || is_late) {
      turn->outcome_ = is_unwanted ? Turn::Outcome::unwanted : Turn::Outcome::late;
      ++turned_away_total_;
    } else if (calls_ < calls_max_) {
      ++calls_;
    } else {
      return;
    }
    line_.pop_front();
    executor_.post([waiting] { waiting.resume(); });
  }
}

void Admission::set_calls_max(std::size_t calls_max) {
  const std::scoped_lock lock(mutex_);
  calls_max_ = calls_max;
  let_go();
}

BudgetStats Admission::stats() const {
  const std::scoped_lock lock(mutex_);
  return {.budget = name_,
          .calls = calls_,
          .calls_max = calls_max_,
          .waiting = line_.size(),
          .waited_total = waited_total_,
          .turned_away_total = turned_away_total_};
}

Error Admission::Turn::refusal() const {
  const std::string budget = "the budget \"" + of_->name_ + "\" of the source ";
  switch (outcome_) {
    case Outcome::late:
      return {.code = Code::timed_out,
              .what = budget + "was spent until the load's deadline (source_calls_max)"};
    case Outcome::unwanted:
      return {.code = Code::cancelled, .what = "nobody waits for this load any more"};
    case Outcome::too_many:
    case Outcome::let_in: break;
  }
  return {.code = Code::refused,
          .what = budget + "has more than " + std::to_string(of_->options_.queue_max) + " waiting"};
}

}  // namespace headrace
