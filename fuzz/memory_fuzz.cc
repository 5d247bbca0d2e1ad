// The memory tier against a plain map, in virtual time, operation by operation.
//
// The tier may have dropped what it needed the room of; so the map remembers, for each entry, how
// many had been evicted when it was kept.  While that has not changed the entry has to be there.
#include "memory/memory.h"

#include <cstring>
#include <map>
#include <utility>

#include "core/hash.h"
#include "input.h"

namespace headrace::fuzz {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t operations_max = 400;
constexpr std::size_t held_max = 10;  // More than a thread has pins.
constexpr std::size_t cells = 4;
constexpr Instant start{hours(1)};

constexpr Duration ticks[] = {milliseconds(250), milliseconds(1), seconds(10)};
constexpr Duration steps[] = {Duration(1),       milliseconds(1), milliseconds(249),
                              milliseconds(250), seconds(1),      seconds(63),
                              seconds(65),       hours(1),        hours(24 * 7)};
// Lengths about those at which an entity is kept, hashed or compared in another way.
constexpr std::size_t entity_sizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 24, 25, 128, 240, 1024};
constexpr std::size_t value_sizes[] = {8, 9, 16, 64, 96, 104, 105, 300, 1500, 5000};
constexpr std::size_t budgets[] = {1000, 4000, 20000, 200000};

using Name = std::pair<std::uint32_t, std::string>;

// What an entry is known to be.  Its read_at is unlike all others'.
struct Known {
  Name name{};
  Kind kind = Kind::value;
  std::size_t value_bytes = 0;
  Instant read_at{};
  Instant fresh_until{};
  Instant stale_until{};
  Instant gone_at{};
  std::uint32_t billed = 1;
  std::string revision{};
  std::vector<std::pair<std::size_t, std::uint64_t>> stamps{};  // Cells, and their epochs then.
  std::uint64_t evicted = 0;                                    // In the tier, when it was kept.
};

struct Held {
  EntryRef entry{};
  Known known{};
};

class Play {
 public:
  explicit Play(Input input)
      : input_(input), budget_(input_.one_of(budgets)), memory_(limits_of(input_, budget_)) {
    for (auto& cell : cells_) cell = std::make_shared<TagCell>();
  }

  void run() {
    for (std::size_t i = 0; i < operations_max && !input_.is_spent(); ++i) {
      step();
      check();
    }
    compare();
    memory_.sweep([](const Entry&) { return true; });
    demand(memory_.stats().bytes == 0 && memory_.stats().entries == 0, "all of it can be dropped");
    for (const Held& held : held_) demand_is(*held.entry, held.known);
  }

 private:
  static Memory::Limits limits_of(Input& input, std::size_t budget) {
    const std::size_t entry = input.truth() ? budget : budget / 8;
    return {.bytes_max = budget,
            .entry_bytes_max = entry,
            .shards = std::size_t{1} << input.up_to(3),
            .tick = input.one_of(ticks)};
  }

  void step() {
    switch (input_.up_to(13)) {
      case 0:
      case 1:
      case 2: return keep();
      case 3: return keep_again();
      case 4:
      case 5: return find();
      case 6: return glance();
      case 7: return erase();
      case 8: return expire();
      case 9: return sweep();
      case 10: return move_tag();
      case 11: return let_go();
      case 12: return compare();
      default: now_ += input_.one_of(steps); return;
    }
  }

  Name name() {
    const std::uint32_t scope = input_.truth() ? 7 : 8;
    const std::size_t size = input_.one_of(entity_sizes);
    std::string entity(size, 'e');
    if (size > 0) entity.back() = static_cast<char>('a' + input_.up_to(7));
    if (size > 1) entity.front() = static_cast<char>('a' + input_.up_to(1));
    return {scope, std::move(entity)};
  }

  // Zero, or a while: also one that has passed by now.
  Duration age() {
    Duration age = Duration::zero();
    for (std::size_t i = input_.up_to(3); i > 0; --i) age += input_.one_of(steps);
    return age;
  }

  Known draw() {
    Known known{.name = name(), .kind = input_.one_of(kinds)};
    if (known.kind == Kind::value) known.value_bytes = input_.one_of(value_sizes);
    known.read_at = start + Duration(++serial_);
    const Instant from = input_.up_to(7) == 0 ? start : now_;  // From the start: perhaps long gone.
    known.fresh_until = from + age();
    known.stale_until = known.fresh_until + age();
    known.gone_at = known.stale_until + age();
    if (input_.truth()) known.billed = static_cast<std::uint32_t>(input_.up_to(3));
    known.revision = std::string(input_.up_to(40), 'r');
    for (std::size_t i = input_.up_to(2); i > 0; --i) {
      const std::size_t cell = input_.up_to(cells - 1);
      known.stamps.emplace_back(cell, cells_[cell]->epoch.load());
    }
    return known;
  }

