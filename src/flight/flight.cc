#include "flight/flight.h"

#include <algorithm>
#include <cassert>

#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

FlightTable::FlightTable(Limits limits)
    : limits_(limits), shards_(std::make_unique<Shard[]>(limits.shards)) {
  assert(limits_.shards > 0 && limits_.flights_max > 0 && limits_.waiters_max > 0);
}

std::shared_ptr<Flight> FlightTable::open(Request& request) {
  if (flights_.fetch_add(1) >= limits_.flights_max) {
    flights_.fetch_sub(1);
    return nullptr;
  }
  return std::make_shared<Flight>(request.key, insists_on_source(request.join),
                                  request.join != Join::any, request.unattended,
                                  std::move(request.launch));
}

bool FlightTable::insists_on_source(Join join) noexcept {
  return join == Join::forced || join == Join::forced_unissued;
}

void FlightTable::cut_off(Shard& shard, std::shared_ptr<Flight> flight) {
  flight->detached_.store(true, std::memory_order_release);
  forget_lease(*flight);
  shard.cut_off.push_back(std::move(flight));
}

// The flight of `lane` that `request` may board; opens one if there is none.
std::shared_ptr<Flight> FlightTable::choose(Shard& shard, Lane& lane, Request& request,
                                            std::shared_ptr<Flight>& launch, Boarding& boarding) {
  std::shared_ptr<Flight>& current = lane.current;
  const auto open_here = [&] {
    auto opened = open(request);
    boarding.opened = opened != nullptr;
    return opened;
  };
  const bool insists = insists_on_source(request.join);
  const bool may_wait = request.join == Join::forced || !current || !current->issued() ||
                        !lane.queued || lane.queued->forced();
  if (current && insists && !(current->forced() && may_wait)) {
    if (auto opened = open_here()) {  // What is queued stays queued, behind this one.
      cut_off(shard, std::exchange(current, opened));
      launch = opened;
      return opened;
    }
    return nullptr;
  }
  const bool outdated = current && !all_hold(current->stamps_) && !removed(Mechanism::join_rule);
  if (outdated || (current && removed(Mechanism::single_flight))) {
    cut_off(shard, std::exchange(current, std::move(lane.queued)));
    launch = current;  // The queued one has read nothing yet, so it may start now.
  }
  if (!current) {
    current = open_here();
    launch = current;
    return current;
  }
  const bool may_be_issued = request.join == Join::any || request.join == Join::forced ||
                             removed(Mechanism::unissued_join);
  if (may_be_issued || (current->strict() && !current->issued())) return current;
  if (!lane.queued) lane.queued = open_here();
  return lane.queued;
}

FlightTable::Boarding FlightTable::board(Request request) {
  Boarding boarding;
  std::shared_ptr<Flight> to_launch;
  Shard& shard = shard_of(request.key);
  {
    const std::scoped_lock lock(shard.mutex);
    if (!request.unattended && waiters_.load() >= limits_.waiters_max) {
      boarding.refused = true;
      return boarding;
    }
    if (request.alone) {
      boarding.flight = to_launch = open(request);
      boarding.opened = to_launch != nullptr;
      if (to_launch) cut_off(shard, to_launch);
    } else {
      const auto [at, fresh] = shard.lanes.try_emplace(request.key);
      if (request.unattended && !fresh) return boarding;
      boarding.flight = choose(shard, at->second, request, to_launch, boarding);
      if (!at->second.current) shard.lanes.erase(at);
    }
    boarding.refused = !boarding.flight;
    if (boarding.flight && !request.unattended) {
      boarding.waiter = ++boarding.flight->last_waiter_;
      boarding.flight->waiters_.emplace_back(boarding.waiter, std::move(request.waiter));
      waiters_.fetch_add(1);
    }
  }
  if (to_launch) launch(to_launch);
  return boarding;
}

void FlightTable::launch(const std::shared_ptr<Flight>& flight) {
  // A flight has one launch; it is gone once used, and with it all that it holds on to.
  if (Flight::Launch launch = std::exchange(flight->launch_, nullptr)) launch(flight);
}

void FlightTable::begin(Flight& flight, std::vector<Stamp> stamps, Token lease) {
  const std::scoped_lock lock(shard_of(flight.key()).mutex);
  flight.stamps_ = std::move(stamps);
  flight.lease_ = lease;
  if (flight.detached()) return;
  const std::scoped_lock leases_lock(leases_mutex_);
  leases_.insert(lease.low);
}

bool FlightTable::needs(Token lease) const {
  const std::scoped_lock lock(leases_mutex_);
  return leases_.contains(lease.low);
}

