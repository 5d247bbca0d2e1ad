// flight/flight.h: loads in progress, and who waits for them.
//
// Per key there is at most one flight that new readers may join, and at most one more that is
// queued behind it for readers who must not take what the first is already reading.  An
// invalidation detaches a flight: it goes on for those who wait, but nobody joins it any more, and
// what it brings is not kept.  No state stays behind for a key when its flights have landed.
//
// Threads:   FlightTable: any member from any thread.  Callbacks run outside all locks.
// Errors:    `refused` when a limit is reached.
// Lifetimes: a flight lives while someone drives or waits for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "headrace/entry.h"
#include "headrace/lookup.h"

namespace headrace {

// What a flight brought.
struct Landing {
  AnyResult result;
  bool lost_race = false;  // Something that it depends on was invalidated while it was under way.
};

struct FlightKey {
  std::uint32_t scope = 0;
  std::uint64_t hash = 0;
  std::string entity{};

  friend bool operator==(const FlightKey&, const FlightKey&) = default;
};

class Flight {
 public:
  using Waiter = std::function<void(const Landing&)>;
  using WaiterId = std::uint64_t;
  using Launch = std::move_only_function<void(std::shared_ptr<Flight>)>;

  Flight(FlightKey key, bool forced, bool strict, bool unattended, Launch launch)
      : key_(std::move(key)),
        forced_(forced),
        strict_(strict),
        unattended_(unattended),
        launch_(std::move(launch)) {}

  [[nodiscard]] const FlightKey& key() const noexcept { return key_; }
  [[nodiscard]] bool forced() const noexcept { return forced_; }
  // Opened by a reader whom an answer from memory does not serve.
  [[nodiscard]] bool strict() const noexcept { return strict_; }
  [[nodiscard]] bool unattended() const noexcept { return unattended_; }
  // An invalidation, or the departure of the last waiter, has cut it off from new readers.
  [[nodiscard]] bool detached() const noexcept { return detached_.load(std::memory_order_acquire); }
  // Its first remote read has begun.
  [[nodiscard]] bool issued() const noexcept { return issued_.load(std::memory_order_acquire); }
  void set_issued() noexcept { issued_.store(true, std::memory_order_release); }

  [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }
  void request_stop() { stop_.request_stop(); }

 private:
  friend class FlightTable;

  const FlightKey key_;
  const bool forced_;
  const bool strict_;
  const bool unattended_;
  std::atomic<bool> detached_{false};
  std::atomic<bool> issued_{false};
  std::stop_source stop_;
  // Guarded by the table's shard.
  Launch launch_;
  std::vector<Stamp> stamps_;
  Token lease_;
  std::vector<std::pair<WaiterId, Waiter>> waiters_;
  WaiterId last_waiter_ = 0;
  bool landed_ = false;
};

class FlightTable {
 public:
  struct Limits {
    std::size_t shards = 64;
    std::size_t flights_max = 4096;
    std::size_t waiters_max = 65536;
  };

  // Which flights a reader may join.
  enum class Join : std::uint8_t {
    any,       // One that began after the last invalidation of what it depends on.
    unissued,  // One that has not begun to read anything yet, and was opened by such a reader.
    forced,    // One that is sure to ask the source, or has asked it.
    forced_unissued,  // Both: one that is sure to ask the source, and has not yet.
  };

  struct Request {
    FlightKey key{};
    Join join = Join::any;
    bool alone = false;       // Opens a flight of its own, which nobody joins.
    bool unattended = false;  // Opens a flight for nobody, unless there is one; `waiter` is not
                              // used.
    Flight::Waiter waiter{};
    Flight::Launch launch{};  // Drives the flight if this request opens one.
  };
  struct Boarding {
    std::shared_ptr<Flight> flight;  // Null if refused, or if an unattended one was not needed.
    Flight::WaiterId waiter = 0;
    bool opened = false;  // By this request; its launch has been called or is queued.
    bool refused = false;
  };

  explicit FlightTable(Limits limits);

  // Joins a flight or opens one.  A flight that is opened and not queued is launched before this
  // returns.
  Boarding board(Request request);

  // The driver says what the flight depends on and under which lease it will fill, before its first
  // remote read.
  void begin(Flight& flight, std::vector<Stamp> stamps, Token lease);
  // Whether `lease` is that of a flight that has neither landed nor been cut off.  Of any other
  // nothing will come that is kept, so another may take its place.
  [[nodiscard]] bool needs(Token lease) const;
  [[nodiscard]] std::vector<Stamp> stamps_of(const Flight& flight) const;

  // Removes the flight and answers its waiters.  Launches the one queued behind it.
  void land(const std::shared_ptr<Flight>& flight, const Landing& landing);

  // A waiter goes.  If it was the last, the flight is cut off and told to stop.
  void leave(const std::shared_ptr<Flight>& flight, Flight::WaiterId waiter);

  // Cuts off the flights of a key.  The queued one, which has read nothing yet, is launched.
  void detach(const FlightKey& key);
  // The same for every key that `which` names.
  void detach_if(const std::function<bool(const FlightKey&)>& which);
  // Tells every flight to stop, and cuts it off.
  void stop_all();

  [[nodiscard]] bool is_flying(const FlightKey& key) const;
  [[nodiscard]] std::size_t flights() const noexcept { return flights_.load(); }
  [[nodiscard]] std::size_t waiters() const noexcept { return waiters_.load(); }
  // Keys with any state; zero when nothing is in progress.
  [[nodiscard]] std::size_t lanes() const;

 private:
  struct KeyHash {
    std::size_t operator()(const FlightKey& key) const noexcept { return key.hash; }
  };
  struct Lane {
    std::shared_ptr<Flight> current;
    std::shared_ptr<Flight> queued;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<FlightKey, Lane, KeyHash> lanes;
    std::vector<std::shared_ptr<Flight>> cut_off;  // Detached, under way; to be stopped at the end.
  };

  [[nodiscard]] Shard& shard_of(const FlightKey& key) const {
    return shards_[key.hash % limits_.shards];
  }
  [[nodiscard]] static bool insists_on_source(Join join) noexcept;
  [[nodiscard]] std::shared_ptr<Flight> open(Request& request);
  [[nodiscard]] std::shared_ptr<Flight> choose(Shard& shard, Lane& lane, Request& request,
                                               std::shared_ptr<Flight>& launch, Boarding& boarding);
  void cut_off(Shard& shard, std::shared_ptr<Flight> flight);
  void forget_lease(const Flight& flight);
  static void launch(const std::shared_ptr<Flight>& flight);
  // Takes `lane`'s current flight out; the queued one, if any, is current then and returned.
  std::shared_ptr<Flight> promote(Shard& shard, const FlightKey& key, Lane& lane);

  Limits limits_;
  std::unique_ptr<Shard[]> shards_;
  std::atomic<std::size_t> flights_{0};
  std::atomic<std::size_t> waiters_{0};
  mutable std::mutex leases_mutex_;           // Taken last, under a shard's.
  std::unordered_set<std::uint64_t> leases_;  // Their low halves, which are random enough.
};

}  // namespace headrace