  EntryRef entry_of(const Known& known) {
    const bool is_plain = input_.truth();
    std::vector<Stamp> stamps;
    for (const auto& [cell, epoch] : known.stamps) {
      stamps.push_back({.cell = cells_[cell], .epoch = epoch});
    }
    return Entry::make({.scope = known.name.first,
                        .entity = known.name.second,
                        .kind = known.kind,
                        .value = value_of(known),
                        .value_bytes = known.value_bytes,
                        .is_plain = is_plain,
                        .read_at = known.read_at,
                        .fresh_until = known.fresh_until,
                        .stale_until = known.stale_until,
                        .gone_at = known.gone_at,
                        .billed = known.billed,
                        .revision = known.revision,
                        .stamps = std::move(stamps)});
  }

  // Its first eight bytes are read_at's, and it is as long as it says.
  static std::shared_ptr<const void> value_of(const Known& known) {
    if (known.kind != Kind::value) return nullptr;
    const auto words = std::make_shared<std::vector<std::int64_t>>(known.value_bytes / 8 + 1);
    words->front() = known.read_at.time_since_epoch().count();
    return {words, words->data()};
  }

  void keep() {
    const Known known = draw();
    const EntryRef entry = entry_of(known);
    demand_is(*entry, known);
    keep(entry, known);
  }
  // Once more what is held: it may be in the tier, or may have left it.
  void keep_again() {
    if (held_.empty()) return;
    const Held& held = held_[input_.up_to(held_.size() - 1)];
    keep(held.entry, held.known);
  }
  void keep(const EntryRef& entry, Known known) {
    const bool holds = input_.up_to(3) > 0;
    const std::size_t charge = entry->charge();
    const std::uint64_t refused = memory_.stats().refused_total;
    bool asked = false;
    const Memory::Kept kept = memory_.keep(entry, [&] {
      asked = true;
      return holds;
    });
    const bool is_oversize = memory_.stats().refused_total != refused;
    demand(is_oversize == (kept == Memory::Kept::oversize), "what is too large is counted");
    demand(asked != is_oversize, "the fence decides on all that fits");
    if (charge <= budget_ / 8) demand(!is_oversize, "what is small fits");
    if (charge > budget_) demand(is_oversize, "what is larger than the budget does not");
    if (is_oversize) return;
    demand(kept == (holds ? Memory::Kept::kept : Memory::Kept::fenced), "the fence is obeyed");
    if (!holds) return;
    known.evicted = memory_.stats().evicted_total;
    known_[known.name] = std::move(known);
  }

  void find() {
    const Name name = this->name();
    EntryRef found = memory_.find(name.first, hash_of(name.first, name.second), name.second, now_);
    const auto known = known_.find(name);
    if (!found) {
      if (known == known_.end()) return;
      demand(is_dead(known->second) || may_be_evicted(known->second), "what was kept is found");
      known_.erase(known);
      return;
    }
    demand(known != known_.end(), "what is found was kept");
    demand(!is_dead(known->second), "what is found is neither gone nor outdated");
    demand_is(*found, known->second);
    hold(std::move(found), known->second);
  }

  void glance() {
    const Name name = this->name();
    const std::uint64_t hash = hash_of(name.first, name.second);
    EntryRef seen(memory_.glance(name.first, hash, name.second, now_));
    if (!seen) return;
    const auto known = known_.find(name);
    demand(known != known_.end(), "what is seen was kept");
    demand(!is_dead(known->second) && known->second.fresh_until > now_, "what is seen is fresh");
    demand_is(*seen, known->second);
    hold(std::move(seen), known->second);
  }

  void erase() {
    const Name name = this->name();
    const bool had = memory_.erase(name.first, hash_of(name.first, name.second), name.second);
    const auto known = known_.find(name);
    if (had) demand(known != known_.end(), "what is erased was kept");
    if (known == known_.end()) return;
    demand(had || may_be_evicted(known->second), "what was kept is erased");
    known_.erase(known);
  }

  void expire() {
    std::size_t most = 0;
    std::size_t least = 0;
    for (const auto& [name, known] : known_) {
      if (known.gone_at > now_) continue;
      ++most;
      if (!may_be_evicted(known)) ++least;
    }
    const std::size_t dropped = memory_.expire(now_);
    demand(dropped <= most, "what expires is gone");
    demand(dropped >= least, "what is gone expires");
    std::erase_if(known_, [this](const auto& one) { return one.second.gone_at <= now_; });
  }

