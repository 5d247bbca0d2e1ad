// Behind a shadow read: the cache as if it were on, compared with what the source says.
//
// The reader has the source's answer and waits for nothing here.  What memory held before the
// source was asked is compared at once; otherwise a load of the cache's own runs, as for a reader,
// and what it finds in the store is compared, or what it fetches is kept for the next read.  So a
// shadow policy costs what it costs off and what it would cost on, together.
//
// What of it would be gained and lost is counted besides, so that it is known before the policy is
// on.  What a difference means is settled in verify.cc.
#include "cache/impl.h"

namespace headrace {

using Count = PolicyState::Count;

// Before the source is asked: what would have been answered, and what that depends on.
std::shared_ptr<Shadow> Engine::Impl::cast_shadow(const Read& read) {
  const Compiled& compiled = *read.snapshot.compiled;
  auto shadow = std::make_shared<Shadow>(marks_of(read.snapshot, read.entity));
  // A strict policy would have asked the store whether the copy in memory still holds.
  const bool asks_store = read.level != Level::bounded && ports_.store && compiled.is_storable();
  const Instant now = ports_.clock.now();
  read.policy->note_dry_read(now);
  const EntryRef kept =
      asks_store ? EntryRef() : memory_.find(read.snapshot.scope, read.hash, read.entity, now);
  const bool current = kept && is_current(kept->revision(), read.wanted);
  if (current && now < kept->stale_until()) shadow->kept = kept;
  return shadow;
}

namespace {

// What is kept may say when it was made, and then no two are alike: where a caller's own fetch
// names its state, the same state is no difference.
bool is_of_one_state(const Read& read, const Entry& kept, const Entry& said) {
  return read.loader && !kept.revision().empty() && kept.revision() == said.revision();
}

}  // namespace

// The reader has its answer, `said`.
void Engine::Impl::follow_shadow(const std::shared_ptr<Read>& read, EntryRef said) {
  const PolicyState::Dial dial = read->policy->dial();
  const Route route = PolicyState::route(dial, read->entity);
  if (closed_.load() || route == Route::off || route == Route::sampled_out) return;
  read->policy->count(Count::dry_reads, said->billed());
  if (const EntryRef kept = read->shadow->kept) {
    if (kept->fresh_until() <= ports_.clock.now()) {
      start_refresh(read->policy, read->snapshot, kept, read->loader, read->wanted);
    }
    read->policy->count(Count::would_hits);
    compare_shadow(*read, kept, Origin::memory, said);
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
                              read->policy->count(Count::would_hits);
                              self->compare_shadow(*read, landing.result->entry_ref(),
                                                   landing.result->origin(), said);
                            },
                        .launch =
                            [self, load = std::move(load)](std::shared_ptr<Flight> flight) mutable {
                              self->launch(std::move(load), std::move(flight));
                            }});
}

void Engine::Impl::compare_shadow(const Read& read, const EntryRef& kept, Origin origin,
                                  const EntryRef& said) {
  // What was read later, by another load, may be right where this reader's answer is outdated.
  if (kept->read_at() > said->read_at()) return;
  auto one = std::make_shared<Comparison>();
  one->policy = read.policy;
  one->snapshot = read.snapshot;
  one->entity = read.entity;
  one->before = read.shadow;
  one->kept = kept;
  one->said_at = ports_.clock.now();
  one->found = {.dry = true, .origin = origin, .age = said->read_at() - kept->read_at()};
  if (!still_holds(*one)) return;
  const std::optional<bool> same =
      is_same(*read.snapshot.compiled->codec, *kept, said->kind(), said->value());
  if (!same) return;
  if (!*same && is_of_one_state(read, *kept, *said)) return;
  if (*same) {
    read.policy->count(Count::shadow_matches);
  } else {
    look_into(std::move(one));
  }
}

}  // namespace headrace
