#include "sim/oracle.h"

#include <algorithm>

#include <fmt/format.h>

namespace headrace::sim {

namespace {

// What the coarse steps of a simulated reply may add to an age.
constexpr Duration grain = std::chrono::milliseconds(1);

// No load lives longer.
constexpr Duration settled_after = std::chrono::seconds(5);

// A strict reader is spared so many loads that lost their race.
constexpr std::size_t reloads_at_least = 3;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void Floor::raise(Instant when, Version to) {
  if (rises_.empty() || rises_.back().to < to) rises_.push_back({when, to});
}

Version Floor::at(Instant when) const {
  const auto after = std::ranges::upper_bound(rises_, when, {}, &Rise::when);
  return after == rises_.begin() ? 0 : std::prev(after)->to;
}

Duration Oracle::widened(Duration bound) const {
  // Three clocks may take part: of who loaded, of the store, of who reads.
  return bound + bound / 1'000'000 * 3 * rules_.drift_ppm_max + grain + stood_still_;
}

void Oracle::violated(std::string what) {
  ++violations_;
  if (!violation_) violation_ = std::move(what);
}

void Oracle::answered(const Read& read, const Said& said) {
  ++answers_;
  const auto& [kind, told, age, from] = said;
  const Instant now = timeline_.now();
  const auto fail = [&](std::string_view rule, const std::string& why) {
    violated(fmt::format(
        "{}: instance {} answered v{} of {}/{} from {} ({} read, begun at {:.6f}); {}", rule,
        read.host, told.version, rules_.policies[read.place.policy].name, read.place.entity, from,
        name_of(read.level), seconds(read.began.time_since_epoch()), why));
  };
  if (told.version == 0 || told.version > truth_.latest(read.place.entity)) {
    return fail("from the future", "there is no such version");
  }
  if ((kind == Kind::absent) != truth_.is_absent(told.version)) {
    return fail("the kind", kind == Kind::absent ? "it is a value" : "it is an absence");
  }
  const Duration true_age = read.answered_after.value_or(now) - truth_.read_began(told.read);
  const Policy& policy = rules_.policies[read.place.policy];
  const Duration bound = kind == Kind::absent ? policy.absent_for : bound_of(policy);
  const bool was_kept = from != "source";
  const bool was_loaded = from != "memory";
  if (was_kept && true_age > widened(bound)) {
    fail("hard bound", fmt::format("its source read began {:.6f} s ago and the bound is {:.6f} s",
                                   seconds(true_age), seconds(bound)));
  }
  if (widened(age) < true_age) {
    fail("age", fmt::format("it says {:.6f} s and is {:.6f} s", seconds(age), seconds(true_age)));
  }
  const auto own = own_.find({read.host, read.place});
  if (own != own_.end() && told.version < own->second.at(read.began)) {
    fail("own truth", fmt::format("it had itself been told to invalidate all before v{}",
                                  own->second.at(read.began)));
  }
  if (rules_.races_are_known && own != own_.end() && read.level != Level::bounded && was_loaded &&
      told.version < own->second.at(now) && races(read.place, read.began) <= reloads_at_least) {
    fail("strict waiter",
         fmt::format("while it waited all before v{} was invalidated there", own->second.at(now)));
  }
  const auto [rule, least] = least_of(read);
  if (told.version < least) {
    fail(rule, fmt::format("an invalidation of all before v{} had returned", least));
  }
  if (const Version least_fed = least_told(read); told.version < least_fed) {
    fail("feed", fmt::format("v{} was committed {:.6f} s before", least_fed,
                             seconds(read.began - truth_.committed(read.place.entity, least_fed))));
  }
}

Version Oracle::least(const Read& read) const {
  const Policy& policy = rules_.policies[read.place.policy];
  const Duration bound = std::max(policy.absent_for, bound_of(policy));
  Version least = truth_.version_at(read.place.entity, read.began - widened(bound));
  const auto own = own_.find({read.host, read.place});
  if (own != own_.end()) least = std::max(least, own->second.at(read.began));
  return std::max({least, least_of(read).version, least_told(read)});
}

Version Oracle::least_told(const Read& read) const {
  if (rules_.feed_bound == Duration::zero()) return 0;
  Duration behind = widened(rules_.feed_bound);
  if (read.level == Level::bounded && rules_.with_bus) {
    if (!rules_.bus_is_sound) return 0;
    behind += widened(rules_.bus_bound);
  }
  return truth_.version_at(read.place.entity, read.began - behind);
}

// What an invalidation that has returned asks of this read: the strongest that there is.
Oracle::Least Oracle::least_of(const Read& read) const {
  const auto at = [&](const std::map<Place, Floor>& floors, Instant when) -> Version {
    const auto known = floors.find(read.place);
    return known == floors.end() ? 0 : known->second.at(when);
  };
  if (is_quiet_) {
    const bool strict = read.level != Level::bounded;
    const Least changed{"crash window", at(strict ? changed_ : changed_told_, read.began)};
    const Least quiet{"quiet", strict            ? at(confirmed_, read.began)
                               : rules_.with_bus ? at(quiet_, read.began)
                                                 : 0};
    return changed.version > quiet.version ? changed : quiet;
  }
  if (read.level != Level::bounded) return Least{"everywhere", at(confirmed_, read.began)};
  if (!rules_.with_bus) return {};
  if (read.deaf_since) {
    const Version missed = at(confirmed_, read.began - widened(rules_.proof_lasts));
    if (missed > at(confirmed_, *read.deaf_since)) return Least{"deaf", missed};
  }
  if (rules_.bus_bound == Duration::zero()) return {};
  const Least bounded{"the bus bound", at(confirmed_, read.began - widened(rules_.bus_bound))};
  if (!rules_.bus_is_sound) return bounded;
  const Least waited{"waited", at(waited_, read.began - stood_still_)};
  return waited.version > bounded.version ? waited : bounded;
}

std::size_t Oracle::races(Place place, Instant since) const {
  const auto after = std::ranges::upper_bound(losses_, since);
  auto count = static_cast<std::size_t>(losses_.end() - after);
  for (const auto& [where, when] : invalidated_at_) {
    if (where.second == place) count += invalidations(where.first, place, since);
  }
  return count;
}

std::size_t Oracle::invalidations(HostId host, Place place, Instant since) const {
  const auto known = invalidated_at_.find({host, place});
  if (known == invalidated_at_.end()) return 0;
  const auto after = std::ranges::upper_bound(known->second, since);
  return static_cast<std::size_t>(known->second.end() - after);
}

Oracle::Invalidation Oracle::invalidation_called(HostId host, const std::vector<Place>& places) {
  Invalidation made{.host = host, .called = timeline_.now()};
  for (const Place& place : places) {
    const auto one = invalidation_called(host, {place}, truth_.latest(place.entity));
    made.covered.push_back(one.covered.front());
  }
  return made;
}

Oracle::Invalidation Oracle::invalidation_called(HostId host, const std::vector<Place>& places,
                                                 Version covered) {
  Invalidation made{.host = host, .called = timeline_.now()};
  for (const Place& place : places) {
    own_[{host, place}].raise(timeline_.now(), covered);
    made.covered.emplace_back(place, covered);
  }
  loads_cut_off(host, places);
  return made;
}

void Oracle::loads_cut_off(HostId host, const std::vector<Place>& places) {
  for (const Place& place : places) invalidated_at_[{host, place}].push_back(timeline_.now());
}

void Oracle::inherited(HostId heir, const Invalidation& invalidation) {
  for (const auto& [place, version] : invalidation.covered) {
    own_[{heir, place}].raise(timeline_.now(), version);
  }
}

void Oracle::invalidation_held(const Invalidation& invalidation, bool waited) {
  // What the store has confirmed before it went back, its caller may learn only now.
  for (const auto& [place, version] : invalidation.covered) {
    if (may_be_forgotten(invalidation)) {
      forgotten_.push_back({invalidation.host, place, version, invalidation.called});
      continue;
    }
    confirmed_[place].raise(timeline_.now(), version);
    confirmed_by_.push_back({invalidation.host, place, version, invalidation.called});
    if (waited) waited_[place].raise(timeline_.now(), version);
  }
}

void Oracle::store_went_back() {
  went_back_at_ = timeline_.now();
  confirmed_.clear();
  waited_.clear();
  forgotten_.insert(forgotten_.end(), confirmed_by_.begin(), confirmed_by_.end());
  confirmed_by_.clear();
}

void Oracle::all_is_quiet(const std::map<HostId, Instant>& living_since) {
  is_quiet_ = true;
  const auto expect = [this](const Confirmed& one) {
    confirmed_[one.place].raise(timeline_.now(), one.version);
    if (!unknown_.contains(one.host)) quiet_[one.place].raise(timeline_.now(), one.version);
  };
  std::ranges::for_each(confirmed_by_, expect);
  for (const Confirmed& one : forgotten_) {
    const bool somebody_knows =
        living_since.contains(one.host) ||
        // Who came while it was told may have come too late to hear it.
        (rules_.words_arrive && std::ranges::any_of(living_since, [&](const auto& living) {
           return living.second < one.called;
         }));
    if (somebody_knows) expect(one);
  }
}

void Oracle::changed_under_guard(const std::vector<Place>& places, Version version, bool told) {
  for (const Place& place : places) {
    changed_[place].raise(timeline_.now(), version);
    if (told) changed_told_[place].raise(timeline_.now(), version);
  }
}

std::uint64_t Oracle::load_began(HostId host, Place place, bool must_be_alone) {
  std::set<std::uint64_t>& under_way = loads_[{host, place}];
  under_way.insert(++last_load_);
  const bool is_settled = invalidations(host, place, timeline_.now() - settled_after) == 0;
  if (must_be_alone && is_settled && under_way.size() > 1) {
    violated(fmt::format("one load: instance {} loads {}/{} {} times at once", host,
                         rules_.policies[place.policy].name, place.entity, under_way.size()));
  }
  return last_load_;
}

void Oracle::call_began(HostId host, PolicyNumber policy, std::size_t under_way) {
  const Policy& rules = rules_.policies[policy];
  if (under_way <= rules.source_calls_max) return;
  violated(fmt::format("budget: instance {} makes {} calls for {} at once, of at most {}", host,
                       under_way, rules.name, rules.source_calls_max));
}

void Oracle::load_ended(HostId host, Place place, std::uint64_t ticket) {
  const auto known = loads_.find({host, place});
  if (known == loads_.end()) return;
  known->second.erase(ticket);
  if (known->second.empty()) loads_.erase(known);
}

std::uint64_t Oracle::update_called() {
  updates_.emplace_back();
  return updates_.size() - 1;
}

void Oracle::update_made(EntityNumber entity, Version made, Increment by) {
  const bool from_absence = by.from == 0 && truth_.is_absent(made - 1);
  if (by.from != made - 1 && !from_absence) {
    violated(fmt::format("lost update: update {} made v{} of {} from v{}, over what came between",
                         by.update, made, entity, by.from));
  }
  Update& update = updates_.at(by.update);
  if (++update.made > 1) violated(fmt::format("update: {} was made twice", by.update));
  if (update.is_not)
    violated(fmt::format("update: {} was said not to be made, and was", by.update));
}

void Oracle::update_ended(std::uint64_t number, Ended ended) {
  Update& update = updates_.at(number);
  update.is_not = ended == Ended::not_made;
  if (update.made == (ended == Ended::made ? 1 : 0)) return;
  violated(fmt::format("update: {} was said to be made {} time(s), and was {}", number,
                       ended == Ended::made ? 1 : 0, update.made));
}

void Oracle::host_died(HostId host) {
  std::erase_if(own_, [host](const auto& one) { return one.first.first == host; });
  std::erase_if(loads_, [host](const auto& one) { return one.first.first == host; });
}

}  // namespace headrace::sim
