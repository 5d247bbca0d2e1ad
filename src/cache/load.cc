// The life of a load: obeys the fill protocol (fill.h), step by step, and lands the flight.
//
// Everything the answer depends on is noted before the first remote read (prepare), and compared at
// the moment of keeping (keep, lost_race).  What happens in between cannot be missed.
#include <algorithm>
#include <cassert>
#include <exception>

#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

using Count = PolicyState::Count;

void Engine::Impl::launch(LoadRef load, std::shared_ptr<Flight> flight) {
  load->flight = std::move(flight);
  gate_.enter();
  start(fly(std::move(load)), [self = shared_from_this()] { self->gate_.leave(); });
}

Task<void> Engine::Impl::fly(LoadRef load) {
  if (prepare(*load)) co_await run_fill(load);
  if (load->fill->lease_in_doubt()) {
    give_back(load->store_key, load->lease, load->snapshot.compiled->policy.load_within);
  }
  const bool is_fetched = load->fill->result() == Fill::Result::fetched;
  if (is_fetched && rarely(Rare::slow_before_keeping)) co_await dawdle();
  const Landing landing = landing_of(*load);
  flights_.land(load->flight, landing);
  tell_who_waits(load->lease);
  const bool refresh =
      load->fill->wants_refresh() && landing.result.has_value() && !landing.lost_race;
  if (refresh) {
    start_refresh(load->policy, load->snapshot, landing.result->entry_ref(), load->loader,
                  load->wanted);
  }
}

// Notes what the load depends on.  False if memory has the answer by now, so that nothing is left
// to do: another load landed between this reader's look and its flight.
bool Engine::Impl::prepare(Load& load) {
  const Compiled& compiled = *load.snapshot.compiled;
  load.ids = compiled.watermarks_of(load.entity);
  load.store_key = store_key_of(compiled.policy.tenant, compiled.policy.name, load.entity);
  load.stamps = tags_.stamp(std::span(load.ids).subspan(compiled.watermarks.size()));
  // Whoever waits for it can tell whether we are still there.
  load.lease = {.high = hearing_.self().high, .low = ports_.random.bits() | 1};
  if (removed(Mechanism::random_tokens)) load.lease = {1, scopes_.fetch_add(1) + 1};
  load.id = ports_.random.token();
  flights_.begin(*load.flight, load.stamps, load.lease);

  // After the stamps: an invalidation either is seen here or moves what was noted.
  const bool quarantined = quarantine_.covers(load.store_key, load.ids) || distrusts_store();
  if (load.purpose != Fill::Purpose::bypass && quarantined) {
    sometimes(Mark::quarantined_read);
    load.purpose = Fill::Purpose::bypass;
    load.reason = Reason::quarantined;
  }
  const bool with_store = ports_.store != nullptr && compiled.is_storable();
  const Instant now = ports_.clock.now();
  if (load.purpose == Fill::Purpose::read || load.purpose == Fill::Purpose::refresh) {
    // Looked up anew, after the stamps: what a caller has found before may be outdated by now.  A
    // copy is counted: a thread's few pins are not for what waits for a source.
    const EntryRef kept = memory_.find(load.snapshot.scope, load.hash, load.entity, now);
    load.basis = kept;
  }
  // What only memory holds is no answer where the store has to confirm it, or others may know more.
  load.needs_store = load.strict && (with_store || ports_.bus != nullptr);
  const Duration part = compiled.policy.fetch_within / Fill::lease_waits_part;
  const bool current = load.basis && is_current(load.basis->revision(), load.wanted);
  const bool landed_meanwhile = current && !load.strict && now < load.basis->fresh_until();
  if (load.basis && load.reason == Reason::cold) {
    load.reason = current ? Reason::expired : Reason::invalidated;
  }
  load.fill.emplace(Fill::Setup{
      .purpose = load.purpose,
      .reason = load.reason,
      .has_store = with_store,
      .learns_floors = compiled.source != nullptr && compiled.source->shows_commits_late(),
      .lease = load.lease,
      .chance = ports_.random.bits(),
      .kept_on_error = load.basis && !load.needs_store && now < load.basis->gone_at(),
      .lease_waits_max = std::min(Fill::lease_waits_total_max, part),
      .present_waits_max = std::min(Fill::present_waits_total_max, load.strict ? part : 2 * part)});
  auto key = Key::make(compiled.key_scope, load.entity);
  assert(key.has_value());  // The names were checked by define(), the entity by the read.
  load.key = std::string(key->bytes());
  return !landed_meanwhile;
}