  void sweep() {
    const std::uint32_t scope = input_.truth() ? 7 : 8;
    const bool by_scope = input_.truth();
    const auto is_condemned = [&](const Entry& entry) {
      return by_scope ? entry.scope() == scope : !entry.stamps_hold();
    };
    memory_.sweep(is_condemned);
    std::erase_if(known_, [&](const auto& one) {
      return by_scope ? one.first.first == scope : !holds(one.second);
    });
  }

  void move_tag() { ++cells_[input_.up_to(cells - 1)]->epoch; }

  void hold(EntryRef entry, const Known& known) {
    if (held_.size() == held_max || !input_.truth()) return;
    held_.push_back({.entry = std::move(entry), .known = known});
  }
  // Ends a reference, or makes one counted reference more of it.
  void let_go() {
    if (held_.empty()) return;
    const std::size_t which = input_.up_to(held_.size() - 1);
    if (input_.truth() && held_.size() < held_max) {
      held_.push_back(Held(held_[which]));
    } else {
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }

  void check() {
    demand(memory_.audit().empty(), "the audit finds nothing");
    const MemoryStats stats = memory_.stats();
    demand(stats.bytes <= budget_, "the budget is kept");
    demand(stats.entries <= known_.size(), "there is no more than was kept");
    for (const Held& held : held_) demand_is(*held.entry, held.known);
  }

  // Everything that is there, one by one.
  void compare() {
    std::map<Name, const Entry*> seen;
    std::size_t bytes = 0;
    memory_.sweep([&](const Entry& entry) {
      seen.emplace(Name(entry.scope(), std::string(entry.entity())), &entry);
      bytes += entry.charge();
      return false;
    });
    demand(bytes == memory_.stats().bytes, "the bytes are those of what is there");
    demand(seen.size() == memory_.stats().entries, "and so is the count");
    for (const auto& [name, entry] : seen) {
      const auto known = known_.find(name);
      demand(known != known_.end(), "what is there was kept");
      demand_is(*entry, known->second);
    }
    for (const auto& [name, known] : known_) {
      demand(seen.contains(name) || may_be_evicted(known), "what was kept is there");
    }
  }

  static void demand_is(const Entry& entry, const Known& known) {
    const bool is_named = entry.scope() == known.name.first &&
                          entry.entity() == known.name.second &&
                          entry.hash() == hash_of(known.name.first, known.name.second);
    demand(is_named, "an entry keeps its name");
    demand(entry.read_at() == known.read_at, "an entry is the one that was kept last");
    const bool has_ages = entry.fresh_until() == known.fresh_until &&
                          entry.stale_until() == known.stale_until &&
                          entry.gone_at() == known.gone_at;
    demand(has_ages, "an entry keeps its times");
    demand(entry.kind() == known.kind && entry.value_bytes() == known.value_bytes &&
               entry.revision() == known.revision && entry.stamps().size() == known.stamps.size(),
           "an entry keeps what it holds");
    // None and one are both billed as one.
    demand(entry.billed() == std::max(known.billed, 1u), "an entry keeps its price");
    demand((entry.value() != nullptr) == (known.kind == Kind::value), "a value is there");
    if (known.kind != Kind::value) return;
    std::int64_t first = 0;
    std::memcpy(&first, entry.value(), sizeof first);
    demand(first == known.read_at.time_since_epoch().count(), "an entry keeps its value");
  }

  [[nodiscard]] bool holds(const Known& known) const {
    for (const auto& [cell, epoch] : known.stamps) {
      if (cells_[cell]->epoch.load() != epoch) return false;
    }
    return true;
  }
  [[nodiscard]] bool is_dead(const Known& known) const {
    return known.gone_at <= now_ || !holds(known);
  }
  [[nodiscard]] bool may_be_evicted(const Known& known) const {
    return memory_.stats().evicted_total != known.evicted;
  }

  static constexpr Kind kinds[] = {Kind::value, Kind::value, Kind::value, Kind::null, Kind::absent};

  Input input_;
  std::size_t budget_;
  std::shared_ptr<TagCell> cells_[cells];
  std::map<Name, Known> known_;  // What may be there.
  std::vector<Held> held_;       // Outlives the tier.
  Memory memory_;
  Instant now_ = start;
  std::int64_t serial_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Play(Input(text_of(bytes, size))).run();
  Pins::reclaim();
  return 0;
}

}  // namespace headrace::fuzz
