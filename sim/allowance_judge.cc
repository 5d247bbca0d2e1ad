#include "sim/allowance_judge.h"

#include <algorithm>

#include <fmt/format.h>

namespace headrace::sim {

AllowanceJudge::AllowanceJudge(Timeline& timeline, const Meter& meter, Oracle& oracle,
                               const AllowancePlan& plan, std::size_t hosts)
    : timeline_(timeline),
      meter_(meter),
      oracle_(oracle),
      plan_(plan),
      hosts_(hosts),
      entities_(meter.entities()),
      lease_(plan.policy.lease_amount) {}

void AllowanceJudge::take_more_at_once(HostId host, Amount amount) {
  waiting_[host] += amount;
  lease_ = std::max(lease_, waiting_[host]);
}

void AllowanceJudge::granted(HostId host, EntityNumber entity, Amount asked, const Spent& spent) {
  waiting_[host] -= asked;
  if (spent.granted < 0 || spent.granted > asked) {
    oracle_.violated(
        fmt::format("grant: instance {} granted {} of {}", host, spent.granted, asked));
  }
  Entity& one = entities_.at(entity);
  one.total += spent.granted;
  const Instant now = timeline_.now();
  one.recent.push_back({now, spent.granted});
  while (one.recent.front().at + plan_.policy.reported_within < now) one.recent.pop_front();
  const Amount balance = meter_.plan(entity);
  if (one.total <= balance + one.slack + alone()) return;
  oracle_.violated(
      fmt::format("overspent: with {} of instance {}, {} were granted of {} in all; "
                  "the slack is {}",
                  spent.granted, host, one.total, balance, one.slack + alone()));
}

void AllowanceJudge::ledger_lost() {
  for (Entity& one : entities_) {
    one.slack += static_cast<Amount>(hosts_) * lease_;
    for (const Grant& grant : one.recent) {
      if (grant.at + plan_.policy.reported_within >= timeline_.now()) one.slack += grant.amount;
    }
  }
}

Amount AllowanceJudge::alone() const {
  if (plan_.policy.without_store == WithoutStore::refuse) return 0;
  Amount leases = 0;
  for (const Instant began : lives_) {
    const Duration lasted = healed_at_.value_or(timeline_.now()) - began;
    leases += 2 + std::max(lasted, Duration::zero()) / plan_.policy.lease_lasts;
  }
  return leases * lease_;
}

}  // namespace headrace::sim
