#include "chaos/faults.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "kit/eventually.h"

namespace headrace::chaos {

namespace {

using kit::Toward;
using sim::Chance;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t any_of(Fleet& fleet, Chance& chance) {
  return static_cast<std::size_t>(chance.below(fleet.size()));
}

Toward any_way(Chance& chance) {
  return chance.percent(50) ? Toward::server : Toward::client;
}

kit::TcpGate& any_gate(Fleet& fleet, Chance& chance) {
  Instance& one = fleet.instance(any_of(fleet, chance));
  return chance.percent(60) ? one.store_gate() : one.bus_gate();
}

void restore_gates(Fleet& fleet) {
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    fleet.instance(i).store_gate().restore();
    fleet.instance(i).bus_gate().restore();
  }
}

class Calm final : public Fault {
 public:
  void begin(Fleet&, Chance&) override {}
  void heal(Fleet&, Chance&) override {}
};

// What the network does to the instances' connections.
class Network : public Fault {
 public:
  void begin(Fleet&, Chance&) override {}
  void heal(Fleet& fleet, Chance&) override { restore_gates(fleet); }
};

class Delay final : public Network {
 public:
  void begin(Fleet& fleet, Chance& chance) override {
    for (std::size_t i = 0; i < fleet.size(); ++i) {
      for (kit::TcpGate* gate : {&fleet.instance(i).store_gate(), &fleet.instance(i).bus_gate()}) {
        gate->delay(any_way(chance), milliseconds(chance.below(200)));
      }
    }
  }
};

class Cut final : public Network {
 public:
  void go_on(Fleet& fleet, Chance& chance) override {
    kit::TcpGate& gate = any_gate(fleet, chance);
    if (chance.percent(30)) gate.refuse();
    gate.cut();
    if (chance.percent(50)) any_gate(fleet, chance).accept();
  }
};

class HalfClose final : public Network {
 public:
  void go_on(Fleet& fleet, Chance& chance) override {
    any_gate(fleet, chance).half_close(any_way(chance));
  }
};

class Stall final : public Network {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(3), .rests = seconds(3)}; }
  void begin(Fleet& fleet, Chance& chance) override {
    for (int i = 0; i < 3; ++i) any_gate(fleet, chance).stall(any_way(chance));
  }
};

// Only what the server says is spoiled: a key that another arrives under is another order, and no
// protocol without sums can tell.
class Corrupt final : public Network {
 public:
  void go_on(Fleet& fleet, Chance& chance) override {
    const auto mask = static_cast<std::uint8_t>(1u << chance.below(8));
    any_gate(fleet, chance).corrupt(Toward::client, chance.below(300), mask);
  }
};

// Some hear nothing while keys are invalidated elsewhere.  They have to say so, and come back
// alone.
class BusCut final : public Network {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(30), .rests = seconds(8)}; }
  void begin(Fleet& fleet, Chance& chance) override {
    deaf_.clear();
    const std::size_t first = any_of(fleet, chance);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, fleet.size() / 2); ++i) {
      deaf_.push_back((first + i) % fleet.size());
    }
    began_ = clock_now();
    asked_ = false;
    silently_ = !silently_;
    for (const std::size_t place : deaf_) {
      kit::TcpGate& gate = fleet.instance(place).bus_gate();
      if (silently_) {
        gate.stall(Toward::client);
      } else {
        gate.refuse();
        gate.cut();
      }
    }
  }
  // Its lease is over by then, and whoever looks at it twice a second has seen that.
  void go_on(Fleet& fleet, Chance&) override {
    if (asked_ || clock_now() < began_ + told_within) return;
    asked_ = true;
    for (const std::size_t place : deaf_) {
      Instance& one = fleet.instance(place);
      if (one.metric("headrace_bus_heard") != 0u) {
        complain(fmt::format("instance {} is deaf, and /metrics does not say so", place));
      }
      if (!one.log().contains(deaf_line)) {
        complain(fmt::format("instance {} is deaf, and its log does not say so", place));
      }
    }
  }
  void heal(Fleet& fleet, Chance&) override {
    restore_gates(fleet);
    for (const std::size_t place : deaf_) {
      Instance& one = fleet.instance(place);
      const bool recovers = kit::eventually([&] { return one.metric("headrace_bus_heard") == 1u; });
      if (!recovers) complain(fmt::format("instance {} does not hear again", place));
    }
    deaf_.clear();
  }

 private:
  static constexpr Duration told_within = milliseconds(2500);
  static constexpr std::string_view deaf_line = "what others invalidate is not heard";

  std::vector<std::size_t> deaf_;
  Instant began_{};
  bool asked_ = false;
  bool silently_ = true;
};

