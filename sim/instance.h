// sim/instance.h: one process: a host, its ways, and a real engine on them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/engine.h"
#include "headrace/feed_cover.h"
#include "headrace/merge.h"
#include "headrace/revision.h"
#include "sim/channel.h"
#include "sim/disk.h"
#include "sim/meter.h"
#include "sim/mover.h"
#include "sim/oracle.h"
#include "sim/plan.h"
#include "sim/shelf.h"
#include "sim/snapshot_judge.h"

namespace headrace::sim {

// What all instances of a world share.
struct Surroundings {
  const Plan& plan;
  Timeline& timeline;
  Truth& truth;
  Oracle& oracle;
  Shelf& shelf;
  Shelf& new_shelf;
  MovingPhase phase;  // In which it starts, if the plan moves.
  Channel& channel;
  Disk& disk;  // Of the machine on which it starts.
  const Weather& store_weather;
  const Weather& source_weather;
  const Weather& bus_weather;
  const Delivery& bus_delivery;
  std::function<void(const std::string&)> note;  // For the story.
  Tables& tables;
  SnapshotJudge& snapshot_judge;
  const Meter& meter;
};

class Instance {
 public:
  Instance(const Surroundings& around, HostId id, const Host::Traits& traits, std::uint64_t seed);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] HostId id() const noexcept { return host_.id(); }
  [[nodiscard]] Instant since() const noexcept { return since_; }
  [[nodiscard]] Host& host() noexcept { return host_; }
  [[nodiscard]] Link& to_store() noexcept { return to_store_; }
  [[nodiscard]] Link& to_new_store() noexcept { return to_new_store_; }
  [[nodiscard]] Link& to_source() noexcept { return to_source_; }
  [[nodiscard]] Link& to_bus() noexcept { return to_bus_; }
  [[nodiscard]] ChannelBus& bus() noexcept { return bus_; }
  [[nodiscard]] bool is_dead() const noexcept { return host_.is_dead(); }
  // REQUIRES: it lives.
  [[nodiscard]] Engine& engine() noexcept { return *engine_; }
  [[nodiscard]] const PolicyHandle& policy(PolicyNumber number) const {
    return policies_.at(number);
  }
  [[nodiscard]] bool lives() const noexcept { return engine_ != nullptr; }
  [[nodiscard]] bool acts() const noexcept {
    return lives() && !host_.is_dead() && !host_.stands_still();
  }
  [[nodiscard]] bool is_quiet() const;

  // Between two events the process is no more.  False if its code did not come to its end.
  [[nodiscard]] bool crash();
  // Ends the engine in an orderly way; `ended` is called then.
  void close(std::function<void()> ended);
  void end() { engine_.reset(); }
  // If the plan moves.
  [[nodiscard]] Mover& mover() noexcept { return *mover_; }
  [[nodiscard]] bool moves_nothing() const { return !mover_ || mover_->is_quiet(); }
  // If the plan has one.
  [[nodiscard]] Snapshot& snapshot() noexcept { return *snapshot_; }
  [[nodiscard]] const MergedView& view() const noexcept { return *view_; }
  [[nodiscard]] Allowances& allowances() noexcept { return *allowances_; }
  // Of the first balance, each with a gate of its own.
  static constexpr std::size_t readers = 2;
  [[nodiscard]] bool gates_are_open() const;
  // How many of them see a change since they looked last.
  [[nodiscard]] std::size_t changes_seen();
  // What nobody may leave behind, reads of snapshots and views, and spends.
  [[nodiscard]] int& errands() noexcept { return errands_; }
  // None of these is at anything.
  [[nodiscard]] bool is_still() const;
  // If the plan has a feed: since its last proof; none: there was none.
  [[nodiscard]] std::optional<Duration> proved_ago() const;

 private:
  class Watch;

  [[nodiscard]] Store* store(const Plan& plan);
  void begin_feed(const Plan& plan, Outbox& outbox);
  // views.cc
  [[nodiscard]] PolicyHandle defined(const Policy& policy, std::shared_ptr<Source> source);
  void make_snapshot(const Surroundings& around, std::uint64_t seed);
  void make_view(const Surroundings& around);
  void open_allowances(const Surroundings& around);
  // The engine last.
  [[nodiscard]] Task<void> close_all();

  const Instant since_;
  Host host_;
  Link to_store_;
  Link to_new_store_;
  Link to_source_;
  Link to_bus_;
  const Weather disk_weather_{.delay_max = std::chrono::milliseconds(10)};
  Link to_disk_;
  Link to_feed_;
  ShelfStore store_;
  std::unique_ptr<Mover> mover_;
  ChannelBus bus_;
  DiskJournal journal_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::unique_ptr<HostBuilds> builds_;
  int errands_ = 0;
  std::unique_ptr<Engine> engine_;
  std::vector<PolicyHandle> policies_;
  std::unique_ptr<FeedCover> cover_;
  std::unique_ptr<OutboxFeed> feed_;
  std::shared_ptr<Snapshot> snapshot_;
  std::shared_ptr<const MergedView> view_;
  std::unique_ptr<Allowances> allowances_;
  std::vector<AllowanceGate> gates_;
};

}  // namespace headrace::sim
