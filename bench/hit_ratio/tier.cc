#include "hit_ratio/tier.h"

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace headrace::bench {

namespace {

constexpr Duration long_life = std::chrono::hours(24 * 365);

std::string_view entity_of(const Id& id) {
  return {reinterpret_cast<const char*>(&id), sizeof id};
}

}  // namespace

headrace::Policy Tier::plain(std::string name, Duration lives) {
  return {.name = std::move(name), .fresh_for = lives, .jitter = 0};
}

std::size_t Tier::charge() {
  static const std::size_t each = [] {
    kit::World world;
    Engine engine({}, {world, world, world});
    const auto cache = Cache<Id>::open(engine, plain("probe", long_life));
    const Id id = 7;
    const auto lookup = cache->get_or_fetch(entity_of(id), [](Fetch) { return Found(Id{0}); });
    world.run();
    const MemoryStats memory = engine.stats().memory;
    assert(memory.entries == 1);
    start(engine.close());
    world.run();
    return static_cast<std::size_t>(memory.bytes);
  }();
  return each;
}

Tier::Tier(Options options) : options_(options) {
  engine_.emplace(Engine::Limits{.bytes_max = options.capacity * charge(),
                                 .entry_bytes_max = charge(),
                                 .shards = options.shards,
                                 .expire_every = options.expire_every},
                  Engine::Ports{world_, world_, world_});
  long_lived_ = *Cache<Id>::open(*engine_, plain("long", long_life));
  if (options.short_life > Duration::zero()) {
    short_lived_ = *Cache<Id>::open(*engine_, plain("short", options.short_life));
  }
}

Tier::~Tier() {
  start(engine_->close());
  world_.run();
}

bool Tier::access(Id id) {
  if (options_.read_every > Duration::zero()) world_.advance(options_.read_every);
  const Cache<Id>& cache = short_lived_ && id % 2 == 1 ? *short_lived_ : *long_lived_;
  bool missed = false;
  {
    const auto lookup = cache.get_or_fetch(entity_of(id), [&missed](Fetch) {
      missed = true;
      return Found(Id{0});
    });
    world_.run();
  }
  return !missed;
}

std::unique_ptr<Policy> make_headrace(std::size_t capacity, std::size_t shards) {
  return std::make_unique<Tier>(Tier::Options{.capacity = capacity, .shards = shards});
}

}  // namespace headrace::bench