Task<void> Engine::Impl::run_fill(LoadRef load) {
  load->flight->set_issued();
  Fill::Step step = load->fill->begin();
  while (step.what != Fill::State::landed) {
    switch (step.what) {
      case Fill::State::looking: step = co_await ask_for_floors(load); break;
      case Fill::State::asking: step = co_await ask_store(load); break;
      case Fill::State::taking_over: step = co_await take_over(load, step.expected); break;
      case Fill::State::waiting: {
        auto waiting = wait_for_lease(load, step.expected, step.pause);
        co_await std::move(waiting);
        step = load->fill->waited();
        break;
      }
      case Fill::State::fetching:
        if (rarely(Rare::slow_before_fetch)) co_await dawdle();
        step = co_await ask_source(load);
        break;
      case Fill::State::holding_off: {
        Pause pause{ports_.executor, ports_.clock.now() + step.pause};
        co_await pause;
        step = load->fill->held_off();
        break;
      }
      case Fill::State::publishing:
        if (rarely(Rare::slow_before_publish)) co_await dawdle();
        step = co_await publish(load, step.expected);
        break;
      case Fill::State::voiding: step = co_await void_slot(load, step.expected); break;
      case Fill::State::releasing: step = co_await release(load, step.expected); break;
      case Fill::State::landed: break;
    }
  }
}

// Without taking anything, and whatever the slot holds.
Task<Fill::Step> Engine::Impl::ask_for_floors(LoadRef load) {
  const StoreTrust::Epoch epoch = trust_.epoch();
  auto asked = store_call(ports_.store->look(load->store_key, {}, Store::Payload::without));
  const Result<Slot> slot = co_await asked;
  if (!slot || !counts(slot->incarnation, epoch)) co_return load->fill->look_failed();
  load->slot.floors = slot->floors;
  co_return load->fill->looked(slot->guarded);
}

Task<Fill::Step> Engine::Impl::ask_store(LoadRef load) {
  const Compiled& compiled = *load->snapshot.compiled;
  if (removed(Mechanism::lease_first) && !load->loader && !load->early) {
    load->early = true;
    load->read_at = ports_.clock.now();
    auto task = call_source(
        load->snapshot.compiled,
        {.entity = load->entity, .deadline = ports_.clock.now() + compiled.policy.load_within});
    load->read_early = co_await std::move(task);
  }
  bool was_guarded = false;
  if (removed(Mechanism::guard_after_grant)) {
    auto look = store_call(ports_.store->look(load->store_key, {}, Store::Payload::without));
    const Result<Slot> before = co_await look;
    was_guarded = before && before->guarded;
  }
  const StoreTrust::Epoch epoch = trust_.epoch();
  const Instant asked_at = ports_.clock.now();
  const Duration lease_for =
      rarely(Rare::short_lease) ? std::chrono::milliseconds(1) : compiled.policy.load_within;
  auto asked =
      store_call(ports_.store->get_or_lease(load->store_key, load->lease, lease_for, load->ids));
  Result<Store::Claim> claim = co_await asked;
  if (!claim || !counts(claim->slot.incarnation, epoch)) co_return load->fill->ask_failed();
  load->slot = std::move(claim->slot);
  // The store spoke at some moment in between; what it holds may be older by all of it.
  load->slot_at = ports_.clock.now();
  load->slot.stored_for += load->slot_at - asked_at;
  load->slot.kept_for -= load->slot_at - asked_at;
  Fill::StoreSaw saw{
      .granted = claim->granted,
      .slot = load->slot.state,
      .token = load->slot.token,
      .guarded = removed(Mechanism::guard_after_grant) ? was_guarded : load->slot.guarded,
      .lease_left = load->slot.lease_left};
  if (!saw.granted && saw.slot == Slot::State::leased) {
    look_at_owner(saw);
  } else if (!saw.granted) {
    saw.verdict = judge_held(*load);
  }
  co_return load->fill->asked(saw);
}

