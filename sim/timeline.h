// sim/timeline.h: what happens when, in a world of its own time.
//
// Events run one by one, in the order of their moments.  Which of those of one moment comes first
// is drawn by lot: nothing promises an order there.  An event belongs to a host, or to the world
// itself; a host that stands still has its events put off, and one that dies is left out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "headrace/time.h"
#include "sim/chance.h"

namespace headrace::sim {

using HostId = int;
inline constexpr HostId the_world = -1;

class Timeline {
 public:
  using Work = std::move_only_function<void()>;
  using EventId = std::uint64_t;

  explicit Timeline(std::uint64_t seed) : lots_(seed) {}

  [[nodiscard]] Instant now() const noexcept { return now_; }
  EventId at(Instant when, HostId host, Work work);
  EventId after(Duration delay, HostId host, Work work) {
    return at(now_ + delay, host, std::move(work));
  }
  // True if it had not run.
  bool cancel(EventId event);

  // From now on the host's events wait.
  void hold(HostId host) { held_.insert(host); }
  void let_go(HostId host);
  // The host's events, in their order; they are taken out.
  [[nodiscard]] std::vector<Work> take(HostId host);

  // Runs the next event; false if there is none before `until`, where time then stands.
  bool step(Instant until);

  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  // Of the whole history so far: worlds that differ anywhere differ here.
  [[nodiscard]] std::uint64_t trace() const noexcept { return trace_; }
  void mix(std::uint64_t fact) noexcept {
    trace_ = (trace_ ^ fact) * 0x9e3779b97f4a7c15ull;
    trace_ ^= trace_ >> 29;
  }

 private:
  using Place = std::tuple<Instant, std::uint64_t, EventId>;  // The second is the lot.
  struct Event {
    HostId host;
    Work work;
  };

  std::map<Place, Event> queue_;
  std::unordered_map<EventId, Place> places_;
  std::map<Place, Event> waiting_;  // Of hosts that stand still.
  std::set<HostId> held_;
  Chance lots_;
  Instant now_{std::chrono::hours(1)};
  EventId last_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t trace_ = 0;
};

}  // namespace headrace::sim
