// sim/allowance_judge.h: judges what instances grant of balances, all of them together.
//
//   grant            nobody is granted more than was asked for, or less than nothing;
//   overspent        all instances together never grant more than the balance and the slack that
//                    docs/allowances.md states: none, but where the ledger was lost or is an older
//                    one, or where an instance may go on without the store;
//   spent            in the end, without faults, all of a balance is granted;
//   gate             once there is more, and an instance was told, every instance's gate opens
//                    within the bus bound, if there is a bus; else that one's does;
//   signal           each reader sees that once, and none takes it from another.
//
// The last three are asked of a healed world (allowance_traffic.cc).
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "headrace/allowance.h"
#include "sim/meter.h"
#include "sim/oracle.h"
#include "sim/plan.h"

namespace headrace::sim {

class AllowanceJudge {
 public:
  AllowanceJudge(Timeline& timeline, const Meter& meter, Oracle& oracle, const AllowancePlan& plan,
                 std::size_t hosts);

  // Somebody waits for an answer, and has it, or never will.
  void asked(HostId host, Amount amount) { take_more_at_once(host, amount); }
  void granted(HostId host, EntityNumber entity, Amount asked, const Spent& spent);
  void gave_up(HostId host, Amount asked) { waiting_[host] -= asked; }

  // A ledger is gone, or an older one has taken its place.
  void ledger_lost();
  // Another instance begins, which may one day go on without the store.
  void instance_began() { lives_.push_back(timeline_.now()); }
  // From now on the store is within reach of all.
  void all_is_healed() { healed_at_ = timeline_.now(); }

  [[nodiscard]] Amount total(EntityNumber entity) const { return entities_.at(entity).total; }

 private:
  struct Grant {
    Instant at{};
    Amount amount = 0;
  };
  struct Entity {
    Amount total = 0;
    Amount slack = 0;  // For ledgers that were lost.
    std::deque<Grant> recent{};
  };
  void take_more_at_once(HostId host, Amount amount);
  // What was granted without a ledger, at most.
  [[nodiscard]] Amount alone() const;

  Timeline& timeline_;
  const Meter& meter_;
  Oracle& oracle_;
  const AllowancePlan& plan_;
  const std::size_t hosts_;
  std::vector<Entity> entities_;
  std::vector<Instant> lives_;
  std::optional<Instant> healed_at_;
  std::map<HostId, Amount> waiting_;
  Amount lease_;  // What an instance takes at once, at most.
};

}  // namespace headrace::sim