// What is there at another revision than is wanted stays until what replaces it is there.
Verdict Engine::Impl::judge_held(const Load& load) {
  const Verdict verdict = judge(load.slot, load.key, load.ids, load.snapshot.compiled->policy,
                                jitter_of(load.store_key, load.slot.envelope.id));
  const bool usable = verdict == Verdict::fresh || verdict == Verdict::stale;
  if (!usable || is_current(load.slot.envelope.revision, load.wanted)) return verdict;
  return load.allow_outdated ? Verdict::stale : Verdict::on_error;
}

// Whether anything will come of the lease that was met: who took it says half of its token.
void Engine::Impl::look_at_owner(Fill::StoreSaw& saw) const {
  if (saw.token.high == hearing_.self().high) {
    saw.lease_is_idle = !flights_.needs(saw.token);
    saw.owner_is_present = true;
    return;
  }
  const Hearing::Presence owner = hearing_.presence_of(saw.token.high);
  saw.lease_is_idle = owner == Hearing::Presence::gone;
  saw.owner_is_present = owner == Hearing::Presence::present;
  if (saw.lease_is_idle) sometimes(Mark::lease_of_the_dead);
}

Task<Fill::Step> Engine::Impl::take_over(LoadRef load, Token expected) {
  auto asked = store_call(ports_.store->take_over(load->store_key, expected, load->lease,
                                                  load->snapshot.compiled->policy.load_within));
  const Result<Published> outcome = co_await asked;
  if (!outcome) co_return load->fill->take_over_failed();
  co_return load->fill->took_over(*outcome);
}

Task<Fill::Step> Engine::Impl::ask_source(LoadRef load) {
  if (!load->early) load->read_at = ports_.clock.now();
  if (load->deadline == Instant{}) {
    load->deadline = load->read_at + load->snapshot.compiled->policy.load_within;
  }
  load->floors = floors_of(*load);
  load->error = {};
  Fetch fetch{.entity = load->entity,
              .deadline = load->deadline,
              .stop = load->flight->stop_token(),
              .primary = !load->floors.empty()};
  if (load->basis && load->basis->kind() == Kind::value) {
    fetch.revision = load->basis->revision();
  } else if (load->fill->store_on_error() && load->slot.envelope.kind == Kind::value) {
    fetch.revision = load->slot.envelope.revision;
  }
  const std::string offered = fetch.revision;
  load->policy->count(Count::loads);
  auto task = load->loader
                  ? load_in_turn(load->loader, load->snapshot.compiled->budget, std::move(fetch))
                  : call_source(load->snapshot.compiled, std::move(fetch));
  Error late{.code = Code::timed_out, .what = "the source did not answer within load_within"};
  auto answer = within(ports_.executor, gate_, std::move(task), load->deadline, std::move(late));
  Result<Loaded> loaded = co_await answer;
  if (std::exchange(load->early, false)) loaded = std::move(load->read_early);
  if (loaded) {
    load->loaded = *std::move(loaded);
    load->policy->count_billed(load->loaded.kind, load->loaded.empty, load->loaded.billed);
    // In shadow a reader's own load is nobody else's.
    if (load->policy->dial().shadow && !load->alone) {
      load->policy->count(Count::behind_reads, load->loaded.billed);
    }
    co_return settle_fetch(*load, offered);
  }
  load->error = std::move(loaded.error());
  if (load->error.code == Code::timed_out) sometimes(Mark::late_result);
  load->policy->count(Count::load_failures);
  co_return load->fill->fetch_failed();
}

