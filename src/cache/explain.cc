// The whole story of one entry, for people: what memory and store hold, what it hangs on, and what
// a read would do now.  Takes nothing, changes nothing, counts nothing.
#include "cache/impl.h"

namespace headrace {

namespace {

std::string standing(Duration age, const Ages& ages) {
  if (age < ages.fresh) return "fresh";
  if (age < ages.stale) return "stale";
  if (age < ages.gone) return "stale, only after a failure";
  return "expired";
}

std::string name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fresh: return "fresh";
    case Verdict::stale: return "stale";
    case Verdict::on_error: return "stale, only after a failure";
    case Verdict::expired: return "expired";
    case Verdict::invalidated: return "invalidated";
    case Verdict::foreign: return "of another version of the policy";
    case Verdict::damaged: return "damaged";
  }
  return "unknown";
}

std::string hex_of(const StoreKey& key) {
  return to_hex({key.words[0], key.words[1]}) + to_hex({key.words[2], key.words[3]});
}

Explanation::Tier tier_of_memory(const EntryRef& entry, Instant now) {
  if (!entry) return {.state = "empty"};
  const Ages ages{.fresh = entry->fresh_until() - entry->read_at(),
                  .stale = entry->stale_until() - entry->read_at(),
                  .gone = entry->bound()};
  const Duration age = now - entry->read_at();
  return {.present = true,
          .state = standing(age, ages),
          .kind = entry->kind(),
          .age = age,
          .fresh_left = entry->fresh_until() - now,
          .gone_in = entry->gone_at() - now,
          .bytes = entry->charge(),
          .id = entry->id().is_none() ? "" : to_hex(entry->id()),
          .revision = entry->revision()};
}

Explanation::Tier tier_of_store(const Slot& slot, Verdict verdict, const Ages& ages) {
  switch (slot.state) {
    case Slot::State::empty: return {.state = "empty"};
    case Slot::State::leased: return {.state = "leased: a load is filling it"};
    case Slot::State::damaged: return {.present = true, .state = "damaged"};
    case Slot::State::held: break;
  }
  const Duration age = age_of(slot);
  const Envelope& envelope = slot.envelope;
  return {.present = true,
          .state = name_of(verdict),
          .kind = envelope.kind,
          .age = age,
          .fresh_left = ages.fresh - age,
          .gone_in = ages.gone - age,
          .bytes = envelope.payload.size(),
          .id = to_hex(envelope.id),
          .lease = envelope.lease.is_none() ? "" : to_hex(envelope.lease),
          .revision = envelope.revision,
          .read_wall = envelope.read_wall};
}

std::string verdict_of(const Explanation& story, Route route) {
  if (route == Route::off) return "A read goes to the source: " + story.rollout + ".";
  if (route == Route::shadow) return "A read goes to the source and is compared with the cache.";
  if (route == Route::sampled_out) {
    return "A read goes to the source: the entity is outside the policy's percentage.";
  }
  if (story.quarantined) {
    return "A read goes to the source: an invalidation has not reached the store yet.";
  }
  if (story.memory.state == "fresh") return "A read is answered from memory.";
  if (story.memory.state == "stale") {
    return "A read is answered from memory, stale, and starts a refresh.";
  }
  if (story.store.state == "fresh") return "A read is answered from the store.";
  if (story.store.state == "stale") {
    return "A read is answered from the store, stale, and starts a refresh.";
  }
  if (story.flight) return "A read waits for the load that is under way.";
  return "A read goes to the source.";
}

std::string rollout_of(const PolicyView& view) {
  if (!view.reads_on) return "off by the global switch";
  std::string text(name_of(view.policy.rollout));
  if (view.policy.rollout == Rollout::percentage) {
    const std::string number = std::to_string(view.policy.percentage);
    text += " " + number.substr(0, number.find('.') + 3) + " %";
  }
  return text;
}

}  // namespace

Task<Result<Explanation>> Engine::Impl::explain(PolicyHandle policy, std::string entity) {
  if (entity.size() > entity_bytes_max) {
    co_return failure(Code::too_large, "the entity is over 1024 bytes (entity_bytes_max)");
  }
  const PolicyState::Snapshot snapshot = policy->snapshot();
  const Compiled& compiled = *snapshot.compiled;
  const PolicyView view = policy->view();
  const Route route = PolicyState::route(policy->dial(), entity);
  const std::uint64_t hash = PolicyState::hash_of(snapshot.scope, entity);
  const StoreKey store_key = store_key_of(compiled.policy.tenant, compiled.policy.name, entity);
  const std::vector<WatermarkId> ids = compiled.watermarks_of(entity);
  const Instant now = ports_.clock.now();
  const EntryRef kept = memory_.find(snapshot.scope, hash, entity, now);

  Explanation story{.policy = compiled.policy.name,
                    .entity = entity,
                    .version = compiled.version,
                    .rollout = rollout_of(view),
                    .cached = route == Route::cached || route == Route::strict,
                    .level = std::string(headrace::name_of(compiled.policy.level)),
                    .store_key = hex_of(store_key),
                    .bound = bound_of(compiled.policy),
                    .flight = flights_.is_flying({snapshot.scope, hash, entity}),
                    .failures = kept ? kept->failures() : 0,
                    .quarantined = quarantine_.covers(store_key, ids),
                    .memory = tier_of_memory(kept, now)};
  std::vector<std::string> names(compiled.watermark_names.begin(), compiled.watermark_names.end());
  for (std::string& name : compiled.tag_names(entity)) names.push_back(std::move(name));
  for (const std::string& name : names) story.watermarks.push_back({.name = name});

  if (ports_.store != nullptr && compiled.is_storable()) {
    auto looked = store_call(ports_.store->look(store_key, ids, Store::Payload::with));
    const Result<Slot> slot = co_await looked;
    if (!slot) {
      story.store.state = "not answering: " + slot.error().what;
    } else {
      auto key = Key::make(compiled.key_scope, entity);
      const std::uint64_t jitter = jitter_of(store_key, slot->envelope.id);
      const Verdict verdict = judge(*slot, key->bytes(), ids, compiled.policy, jitter);
      const Ages ages = ages_of(compiled.policy, slot->envelope.kind, jitter);
      story.store = tier_of_store(*slot, verdict, ages);
      for (std::size_t i = 0; i < story.watermarks.size(); ++i) {
        Explanation::Mark& mark = story.watermarks[i];
        if (i < slot->watermarks.size()) mark.now = to_hex(slot->watermarks[i]);
        if (i < slot->envelope.watermarks.size()) {
          mark.then = to_hex(slot->envelope.watermarks[i].token);
        }
        mark.holds = !mark.then.empty() && mark.then == mark.now;
      }
    }
  } else {
    story.store.state = "none";
  }
  story.verdict = verdict_of(story, route);
  co_return story;
}

}  // namespace headrace
