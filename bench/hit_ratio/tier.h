// bench/hit_ratio/tier.h: the tier that is shipped, as a policy among the others.
//
// It is read through Cache<T>, the public way: that includes the shards, the budget in bytes, the
// expiry and whatever else stands between a user and the order in which entries are dropped.  Time
// is virtual and there is one thread, so a run gives the same hits every time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "headrace/cache.h"
#include "hit_ratio/policy.h"
#include "kit/world.h"

namespace headrace::bench {

class Tier final : public Policy {
 public:
  struct Options {
    std::size_t capacity = 1;  // Entries.
    std::size_t shards = 0;    // As in Engine::Limits.
    Duration read_every{0};    // Time that passes before each read.
    Duration short_life{0};    // Every second key lives so long; zero: all live long.
    Duration expire_every = Engine::Limits{}.expire_every;
  };

  explicit Tier(Options options);
  ~Tier() override;

  bool access(Id id) override;
  [[nodiscard]] std::size_t entries() const { return engine_->stats().memory.entries; }

 private:
  // What one entry is charged: all keys and values here are of one size.
  [[nodiscard]] static std::size_t charge();
  [[nodiscard]] static headrace::Policy plain(std::string name, Duration lives);

  Options options_;
  kit::World world_;
  std::optional<Engine> engine_;
  std::optional<Cache<Id>> long_lived_;
  std::optional<Cache<Id>> short_lived_;
};

}  // namespace headrace::bench