// What the store has told, what this instance knows by itself, and whether there may be more.
FloorNames Engine::Impl::floors_of(const Load& load) const {
  FloorNames floors = floors_.of(load.store_key, ports_.clock.now());
  floors.insert(floors.end(), load.slot.floors.begin(), load.slot.floors.end());
  const bool alone = ports_.store == nullptr && ports_.bus == nullptr;
  if (!alone && load.fill->floors_in_doubt()) floors.emplace_back();
  return floors;
}

// `offered` is the revision that the source was told is held.
Fill::Step Engine::Impl::settle_fetch(Load& load, std::string_view offered) {
  const Source* const source = load.snapshot.compiled->source.get();
  // Nobody can ask a caller's own fetch.
  if (source != nullptr && !load.loader && load.fill->heeds_floors()) {
    const Loaded& loaded = load.loaded;
    const bool names_none = loaded.unchanged && loaded.revision.empty();
    if (!covers_all(*source, names_none ? offered : loaded.revision, load.floors)) {
      return too_old(load);
    }
    if (load.fill->has_held_off()) sometimes(Mark::floor_met_late);
  }
  const bool publishable = settle_loaded(load);
  if (load.error.what.empty()) return load.fill->fetched(publishable);
  load.policy->count(Count::load_failures);
  return load.fill->fetch_failed();
}

Fill::Step Engine::Impl::too_old(Load& load) {
  const bool is_wanted = !load.flight->stop_token().stop_requested();
  const Duration left = is_wanted ? load.deadline - ports_.clock.now() : Duration::zero();
  const Fill::Step next = load.fill->too_old(left);
  if (next.what != Fill::State::holding_off) {
    load.error = {.code = Code::source_unavailable,
                  .what =
                      "what the source answers within load_within does not contain a change "
                      "that an invalidation has named"};
    load.policy->count(Count::load_failures);
  }
  return next;
}

// Makes what was loaded ready to be answered.  Returns whether it may be kept.
bool Engine::Impl::settle_loaded(Load& load) {
  const Compiled& compiled = *load.snapshot.compiled;
  Loaded& loaded = load.loaded;
  if (loaded.unchanged) {
    load.policy->count(Count::source_unchanged);
    if (load.basis && load.basis->kind() == Kind::value) {
      loaded.value = load.basis->shared_value();
    } else if (load.fill->store_on_error() && load.slot.envelope.kind == Kind::value) {
      if (auto value = compiled.codec->decode(load.slot.envelope.payload)) {
        loaded.value = *std::move(value);
      }
    }
    loaded.kind = Kind::value;
  }
  if (loaded.kind == Kind::value && !loaded.value) {
    load.error = {.code = Code::source_failed,
                  .what = loaded.unchanged ? "the source says unchanged, but no copy is held"
                                           : "the fetch returned a value without a value"};
    return false;
  }
  if (loaded.kind != Kind::value) loaded.value = nullptr;
  if (loaded.kind == Kind::absent && compiled.policy.absent_for <= Duration::zero()) return false;
  if (loaded.kind == Kind::value) {
    if (compiled.is_storable()) load.payload = compiled.codec->encode(loaded.value.get());
    const std::size_t bytes =
        compiled.is_storable() ? load.payload.size() : compiled.codec->bytes(loaded.value.get());
    if (bytes > compiled.policy.value_bytes_max) {
      load.policy->count(Count::oversize);
      return false;
    }
  }
  return true;
}

