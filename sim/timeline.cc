#include "sim/timeline.h"

#include <utility>

namespace headrace::sim {

Timeline::EventId Timeline::at(Instant when, HostId host, Work work) {
  const Place place{when < now_ ? now_ : when, lots_.bits(), ++last_};
  queue_.emplace(place, Event{.host = host, .work = std::move(work)});
  places_.emplace(last_, place);
  return last_;
}

bool Timeline::cancel(EventId event) {
  const auto known = places_.find(event);
  if (known == places_.end()) return false;
  queue_.erase(known->second);
  waiting_.erase(known->second);
  places_.erase(known);
  return true;
}

void Timeline::let_go(HostId host) {
  held_.erase(host);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto next = std::next(it);
    if (it->second.host == host) {
      auto node = waiting_.extract(it);
      std::get<0>(node.key()) = now_;
      places_[std::get<2>(node.key())] = node.key();
      queue_.insert(std::move(node));
    }
    it = next;
  }
}

std::vector<Timeline::Work> Timeline::take(HostId host) {
  std::vector<Work> taken;
  for (auto* events : {&waiting_, &queue_}) {
    for (auto it = events->begin(); it != events->end();) {
      const auto next = std::next(it);
      if (it->second.host == host) {
        taken.push_back(std::move(it->second.work));
        places_.erase(std::get<2>(it->first));
        events->erase(it);
      }
      it = next;
    }
  }
  held_.erase(host);
  return taken;
}

bool Timeline::step(Instant until) {
  while (!queue_.empty() && std::get<0>(queue_.begin()->first) <= until) {
    auto node = queue_.extract(queue_.begin());
    now_ = std::get<0>(node.key());
    if (held_.contains(node.mapped().host)) {
      waiting_.insert(std::move(node));
      continue;
    }
    places_.erase(std::get<2>(node.key()));
    ++events_;
    mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    mix(std::get<2>(node.key()) * 64 + static_cast<std::uint64_t>(node.mapped().host + 1));
    node.mapped().work();
    return true;
  }
  now_ = std::max(now_, until);
  return false;
}

}  // namespace headrace::sim