// REQUIRES: the shard of `flight` is locked.
void FlightTable::forget_lease(const Flight& flight) {
  if (flight.lease_.is_none()) return;
  const std::scoped_lock lock(leases_mutex_);
  leases_.erase(flight.lease_.low);
}

std::vector<Stamp> FlightTable::stamps_of(const Flight& flight) const {
  const std::scoped_lock lock(shard_of(flight.key()).mutex);
  return flight.stamps_;
}

std::shared_ptr<Flight> FlightTable::promote(Shard& shard, const FlightKey& key, Lane& lane) {
  lane.current = std::move(lane.queued);
  if (lane.current) return lane.current;
  shard.lanes.erase(key);
  return nullptr;
}

void FlightTable::land(const std::shared_ptr<Flight>& flight, const Landing& landing) {
  std::vector<std::pair<Flight::WaiterId, Flight::Waiter>> waiters;
  std::shared_ptr<Flight> next;
  Shard& shard = shard_of(flight->key());
  {
    const std::scoped_lock lock(shard.mutex);
    assert(!flight->landed_);
    flight->landed_ = true;
    waiters.swap(flight->waiters_);
    waiters_.fetch_sub(waiters.size());
    flights_.fetch_sub(1);
    std::erase(shard.cut_off, flight);
    forget_lease(*flight);
    const auto at = shard.lanes.find(flight->key());
    if (at != shard.lanes.end() && at->second.current == flight) {
      next = promote(shard, flight->key(), at->second);
    }
  }
  if (next) launch(next);
  for (auto& [id, waiter] : waiters) waiter(landing);
}

void FlightTable::leave(const std::shared_ptr<Flight>& flight, Flight::WaiterId waiter) {
  std::shared_ptr<Flight> next;
  Flight::Launch unused;  // Destroyed outside the lock: it holds on to a read.
  bool launched = true;
  Shard& shard = shard_of(flight->key());
  {
    const std::scoped_lock lock(shard.mutex);
    const auto gone = std::erase_if(flight->waiters_,
                                    [waiter](const auto& other) { return other.first == waiter; });
    waiters_.fetch_sub(gone);
    if (gone == 0 || flight->landed_ || flight->unattended() || !flight->waiters_.empty()) return;
    const auto at = shard.lanes.find(flight->key());
    if (at != shard.lanes.end() && at->second.current == flight) {
      sometimes(Mark::load_abandoned);
      cut_off(shard, flight);
      next = promote(shard, flight->key(), at->second);
    } else if (at != shard.lanes.end() && at->second.queued == flight) {
      at->second.queued = nullptr;
      unused = std::move(flight->launch_);
      launched = false;
      flight->landed_ = true;
      flights_.fetch_sub(1);
    }
  }
  if (launched) flight->request_stop();
  if (next) launch(next);
}

void FlightTable::detach(const FlightKey& key) {
  if (removed(Mechanism::join_rule)) return;
  std::shared_ptr<Flight> next;
  Shard& shard = shard_of(key);
  {
    const std::scoped_lock lock(shard.mutex);
    const auto at = shard.lanes.find(key);
    if (at == shard.lanes.end()) return;
    sometimes(Mark::flight_detached);
    cut_off(shard, at->second.current);
    next = promote(shard, key, at->second);
  }
  if (next) launch(next);
}

void FlightTable::detach_if(const std::function<bool(const FlightKey&)>& which) {
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    std::vector<FlightKey> keys;
    {
      const std::scoped_lock lock(shards_[i].mutex);
      for (const auto& [key, lane] : shards_[i].lanes) {
        if (which(key)) keys.push_back(key);
      }
    }
    for (const FlightKey& key : keys) detach(key);
  }
}

void FlightTable::stop_all() {
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    std::vector<std::shared_ptr<Flight>> all;
    {
      const std::scoped_lock lock(shards_[i].mutex);
      all = shards_[i].cut_off;
      for (const auto& [key, lane] : shards_[i].lanes) {
        if (lane.current) all.push_back(lane.current);
        if (lane.queued) all.push_back(lane.queued);
      }
    }
    for (const auto& flight : all) flight->request_stop();
  }
}

bool FlightTable::is_flying(const FlightKey& key) const {
  const std::scoped_lock lock(shard_of(key).mutex);
  return shard_of(key).lanes.contains(key);
}

std::size_t FlightTable::lanes() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    const std::scoped_lock lock(shards_[i].mutex);
    count += shards_[i].lanes.size() + shards_[i].cut_off.size();
  }
  return count;
}

}  // namespace headrace