Task<Result<Loaded>> Engine::Impl::call_source(std::shared_ptr<const Compiled> compiled,
                                               Fetch fetch) {
  auto task = compiled->gatherer
                  ? compiled->gatherer->fetch(std::move(fetch))
                  : fetch_in_turn(compiled->source, compiled->budget, std::move(fetch));
  Result<Fetched> fetched = co_await std::move(task);
  if (!fetched) co_return std::unexpected(std::move(fetched.error()));
  Loaded loaded{.kind = fetched->kind,
                .unchanged = fetched->unchanged,
                .revision = std::move(fetched->revision),
                .billed = fetched->billed,
                .empty = fetched->empty};
  if (loaded.kind == Kind::value && !loaded.unchanged) {
    auto value = compiled->codec->decode(fetched->payload);
    if (!value) co_return failure(Code::source_failed, std::move(value.error().what));
    loaded.value = *std::move(value);
  }
  co_return loaded;
}

Task<Fill::Step> Engine::Impl::publish(LoadRef load, Token expected) {
  const Compiled& compiled = *load->snapshot.compiled;
  const Duration age = ports_.clock.now() - load->read_at;
  const Duration keep_for =
      ages_of(compiled.policy, load->loaded.kind, jitter_of(load->store_key, load->id)).gone - age;
  const bool too_late = keep_for <= Duration::zero() || rarely(Rare::no_publish);
  if (too_late || load->slot.watermarks.size() != load->ids.size()) {
    // It took longer than it may live: nothing to publish, and others shall not wait for it.
    auto given_back = store_call(ports_.store->release(load->store_key, load->lease));
    (void)co_await given_back;
    co_return load->fill->publish_failed();
  }
  const auto wall_age = std::chrono::duration_cast<std::chrono::milliseconds>(age);
  Envelope envelope{.id = load->id,
                    .lease = expected == load->lease ? load->lease : Token{},
                    .kind = load->loaded.kind,
                    .key = load->key,
                    .read_wall = ports_.clock.wall_now() - wall_age,
                    .age_at_publish = age,
                    .revision = load->loaded.revision,
                    .payload = load->payload};
  for (std::size_t i = 0; i < load->ids.size(); ++i) {
    envelope.watermarks.push_back({load->ids[i], load->slot.watermarks[i]});
  }
  if (removed(Mechanism::store_fence) || removed(Mechanism::own_token)) {
    // Unconditional, or if nobody else is there; and under the watermarks of now: what a cache
    // without the fence does.
    auto look = store_call(ports_.store->look(load->store_key, load->ids, Store::Payload::without));
    const Result<Slot> now = co_await look;
    for (std::size_t i = 0; now && i < load->ids.size(); ++i) {
      envelope.watermarks[i].token = now->watermarks[i];
    }
    const bool is_free = now && (now->state == Slot::State::empty || now->token == expected);
    if (!is_free && !removed(Mechanism::store_fence)) {
      co_return load->fill->published(Published::refused);
    }
    envelope.age_at_publish = ports_.clock.now() - load->read_at;
    auto put = store_call(ports_.store->put(load->store_key, std::move(envelope), keep_for));
    (void)co_await put;
    co_return load->fill->published(Published::stored);
  }
  auto asked =
      store_call(ports_.store->publish(load->store_key, expected, std::move(envelope), keep_for));
  const Result<Published> outcome = co_await asked;
  if (!outcome) co_return load->fill->publish_failed();
  if (*outcome == Published::refused) load->policy->count(Count::publishes_refused);
  if (*outcome == Published::stored && compiled.policy.level == Level::critical) {
    auto checking = check_marker(load);
    co_return co_await std::move(checking);
  }
  co_return load->fill->published(*outcome);
}

// What was revoked while it was being kept is not answered.
Task<Fill::Step> Engine::Impl::check_marker(LoadRef load) {
  auto asked = store_call(ports_.store->look(load->store_key, {}, Store::Payload::without));
  const Result<Slot> slot = co_await asked;
  if (!slot) co_return load->fill->publish_failed();
  const bool holds =
      !slot->guarded && slot->state == Slot::State::held && slot->envelope.id == load->id;
  co_return load->fill->published(holds ? Published::stored : Published::refused);
}

