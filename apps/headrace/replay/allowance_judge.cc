#include "replay/allowance_judge.h"

#include <algorithm>

namespace headrace::replay {

void AllowanceJudge::start_at(std::uint64_t account, Amount plan, Amount used, Instant at) {
  const std::lock_guard lock(mutex_);
  accounts_[account] = {.plan = plan,
                        .used = used,
                        .limit = std::max(plan, used),
                        .followed_at = at + limits_.follows_within};
}

void AllowanceJudge::plan_begun(std::uint64_t account, Amount plan) {
  const std::lock_guard lock(mutex_);
  Account& of = accounts_.at(account);
  of.changing = true;
  of.plan = plan;
  of.limit = std::max(of.limit, plan);
}

void AllowanceJudge::plan_known(std::uint64_t account, Instant at) {
  const std::lock_guard lock(mutex_);
  Account& of = accounts_.at(account);
  of.changing = false;
  ++of.change;
  of.followed_at = at + limits_.follows_within;
  const Amount shrunk = std::max(of.plan, of.used);
  if (shrunk < of.limit) of.limit = std::min(of.limit, shrunk + limits_.slack);
}

AllowanceJudge::Check AllowanceJudge::check_begin(std::uint64_t account, Instant at) const {
  const std::lock_guard lock(mutex_);
  return {.account = account, .began = at, .change = accounts_.at(account).change};
}

Judgement AllowanceJudge::check_end(const Check& check, Amount granted) {
  const std::lock_guard lock(mutex_);
  Account& of = accounts_.at(check.account);
  const bool is_settled = !of.changing && check.change == of.change;
  const bool has_followed = is_settled && check.began >= of.followed_at;
  // The slack is of the time until all have followed; what was granted by then stays granted.
  if (has_followed) of.limit = std::max(of.plan, std::min(of.used, of.limit));
  const Amount left = of.plan - of.used;
  of.used += granted;
  Judgement judgement;
  if (granted > 0 && of.used > of.limit) {
    // What began under another plan may be granted by that, and then was there before.
    if (is_settled) judgement.finding = Finding::overspent;
    of.limit = of.used;
  }
  if (granted == 0 && has_followed && left > limits_.plenty) judgement.finding = Finding::late;
  return judgement;
}

AllowanceJudge::State AllowanceJudge::state(std::uint64_t account) const {
  const std::lock_guard lock(mutex_);
  const Account& of = accounts_.at(account);
  return {.plan = of.plan, .used = of.used};
}

}  // namespace headrace::replay
