// sim/world.h: one world: a plan, carried out, healed, and judged.
//
// Several instances of the real engine, one source, one shared store, one thread, one time.  First
// the plan's steps happen, with all its faults; then everything heals and comes to rest; then what
// is left behind is looked at: every answer, every count, every record.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/rare.h"
#include "sim/allowance_judge.h"
#include "sim/instance.h"
#include "sim/linear.h"
#include "sim/merged_judge.h"
#include "sim/oracle.h"
#include "sim/plan.h"

namespace headrace::sim {

class World {
 public:
  struct Outcome {
    std::optional<std::string> violation{};
    std::uint64_t trace = 0;  // The same for the same plan, always.
    std::uint64_t events = 0;
    std::uint64_t answers = 0;
    Duration simulated{0};
    std::vector<std::string> story{};  // What happened, if it was asked for.
  };

  [[nodiscard]] static Outcome run(const Plan& plan, bool tell);

 private:
  // An invalidation under way, and whose it is.
  struct Invalidating {
    HostId host = 0;
    std::size_t machine = 0;
    Oracle::Invalidation what{};
    bool returned = false;
    bool held = false;
    bool waits = false;  // Until it holds everywhere.
    bool dies = false;   // Its instance, as soon as it has returned.
  };

  World(const Plan& plan, bool tell);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Whether a rare branch is taken in the world that runs now: there is one at a time.
  [[nodiscard]] static bool rare_branch(Rare hook);

  void start_instance(std::size_t place);
  void perform(const Step& step);
  void read(Instance& instance, const Step& step);
  void peek(Instance& instance, const Step& step);
  void read_many(Instance& instance, const Step& step);
  void ask(Instance& instance, Place place, ReadOptions options, bool must_answer);
  void await(Instance& instance, Place place, Level level, AnyLookup lookup, bool must_answer);
  void write_through(Instance& instance, const Step& step);
  void update(Instance& instance, const Step& step);
  void update_ended(const Instance& instance, std::uint64_t number,
                    const Result<UpdateOutcome>& outcome);
  // The engine has made this version since `began`, and invalidated what was before.
  void written(HostId host, EntityNumber entity, Instant began, const WriteOutcome& outcome);
  void roll(Instance& instance, const Step& step);
  void write(Instance& instance, const Step& step);
  void write_guarded(Instance& instance, const Step& step);
  Task<Result<void>> change(Instance* instance, Step step, Duration time_left,
                            std::size_t operation);
  void check_registers();
  // snapshot_traffic.cc
  void read_snapshot(Instance& instance, const Step& step);
  void ask_snapshot(Instance& instance, EntityNumber entity, SnapshotRead options,
                    std::optional<std::string_view> must_answer);
  void change_rows(const Step& step);
  // merged_traffic.cc
  void read_merged(Instance& instance, const Step& step);
  void ask_view(Instance& instance, std::optional<std::string> user, ReadOptions options,
                bool must_answer);
  void edit(Instance& instance, const Step& step);
  void invalidate_cell(Instance& instance, CellNumber cell);
  void look_at_views();
  // allowance_traffic.cc
  void spend(Instance& instance, const Step& step);
  void ask_for_more(Instance& instance, EntityNumber entity, Amount amount,
                    Duration reported_after);
  void spent_there(const Instance& instance, EntityNumber entity, Amount amount, const Spent& spent,
                   Duration reported_after);
  void top_up(Instance& instance, const Step& step);
  void signal(Instance& instance, EntityNumber entity);
  [[nodiscard]] std::size_t ledgers();
  void spend_all();
  void open_gates();
  void change_steadily();
  void look_for_rebuilds();
  void invalidate(Instance& instance, const Step& step, std::vector<PolicyNumber> policies);
  void put(Instance& instance, const Step& step);
  void change_outside(const Step& step);
  void bump(Instance& instance, const Step& step);
  void stand_still(Instance& instance, const Step& step, bool frozen);
  void spoil_disk(const Step& step);
  void crash(std::size_t place, Duration away);
  void crash_now(HostId host);
  void trouble(const Step& step);
  void cut_bus(const Step& step);
  // move.cc
  void move(const Step& step);
  [[nodiscard]] bool may_move(std::size_t place, MovingPhase to) const;
  void fill_back(const Step& step);
  void swallow_words_of(HostId host);
  void switch_off(const Step& step);
  void take_away(Weather& weather, int& downs, Duration length);
  void heal();
  void come_to_rest();
  void look_at_everything();
  void close_all();

  // Runs until `done` or until that much time has passed; true if done.
  template <class Done>
  bool run_until(Done done, Duration at_most) {
    const Instant end = timeline_.now() + at_most;
    while (!done()) {
      if (oracle_.violation()) return false;
      if (!timeline_.step(end)) return done();
    }
    return true;
  }
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }
  void change_policy(Instance& instance, const Step& step, const PolicyChange& change,
                     std::string_view to);
  [[nodiscard]] Invalidating* call(Instance& instance, const std::vector<Place>& covered);
  void returned(const Instance& instance, Invalidating& invalidating, const Result<Held>& held,
                std::string_view what);
  // On which machine an instance runs.
  [[nodiscard]] std::size_t machine_of(HostId host) const;
  [[nodiscard]] std::vector<PolicyNumber> every_policy() const;
  [[nodiscard]] Invalidation::KeyName named(Place place) const;
  [[nodiscard]] std::vector<Place> places(const std::vector<PolicyNumber>& policies,
                                          std::optional<EntityNumber> entity) const;
  template <class Say>
  void tell(Say say) {
    if (!tell_) return;
    const double at = std::chrono::duration<double>(timeline_.now().time_since_epoch()).count();
    story_.push_back(fmt::format("{:12.6f}  {}", at, say()));
  }
  void begin(HostId host) { ++under_way_[host]; }
  void end(HostId host) {
    const auto known = under_way_.find(host);
    if (known != under_way_.end() && --known->second == 0) under_way_.erase(known);
  }

  const Plan& plan_;
  const bool tell_;
  Timeline timeline_;
  Truth truth_;
  Chance rare_chance_;
  Oracle oracle_;
  Tables tables_;
  SnapshotJudge snapshot_judge_;
  MergedJudge merged_judge_;
  Meter meter_;
  AllowanceJudge allowance_judge_;
  Shelf shelf_;
  Shelf new_shelf_;
  std::vector<MovingPhase> phases_;        // Of each place, as its configuration says.
  std::optional<Instant> all_dual_since_;  // None: somebody is off.
  bool new_is_true_ = false;  // It was emptied since then: nothing is there from before.
  Weather store_weather_;
  Weather source_weather_;
  Channel channel_;
  Weather bus_weather_;
  Delivery bus_delivery_;
  int store_downs_ = 0;
  int source_downs_ = 0;
  int bus_downs_ = 0;
  bool healed_ = false;
  HostId last_host_ = 0;
  std::vector<Disk> disks_;
  std::vector<std::unique_ptr<Instance>> instances_;  // By their place; none between two lives.
  std::vector<std::unique_ptr<Instance>> dead_;  // What is still on its way may point into them.
  std::vector<std::unique_ptr<Invalidating>> invalidating_;
  std::map<EntityNumber, int> putting_;
  std::vector<std::vector<Operation>> registers_;  // Of each entity, where writes are guarded.
  std::map<HostId, int> under_way_;  // What was begun at each instance, and has not ended.
  std::vector<std::string> story_;
};

}  // namespace headrace::sim