// Empties the slot if it still holds what was found there: a lease takes its place and is given
// back.
Task<Fill::Step> Engine::Impl::void_slot(LoadRef load, Token expected) {
  auto asked = store_call(ports_.store->take_over(load->store_key, expected, load->lease,
                                                  load->snapshot.compiled->policy.load_within));
  const Result<Published> outcome = co_await asked;
  if (outcome && *outcome == Published::stored) {
    auto given_back = store_call(ports_.store->release(load->store_key, load->lease));
    (void)co_await given_back;
  }
  co_return load->fill->voided();
}

Task<Fill::Step> Engine::Impl::release(LoadRef load, Token lease) {
  auto asked = store_call(ports_.store->release(load->store_key, lease));
  const Result<void> outcome = co_await asked;
  co_return outcome ? load->fill->released() : load->fill->release_failed();
}

// Time in which much may happen elsewhere; only where rare branches are made frequent.
Pause Engine::Impl::dawdle() {
  const auto some = std::chrono::microseconds(ports_.random.bits() % 100'000);
  return {ports_.executor, ports_.clock.now() + some};
}

bool Engine::Impl::lost_race(const Load& load) const {
  return load.fill->refused() || load.snapshot.scope != load.policy->scope() ||
         !all_hold(load.stamps) || (load.flight->detached() && !load.alone);
}

bool Engine::Impl::keep(const Load& load, const EntryRef& entry) {
  const auto kept = memory_.keep(entry, [this, &load] {
    return removed(Mechanism::memory_fence) ||
           (!lost_race(load) && load.purpose != Fill::Purpose::bypass);
  });
  if (kept == Memory::Kept::kept) load.policy->count(Count::fills_kept);
  if (kept == Memory::Kept::fenced) {
    sometimes(Mark::fill_fenced);
    load.policy->count(Count::fills_fenced);
  }
  return kept == Memory::Kept::kept;
}

EntryRef Engine::Impl::entry_of_loaded(Load& load) {
  const Compiled& compiled = *load.snapshot.compiled;
  if (removed(Mechanism::memory_fence)) {
    // Noted only now, after the source was read: what a cache without the fence does.
    load.snapshot.scope = load.policy->scope();
    load.hash = PolicyState::hash_of(load.snapshot.scope, load.entity);
    load.stamps = tags_.stamp(std::span(load.ids).subspan(compiled.watermarks.size()));
  }
  const Ages ages = ages_of(compiled.policy, load.loaded.kind, jitter_of(load.store_key, load.id));
  const bool is_value = load.loaded.kind == Kind::value;
  return Entry::make({.scope = load.snapshot.scope,
                      .entity = load.entity,
                      .kind = load.loaded.kind,
                      .value = load.loaded.value,
                      .value_bytes = is_value ? compiled.codec->bytes(load.loaded.value.get()) : 0,
                      .is_plain = compiled.codec->is_plain,
                      .read_at = load.read_at,
                      .fresh_until = load.read_at + ages.fresh,
                      .stale_until = load.read_at + ages.stale,
                      .gone_at = load.read_at + ages.gone,
                      .id = load.fill->is_stored() ? load.id : Token{},
                      .billed = load.loaded.billed,
                      .revision = load.loaded.revision,
                      .stamps = load.stamps});
}

Result<EntryRef> Engine::Impl::entry_of_slot(const Load& load) const {
  const Compiled& compiled = *load.snapshot.compiled;
  const Envelope& envelope = load.slot.envelope;
  std::shared_ptr<const void> value;
  std::size_t bytes = 0;
  if (envelope.kind == Kind::value) {
    auto decoded = compiled.codec->decode(envelope.payload);
    if (!decoded) return std::unexpected(decoded.error());
    value = *std::move(decoded);
    bytes = compiled.codec->bytes(value.get());
  }
  const Ages ages = ages_of(compiled.policy, envelope.kind, jitter_of(load.store_key, envelope.id));
  const Instant read_at = load.slot_at - age_of(load.slot);
  // Never beyond what the store says is left: who filled it may have another policy.
  const Instant ends = load.slot_at + load.slot.kept_for;
  return Entry::make({.scope = load.snapshot.scope,
                      .entity = load.entity,
                      .kind = envelope.kind,
                      .value = std::move(value),
                      .value_bytes = bytes,
                      .is_plain = compiled.codec->is_plain,
                      .read_at = read_at,
                      .fresh_until = std::min(ends, read_at + ages.fresh),
                      .stale_until = std::min(ends, read_at + ages.stale),
                      .gone_at = std::min(ends, read_at + ages.gone),
                      .id = envelope.id,
                      .billed = load.policy->mean_billed(),  // The envelope has no place for it.
                      .revision = envelope.revision,
                      .stamps = load.stamps});
}

Landing Engine::Impl::landing_of(Load& load) {
  if (load.fill->state() != Fill::State::landed) {  // Memory had the answer by now.
    return {.result = AnyAnswer(load.basis, Origin::memory, Reason::fresh, ports_.clock.now())};
  }
  switch (load.fill->result()) {
    case Fill::Result::stored: return land_stored(load);
    case Fill::Result::fetched: return land_fetched(load);
    case Fill::Result::kept_on_error:
    case Fill::Result::failed: break;
  }
  return land_failed(load);
}

Landing Engine::Impl::land_stored(Load& load) {
  auto entry = entry_of_slot(load);
  if (!entry) {  // Whole, but not what this program's type looks like: a bug of the codec's.
    return {.result =
                failure(Code::damaged, "a kept value cannot be decoded: " + entry.error().what)};
  }
  const bool lost = lost_race(load);
  keep(load, *entry);
  return {.result = AnyAnswer(*entry, Origin::store, load.fill->reason(), ports_.clock.now()),
          .lost_race = lost};
}

Landing Engine::Impl::land_fetched(Load& load) {
  if (load.fill->outdates()) memory_.erase(load.snapshot.scope, load.hash, load.entity);
  const EntryRef entry = entry_of_loaded(load);
  const bool lost = lost_race(load);
  // A strict policy keeps in memory only what the store can confirm.
  const bool confirmable = !load.strict || !load.snapshot.compiled->is_storable() ||
                           ports_.store == nullptr || !entry->id().is_none();
  if (load.fill->may_keep() && confirmable) {
    keep(load, entry);
  } else if (removed(Mechanism::memory_fence) && load.purpose != Fill::Purpose::bypass) {
    keep(load, entry);
  } else if (load.fill->refused()) {
    load.policy->count(Count::fills_fenced);
  }
  return {.result = AnyAnswer(entry, Origin::source, load.fill->reason(), ports_.clock.now()),
          .lost_race = lost};
}

// The source failed: what was kept may still do, and the next try waits a little longer.
Landing Engine::Impl::land_failed(Load& load) {
  if (load.fill->result() == Fill::Result::failed) return {.result = std::unexpected(load.error)};
  const bool from_memory = load.basis && !load.needs_store;
  EntryRef kept = from_memory ? load.basis : EntryRef();
  if (!kept && load.fill->store_on_error()) {
    if (auto entry = entry_of_slot(load)) {
      kept = *std::move(entry);
      keep(load, kept);
    }
  }
  if (!kept) return {.result = std::unexpected(load.error)};
  const Policy& policy = load.snapshot.compiled->policy;
  const std::uint32_t failures = kept->note_failure();
  Duration pause = policy.retry_after;
  for (std::uint32_t i = 0; i < failures && pause < policy.retry_after_max; ++i) pause *= 2;
  const Instant now = ports_.clock.now();
  const Instant retry_at = now + std::min(pause, policy.retry_after_max);
  kept->retry_at(retry_at);
  if (now >= kept->gone_at() || lost_race(load)) return {.result = std::unexpected(load.error)};
  sometimes(Mark::answered_after_failure);
  const Reason reason = now < kept->stale_until() ? Reason::stale : Reason::stale_on_error;
  const Origin origin = from_memory ? Origin::memory : Origin::store;
  return {.result = AnyAnswer(kept, origin, reason, now)};
}

}  // namespace headrace
