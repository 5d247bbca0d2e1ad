// chaos/traffic.h: what applications do: they read by Zipf's law, they commit and invalidate, and
// they read and write registers under guards.
//
// Each client is a thread with a connection to one instance, so that an instance that stands still
// holds up its own clients alone.  They keep to a pace; who comes late does not make up for more
// than a little of it.
//
// Threads:   one at a time.
// Lifetimes: borrows the fleet.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "chaos/fleet.h"
#include "chaos/history.h"
#include "sim/chance.h"
#include "sim/linear.h"

namespace headrace::chaos {

struct TrafficOptions {
  std::uint64_t seed = 1;
  double reads_per_second = 4000;
  double writes_per_second = 1000;
  double registers_per_second = 100;  // Reads and writes of registers.
  std::size_t readers = 2;            // Clients of each instance, of every kind.
  std::size_t writers = 4;
};

// Entities by Zipf's law, the first most often.
class Zipf {
 public:
  Zipf(std::size_t entities, double exponent);
  [[nodiscard]] std::uint32_t draw(sim::Chance& chance) const;

 private:
  std::vector<double> up_to_;  // The share of this one and all before.
};

// What clients have seen of errors.
struct Refusals {
  std::uint64_t lost = 0;     // No answer: the connection was lost, or the client's patience.
  std::uint64_t refused = 0;  // An answer that is an error.
  std::string first{};        // Of those.
};

class Traffic {
 public:
  Traffic(Fleet& fleet, const TrafficOptions& options);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // Whatever was committed is invalidated first, until somebody has taken that.
  void stop();

  // What all have seen.  REQUIRES: stop().
  [[nodiscard]] Notes& notes() noexcept { return notes_; }
  // Of each register.  REQUIRES: stop().
  [[nodiscard]] const std::vector<std::vector<sim::Operation>>& registers() const noexcept {
    return registers_;
  }
  // Of reads, and of invalidations and writes.  REQUIRES: stop().
  [[nodiscard]] const Refusals& read_refusals() const noexcept { return read_refusals_; }
  [[nodiscard]] const Refusals& write_refusals() const noexcept { return write_refusals_; }

 private:
  class Client;
  class Reader;
  class Writer;
  class Registrar;

  const Zipf zipf_;
  std::atomic<bool> runs_{true};
  std::vector<std::unique_ptr<Client>> clients_;
  std::atomic<Version> last_version_{1};  // Of registers: none is written twice.
  std::vector<std::vector<sim::Operation>> registers_;
  Notes notes_;
  Refusals read_refusals_;
  Refusals write_refusals_;
};

// Asks `place` for an entity, and notes what it has answered; false if that was none.
bool read_one(Fleet& fleet, std::size_t place, class HttpClient& client, Kept kept,
              std::uint32_t entity, Notes& notes, Refusals& refusals);

}  // namespace headrace::chaos