// The bus's server dies and comes back; the store goes on.
class BusKill final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(5), .rests = seconds(5)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.postgres().kill(); }
  void heal(Fleet& fleet, Chance&) override {
    expect_heard(fleet, 0, "is deaf, and /metrics does not say so");
    expect(fleet.postgres().restart());
    expect_heard(fleet, 1, "does not hear again");
  }

 private:
  void expect_heard(Fleet& fleet, std::uint64_t wanted, std::string_view otherwise) {
    for (std::size_t place = 0; place < fleet.size(); ++place) {
      Instance& one = fleet.instance(place);
      const bool is_so =
          kit::eventually([&] { return one.metric("headrace_bus_heard") == wanted; });
      if (!is_so) complain(fmt::format("instance {} {}", place, otherwise));
    }
  }
};

class Kill final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(1), .rests = seconds(4)}; }
  void begin(Fleet& fleet, Chance& chance) override {
    dead_ = any_of(fleet, chance);
    fleet.kill(dead_);
  }
  void heal(Fleet& fleet, Chance&) override { expect(fleet.restart(dead_)); }

 private:
  std::size_t dead_ = 0;
};

class Pause final : public Fault {
 public:
  void begin(Fleet& fleet, Chance& chance) override {
    paused_ = any_of(fleet, chance);
    fleet.instance(paused_).pause();
  }
  void heal(Fleet& fleet, Chance&) override { fleet.instance(paused_).resume(); }

 private:
  std::size_t paused_ = 0;
};

class ServerPause final : public Fault {
 public:
  void begin(Fleet& fleet, Chance&) override { fleet.server().freeze(); }
  void heal(Fleet& fleet, Chance&) override { fleet.server().thaw(); }
};

// With what it has on its disk, or without anything.
class ServerKill final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(1), .rests = seconds(5)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.server().kill(); }
  void heal(Fleet& fleet, Chance&) override { expect(fleet.server().restart()); }
};

// The store is empty again; the bus goes on.
class MemcachedKill final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(1), .rests = seconds(5)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.memcached().kill(); }
  void heal(Fleet& fleet, Chance&) override { expect(fleet.memcached().restart()); }
};

// A node of a cluster dies and comes back with what it has on its disk.  The others give it up
// meanwhile, and the cluster with it, for nobody has its slots.
class NodeKill final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(3), .rests = seconds(6)}; }
  void begin(Fleet& fleet, Chance& chance) override {
    dead_ = static_cast<std::size_t>(chance.below(fleet.cluster().size()));
    fleet.cluster().node(dead_).kill();
  }
  void heal(Fleet& fleet, Chance&) override {
    expect(fleet.cluster().node(dead_).restart());
    if (!fleet.cluster().becomes_ok()) complain("the cluster does not come back");
  }

 private:
  std::size_t dead_ = 0;
};

// Whoever confirmed something may have been the one that forgets it for as long as calls last.
constexpr Duration forgets_for = seconds(3);

// The server comes back as it was some seconds ago.
class Snapshot final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(2), .rests = seconds(8)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.server().command({"SAVE"}); }
  void heal(Fleet& fleet, Chance&) override {
    fleet.note(What::forgetting);
    fleet.server().kill();
    expect(fleet.server().restart());
    pass_until(clock_now() + forgets_for);
    fleet.note(What::forgotten);
  }
};

// A replica that lags takes over: what it has not heard of was confirmed, and is lost.
class Failover final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(2), .rests = seconds(6)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.hold_back_replica(); }
  void heal(Fleet& fleet, Chance&) override {
    fleet.fail_over();
    pass_until(clock_now() + forgets_for);
    fleet.note(What::forgotten);
    expect(fleet.follow_again());
  }
};

// The primary dies, and a sentinel has its replica take over: what that has not heard of yet, if
// anything, is lost when it does.  The instances ask the sentinel.
class Sentinel final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(1), .rests = seconds(7)}; }
  void begin(Fleet& fleet, Chance&) override {
    fleet.note(What::forgetting);
    fleet.server().kill();
  }
  void heal(Fleet& fleet, Chance&) override {
    expect(fleet.await_failover());
    fleet.note(What::forgetting);
    pass_until(clock_now() + forgets_for);
    fleet.note(What::forgotten);
    expect(fleet.rejoin());
  }
};

