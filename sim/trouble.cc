// What befalls the hosts, the servers, and the ways between them.
#include "sim/world.h"

#include <utility>

#include <fmt/format.h>

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void World::stand_still(Instance& instance, const Step& step, bool frozen) {
  tell([&] {
    return fmt::format("instance {} stands still{}", instance.id(),
                       frozen ? ", its clock too" : "");
  });
  instance.host().stand_still(frozen);
  if (frozen) oracle_.clock_stands_still(step.length);
  timeline_.after(step.length, the_world, [this, who = &instance] {
    if (!who->host().stands_still()) return;
    who->host().go_on();
    tell([&] { return fmt::format("instance {} goes on", who->id()); });
  });
}

// What makes a host die may damage its disk.  A floor that is lost with a record is known to no
// other instance: where floors matter, nothing is.
void World::spoil_disk(const Step& step) {
  if (!plan_.with_journal || plan_.names_revisions || part(step.extra, 5) % 2 == 0) return;
  if (disks_[step.host].spoil(step.extra))
    tell([] { return std::string("a record of its journal is lost"); });
}

void World::crash(std::size_t place, Duration away) {
  if (!instances_[place]) return;
  Instance& dying = *instances_[place];
  tell([&] { return fmt::format("instance {} dies", dying.id()); });
  for (const auto& one : instances_) {
    if (one && one->bus().has_lost_words_of(dying.bus())) oracle_.died_unknown(dying.id());
  }
  if (!dying.crash()) oracle_.violated("the code of a dead instance did not come to its end");
  under_way_.erase(dying.id());
  // What nobody else knew of goes with it.
  if (!plan_.with_store) allowance_judge_.ledger_lost();
  dead_.push_back(std::move(instances_[place]));
  timeline_.after(away, the_world, [this, place] {
    if (!instances_[place]) start_instance(place);
  });
}

// As soon as this event has ended.
void World::crash_now(HostId host) {
  timeline_.after(Duration::zero(), the_world, [this, host] {
    if (healed_) return;
    for (std::size_t place = 0; place < instances_.size(); ++place) {
      if (instances_[place] && instances_[place]->id() == host) crash(place, seconds(1));
    }
  });
}

// What befalls the servers and the ways to them.
void World::trouble(const Step& step) {
  using What = Step::What;
  const bool is_new = plan_.moves && step.entity % 2 == 1;
  Shelf& shelf = is_new ? new_shelf_ : shelf_;
  tell([&] {
    return fmt::format("{}{}", name_of(step.what), is_new ? ", of the new one if a store" : "");
  });
  switch (step.what) {
    case What::evict: {
      oracle_.store_lost_something();
      const std::size_t before = ledgers();
      shelf.evict(step.extra);
      if (ledgers() < before) allowance_judge_.ledger_lost();
      return;
    }
    case What::store_restart:
      oracle_.store_lost_something();
      allowance_judge_.ledger_lost();
      return shelf.restart_empty();
    case What::cut_store: {
      Instance* const who = instances_[step.host].get();
      if (who == nullptr) return;
      Link& way = is_new ? who->to_new_store() : who->to_store();
      way.cut(true);
      timeline_.after(step.length, the_world, [&way] { way.cut(false); });
      return;
    }
    case What::switch_off: return switch_off(step);
    case What::replicate: return shelf.replicate();
    case What::fail_over:
      oracle_.store_lost_something();
      oracle_.store_went_back();
      allowance_judge_.ledger_lost();
      return shelf.fail_over();
    case What::cut_bus: return cut_bus(step);
    case What::store_down: return take_away(store_weather_, store_downs_, step.length);
    case What::source_down: return take_away(source_weather_, source_downs_, step.length);
    case What::bus_down: return take_away(bus_weather_, bus_downs_, step.length);
    default: return;
  }
}

void World::switch_off(const Step& step) {
  Outbox& outbox = truth_.outbox();
  if (step.extra % 2 == 0) outbox.truncate();
  outbox.switch_off();
  timeline_.after(step.length, the_world, [&outbox] { outbox.switch_on(); });
}

void World::take_away(Weather& weather, int& downs, Duration length) {
  ++downs;
  weather.down = true;
  timeline_.after(length, the_world, [this, &weather, &downs] {
    if (!healed_) weather.down = --downs > 0;
  });
}

// For a moment nobody else hears what comes, and nobody notices.
void World::swallow_words_of(HostId host) {
  for (const auto& one : instances_) {
    if (!one || one->id() == host) continue;
    one->bus().lose_connection(ChannelBus::Loss::silent);
    timeline_.after(seconds(1), the_world, [who = one.get()] { who->bus().go_on(); });
  }
}

// The way there, the connection that brings messages, or both.
void World::cut_bus(const Step& step) {
  Instance* const who = instances_[step.host].get();
  if (who == nullptr) return;
  const bool silent = !plan_.bus_is_sound && step.entity % 2 == 0;
  const std::uint64_t which = silent ? 1 : part(step.extra, 5) % 3;
  const bool hears = which == 0;
  who->to_bus().cut(which != 1);
  if (!hears) {
    who->bus().lose_connection(silent ? ChannelBus::Loss::silent : ChannelBus::Loss::noticed);
  }
  timeline_.after(silent ? step.length + seconds(3) : step.length, the_world, [who, hears] {
    who->to_bus().cut(false);
    if (!hears) who->bus().go_on();
  });
}

}  // namespace headrace::sim
