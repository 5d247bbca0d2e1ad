// Behind a shadow read: the cache as if it were on, compared with what the source says.
//
// The reader has the source's answer and waits for nothing here.  What memory held before the
// source was asked is compared at once; otherwise a load of the cache's own runs, as for a reader,
// and what it finds in the store is compared, or what it fetches is kept for the next read.  So a
// shadow policy costs what it costs off and what it would cost on, together.
//
// A difference is not yet a mistake: whoever changed the source may be about to invalidate.  It
// counts once `settles_after` has passed and no invalidation of what it depends on has come.
#include <algorithm>

#include "cache/impl.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

constexpr Duration settles_after = std::chrono::seconds(1);

// Whether two answers are the same; none if values of this type cannot be compared.
std::optional<bool> are_same(const ValueCodec& codec, const Entry& a, const Entry& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() != Kind::value) return true;
  if (!codec.encode) return std::nullopt;
  return codec.encode(a.value()) == codec.encode(b.value());
}

}  // namespace

// Before the source is asked: what would have been answered, and what that depends on.
std::shared_ptr<Shadow> Engine::Impl::cast_shadow(const Read& read) {
  const Compiled& compiled = *read.snapshot.compiled;
  auto shadow = std::make_shared<Shadow>();
  shadow->scope = read.snapshot.scope;
  shadow->ids = compiled.watermarks_of(read.entity);
  std::vector<WatermarkId> marks(
      shadow->ids.begin() + static_cast<std::ptrdiff_t>(compiled.watermarks.size()),
      shadow->ids.end());
  marks.push_back(WatermarkId::of(key_watermark(compiled.policy.name, read.entity)));
  shadow->stamps = tags_.stamp(marks);
  // A strict policy would have asked the store whether the copy in memory still holds.
  const bool asks_store = read.level != Level::bounded && ports_.store && compiled.is_storable();
  const Instant now = ports_.clock.now();
  const EntryRef kept =
      asks_store ? EntryRef() : memory_.find(read.snapshot.scope, read.hash, read.entity, now);
  const bool current = kept && is_current(kept->revision(), read.wanted);
  if (current && now < kept->stale_until()) shadow->kept = kept;
  return shadow;
}

// The reader has its answer, `said`.
void Engine::Impl::follow_shadow(const std::shared_ptr<Read>& read, EntryRef said) {
  const PolicyState::Dial dial = read->policy->dial();
  if (closed_.load() || PolicyState::route(dial, read->entity) == Route::off) return;
  if (const EntryRef kept = read->shadow->kept) {
    if (kept->fresh_until() <= ports_.clock.now()) {
      start_refresh(read->policy, read->snapshot, kept, read->loader, read->wanted);
    }
    compare_shadow(*read, kept, said);
    return;
  }
  const PolicyState::Snapshot snapshot = read->policy->snapshot();
  const std::uint64_t hash = PolicyState::hash_of(snapshot.scope, read->entity);
  const bool is_strict = read->level != Level::bounded;
  auto load = std::make_shared<Load>(Load{.policy = read->policy,
                                          .snapshot = snapshot,
                                          .entity = read->entity,
                                          .hash = hash,
                                          .loader = read->loader,
                                          .wanted = read->wanted,
                                          .strict = is_strict});
  const auto self = shared_from_this();
  (void)flights_.board({.key = {.scope = snapshot.scope, .hash = hash, .entity = read->entity},
                        .join = is_strict ? FlightTable::Join::unissued : FlightTable::Join::any,
                        .waiter =
                            [self, read, said](const Landing& landing) {
                              if (!landing.result || landing.result->origin() == Origin::source)
                                return;
                              self->compare_shadow(*read, landing.result->entry_ref(), said);
                            },
                        .launch =
                            [self, load = std::move(load)](std::shared_ptr<Flight> flight) mutable {
                              self->launch(std::move(load), std::move(flight));
                            }});
}

void Engine::Impl::compare_shadow(const Read& read, const EntryRef& kept, const EntryRef& said) {
  const auto still_holds = [](const PolicyState& policy, const Shadow& shadow) {
    return policy.scope() == shadow.scope && all_hold(shadow.stamps);
  };
  const Shadow& shadow = *read.shadow;
  const Compiled& compiled = *read.snapshot.compiled;
  // What was read later, by another load, may be right where this reader's answer is outdated.
  if (kept->read_at() > said->read_at() || !still_holds(*read.policy, shadow)) return;
  const StoreKey key = store_key_of(compiled.policy.tenant, compiled.policy.name, read.entity);
  if (quarantine_.covers(key, shadow.ids)) return;
  const std::optional<bool> same = are_same(*compiled.codec, *kept, *said);
  if (!same) return;
  if (*same) {
    read.policy->count(Count::shadow_matches);
    return;
  }
  const Duration age = said->read_at() - kept->read_at();
  ports_.executor.post_at(ports_.clock.now() + settles_after,
                          [policy = read.policy, shadow = read.shadow, age, still_holds] {
                            if (still_holds(*policy, *shadow)) policy->count_mismatch(age);
                          });
}

}  // namespace headrace