// The same under living connections: the server goes back to what its replica knows.
class SwitchBack final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(2), .rests = seconds(6)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.hold_back_replica(); }
  void heal(Fleet& fleet, Chance&) override {
    expect(fleet.follow_for_once());
    pass_until(clock_now() + forgets_for);
    fleet.note(What::forgotten);
  }
};

class Flush final : public Fault {
 public:
  [[nodiscard]] Times times() const override { return {.lasts = seconds(1), .rests = seconds(2)}; }
  void begin(Fleet& fleet, Chance&) override { fleet.server().command({"FLUSHALL"}); }
  void heal(Fleet&, Chance&) override {}
};

// There is not room for all that is to be kept; the settings do it.
class Evict final : public Fault {
 public:
  void begin(Fleet&, Chance&) override {}
  void heal(Fleet& fleet, Chance&) override {
    evicted_ = evicted_ || fleet.server().info("evicted_keys") != "0";
    if (!evicted_ && ++looked_ > 5) complain("nothing was evicted");
  }

 private:
  bool evicted_ = false;
  int looked_ = 0;
};

// There is no room, and nothing is evicted: it refuses.
class Full final : public Fault {
 public:
  void begin(Fleet& fleet, Chance&) override {
    fleet.server().command({"CONFIG", "SET", "maxmemory", "1000000"});
  }
  void heal(Fleet& fleet, Chance&) override {
    fleet.server().command({"CONFIG", "SET", "maxmemory", "0"});
  }
};

// Slots move from node to node, with their keys, and stay half moved for a while; among the first
// is that of the bus.
class Reshard final : public Fault {
 public:
  void begin(Fleet& fleet, Chance& chance) override {
    const int slot = fleet.cluster().slot_of("headrace:bus");
    const std::size_t owner = fleet.cluster().owner_of(slot);
    const auto further = 1 + static_cast<std::size_t>(chance.below(fleet.cluster().size() - 1));
    to_ = (owner + further) % fleet.cluster().size();
    begin_move(fleet, slot);
  }
  void go_on(Fleet& fleet, Chance& chance) override {
    end_moves(fleet);
    // All to one node, as ValkeyCluster wants it.
    to_ = static_cast<std::size_t>(chance.below(fleet.cluster().size()));
    for (int i = 0; i < slots_at_once; ++i) {
      begin_move(fleet, static_cast<int>(chance.below(kit::ValkeyCluster::slots)));
    }
  }
  void heal(Fleet& fleet, Chance&) override { end_moves(fleet); }

 private:
  static constexpr int slots_at_once = 60;  // A third of them are there already.

  void begin_move(Fleet& fleet, int slot) {
    kit::ValkeyCluster& cluster = fleet.cluster();
    if (cluster.owner_of(slot) == to_ || !moving_.insert(slot).second) return;
    expect(cluster.begin_move(slot, to_));
  }
  void end_moves(Fleet& fleet) {
    expect(fleet.cluster().end_moves(moving_, to_));
    moving_.clear();
  }

  std::size_t to_ = 0;
  std::set<int> moving_;
};

class Clock final : public Fault {
 public:
  void begin(Fleet&, Chance&) override {}
  void go_on(Fleet& fleet, Chance& chance) override {
    if (!chance.percent(30)) return;
    const auto by = static_cast<long>(chance.below(7200));
    fleet.calendar().step(chance.percent(50) ? by : -by);
  }
  void heal(Fleet& fleet, Chance&) override { fleet.calendar().step(-fleet.calendar().ahead()); }
};

// Forward: what is kept ends too early.  That it must not step back is said in limits.md.
class ServerClock final : public Fault {
 public:
  void begin(Fleet& fleet, Chance& chance) override {
    fleet.server_calendar().step(static_cast<long>(10 + chance.below(1200)));
  }
  void heal(Fleet&, Chance&) override {}
};

template <class F>
std::unique_ptr<Fault> make() {
  return std::make_unique<F>();
}

void replicated(FleetOptions& options) {
  options.replicated = true;
}
void on_postgres(FleetOptions& options) {
  options.postgres_bus = true;
}
void on_memcached(FleetOptions& options) {
  options.on_memcached = true;
}
void clustered(FleetOptions& options) {
  options.clustered = true;
  options.server.append_only = true;
}
void too_small(FleetOptions& options) {
  options.registers = 0;
  options.server.maxmemory = "2500kb";
  options.server.arguments = {"--maxmemory-policy", "allkeys-lru"};
}

