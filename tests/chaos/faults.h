// chaos/faults.h: what befalls a fleet, by name.
//
// A fault comes in spells: it begins, goes on, and is healed, again and again while there is time.
//
// Threads: one at a time, the one that made the fleet.
// Lifetimes: of one run.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/fleet.h"
#include "chaos/history.h"
#include "sim/chance.h"

namespace headrace::chaos {

class Fault {
 public:
  struct Times {
    Duration lasts = std::chrono::seconds(2);  // A spell ...
    Duration rests = std::chrono::seconds(3);  // ... and what follows it.
  };

  virtual ~Fault() = default;

  [[nodiscard]] virtual Times times() const { return {}; }
  virtual void begin(Fleet& fleet, sim::Chance& chance) = 0;
  // Called ten times a second while a spell lasts.
  virtual void go_on(Fleet&, sim::Chance&) {}
  virtual void heal(Fleet& fleet, sim::Chance& chance) = 0;

  // What the program did not do that it has to do about this fault; in words.
  [[nodiscard]] const std::vector<std::string>& complaints() const noexcept { return complaints_; }

 protected:
  void complain(std::string what) { complaints_.push_back(std::move(what)); }
  void expect(const Result<void>& done) {
    if (!done) complain(done.error().what);
  }

 private:
  std::vector<std::string> complaints_;
};

struct FaultKind {
  std::string_view name;
  std::string_view says;  // To people.
  std::unique_ptr<Fault> (*make)();
  void (*prepare)(FleetOptions& options) = [](FleetOptions&) {};
  // Records that the store must not lose may be lost, and with them what guards promise.
  bool loses_guards = false;
  bool steps_ages = false;      // See JudgeOptions::ages_hold.
  bool takes_patience = false;  // Readers' time is over before anybody could answer.
};

[[nodiscard]] std::span<const FaultKind> fault_kinds();
[[nodiscard]] const FaultKind* find_fault(std::string_view name);

}  // namespace headrace::chaos