constexpr FaultKind of_instances[] = {
    {.name = "calm", .says = "nothing at all", .make = make<Calm>},
    {.name = "delay", .says = "the network is slow", .make = make<Delay>, .takes_patience = true},
    {.name = "cut", .says = "connections to the store and the bus are reset", .make = make<Cut>},
    {.name = "half-close", .says = "one direction of them ends", .make = make<HalfClose>},
    {.name = "stall", .says = "one direction of them stands still for 3 s", .make = make<Stall>},
    {.name = "corrupt",
     .says = "single bits of the server's answers flip",
     .make = make<Corrupt>,
     .takes_patience = true},
    {.name = "bus-cut", .says = "half of the instances hear no bus for 30 s", .make = make<BusCut>},
    {.name = "postgres-bus-cut",
     .says = "the same of a bus on PostgreSQL",
     .make = make<BusCut>,
     .prepare = on_postgres},
    {.name = "postgres-bus-kill",
     .says = "the PostgreSQL of the bus dies and comes back",
     .make = make<BusKill>,
     .prepare = on_postgres},
    {.name = "kill", .says = "instances die and come back", .make = make<Kill>},
    {.name = "pause",
     .says = "instances stand still for 2 s",
     .make = make<Pause>,
     .takes_patience = true},
    {.name = "clock",
     .says = "the instances' calendar steps by up to two hours",
     .make = make<Clock>,
     .prepare = [](FleetOptions& options) { options.steps_clocks = true; }},
};

constexpr FaultKind of_servers[] = {
    {.name = "server-pause", .says = "the server stands still for 2 s", .make = make<ServerPause>},
    {.name = "server-kill",
     .says = "the server dies and comes back empty",
     .make = make<ServerKill>,
     .loses_guards = true},
    {.name = "server-restart",
     .says = "the server dies and comes back with what it has on its disk",
     .make = make<ServerKill>,
     .prepare = [](FleetOptions& options) { options.server.append_only = true; }},
    {.name = "snapshot",
     .says = "the server dies and comes back as it was 2 s ago",
     .make = make<Snapshot>,
     .loses_guards = true},
    {.name = "failover",
     .says = "a replica takes over that has lost the last 2 s",
     .make = make<Failover>,
     .prepare = replicated,
     .loses_guards = true},
    {.name = "sentinel",
     .says = "the server dies, and a sentinel has its replica take over",
     .make = make<Sentinel>,
     .prepare = [](FleetOptions& options) { options.watched = true; },
     .loses_guards = true},
    {.name = "switch-back",
     .says = "the server follows its lagging replica for once, and leads again",
     .make = make<SwitchBack>,
     .prepare = replicated,
     .loses_guards = true},
    {.name = "flush", .says = "FLUSHALL", .make = make<Flush>, .loses_guards = true},
    {.name = "evict",
     .says = "the server evicts what it has no room for",
     .make = make<Evict>,
     .prepare = too_small,
     .loses_guards = true},
    {.name = "full", .says = "the server has no room and refuses for 2 s", .make = make<Full>},
    {.name = "reshard",
     .says = "slots of a cluster move from node to node under traffic",
     .make = make<Reshard>,
     .prepare = clustered},
    {.name = "node-kill",
     .says = "a node of a cluster dies and comes back with what it has on its disk",
     .make = make<NodeKill>,
     .prepare = clustered},
    {.name = "memcached-cut",
     .says = "connections to a store on memcached, and the bus, are reset",
     .make = make<Cut>,
     .prepare = on_memcached},
    {.name = "memcached-kill",
     .says = "the memcached of the store dies and comes back empty",
     .make = make<MemcachedKill>,
     .prepare = on_memcached,
     .loses_guards = true},
    {.name = "server-clock",
     .says = "the server's calendar steps forward by up to 20 min",
     .make = make<ServerClock>,
     .prepare = [](FleetOptions& options) { options.steps_server = true; },
     .loses_guards = true,
     .steps_ages = true},
};

}  // namespace

std::span<const FaultKind> fault_kinds() {
  static const std::vector<FaultKind> kinds = [] {
    std::vector<FaultKind> all(std::begin(of_instances), std::end(of_instances));
    all.insert(all.end(), std::begin(of_servers), std::end(of_servers));
    return all;
  }();
  return kinds;
}

const FaultKind* find_fault(std::string_view name) {
  const std::span<const FaultKind> kinds = fault_kinds();
  const auto found = std::ranges::find(kinds, name, &FaultKind::name);
  return found == kinds.end() ? nullptr : &*found;
}

}  // namespace headrace::chaos
