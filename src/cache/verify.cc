// Answers from what is kept, compared with the source behind the reader's back.
//
// A hit costs nothing for it: of each thread's hits the counter is compared with a mark, and only
// the one that is drawn begins a comparison, of which a policy has few at once and of one entry one
// at a time.  The source is asked past flights and tiers, so that nothing is filled by it, with a
// permit that no reader needs (Admission::spare), and as long as the policy's budget lasts.
//
// A difference is not yet a mistake: whoever changed the source may be about to invalidate.  It
// counts once `settles_after` has passed, and all has been heard that was said on the bus until
// then, and no invalidation of what the entry depends on was among it.  Where a feed covers the
// policy it is waited until the feed has told of all that could be read when the source answered.
// Then the mismatch has its class, its story is kept, the entry is invalidated like any other, and
// a policy that has had too many is switched to shadow.
#include <algorithm>

#include "cache/impl.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

constexpr Duration settles_after = std::chrono::seconds(1);
constexpr Duration looks_again_after = std::chrono::milliseconds(250);
constexpr Duration proof_waits_max = std::chrono::seconds(30);  // For a feed, then for the bus.

// The permit ends when the source has really answered.
Task<Result<Fetched>> ask_apart(std::shared_ptr<Source> source,
                                [[maybe_unused]] Admission::Permit permit, Fetch fetch) {
  auto task = source->fetch(std::move(fetch));
  co_return co_await std::move(task);
}

}  // namespace

std::optional<bool> is_same(const ValueCodec& codec, const Entry& kept, Kind kind,
                            const void* value) {
  if (kept.kind() != kind) return false;
  if (kind != Kind::value) return true;
  if (!codec.encode) return std::nullopt;
  return codec.encode(kept.value()) == codec.encode(value);
}

// What an answer about the entity depends on, as it stands now.
Shadow Engine::Impl::marks_of(const PolicyState::Snapshot& snapshot, std::string_view entity) {
  const Compiled& compiled = *snapshot.compiled;
  Shadow marks{.scope = snapshot.scope, .ids = compiled.watermarks_of(entity)};
  std::vector<WatermarkId> own(
      marks.ids.begin() + static_cast<std::ptrdiff_t>(compiled.watermarks.size()), marks.ids.end());
  own.push_back(WatermarkId::of(key_watermark(compiled.policy.name, entity)));
  marks.stamps = tags_.stamp(own);
  return marks;
}

void Engine::Impl::draw(PolicyState& policy, const EntryRef& kept, Instant at) {
  const double share = policy.snapshot().compiled->policy.verify_share;
  if (!policy.is_drawn(share, ports_.random.bits())) return;
  compare_behind(policy.shared_from_this(), kept, Origin::memory, at);
}

// Of an answer that was not memory's at once.
void Engine::Impl::draw_slowly(const Read& read, const AnyAnswer& answer) {
  const double share = read.snapshot.compiled->policy.verify_share;
  if (share <= 0 || answers_until_drawn(share, ports_.random.bits()) > 1) return;
  compare_behind(read.policy, answer.entry_ref(), answer.origin(), ports_.clock.now());
}

void Engine::Impl::compare_behind(PolicyHandle policy, EntryRef kept, Origin origin, Instant at) {
  const std::uint64_t hash = kept->hash();
  if (closed_.load() || !policy->verification().begin(hash)) return;
  auto one = std::make_shared<Comparison>();
  one->policy = std::move(policy);
  one->snapshot = one->policy->snapshot();
  one->entity = kept->entity();
  one->hash = hash;
  one->is_drawn = true;
  one->found = {.origin = origin, .age = std::max(Duration::zero(), at - kept->read_at())};
  one->kept = std::move(kept);
  gate_.enter();
  ports_.executor.post([self = shared_from_this(), one = std::move(one)] {
    start(self->verify(one), [self] { self->gate_.leave(); });
  });
}

// After the marks: an invalidation that has let go of the entry before they were noted moves none
// of them.
bool Engine::Impl::is_kept(const Comparison& one) {
  const Instant now = ports_.clock.now();
  return memory_.find(one.snapshot.scope, one.hash, one.entity, now).get() == one.kept.get();
}

bool Engine::Impl::still_holds(const Comparison& one) const {
  const Policy& policy = one.snapshot.compiled->policy;
  const StoreKey key = store_key_of(policy.tenant, policy.name, one.entity);
  return one.policy->scope() == one.before->scope && all_hold(one.before->stamps) &&
         !quarantine_.covers(key, one.before->ids);
}

void Engine::Impl::leave_undecided(const Comparison& one) {
  if (one.is_drawn) one.policy->count(Count::check_undecided);
}

Task<void> Engine::Impl::verify(ComparisonRef one) {
  PolicyState& policy = *one->policy;
  const std::shared_ptr<const Compiled> compiled = one->snapshot.compiled;
  one->before = std::make_shared<const Shadow>(marks_of(one->snapshot, one->entity));
  if (compiled->source == nullptr || !still_holds(*one) || !is_kept(*one)) co_return;
  std::optional<Admission::Permit> permit = compiled->budget->spare();
  if (!permit) {
    policy.count(Count::checks_busy);
    co_return;
  }
  const Instant now = ports_.clock.now();
  if (!policy.verification().spend(compiled->policy, now)) {
    policy.count(Count::checks_over_budget);
    co_return;
  }
  policy.count(Count::checks);
  // At its primary: what a replica has not heard of yet is no mismatch.
  Fetch fetch{.entity = one->entity,
              .deadline = now + compiled->policy.load_within,
              .stop = stop_checks_.get_token(),
              .primary = true};
  const Instant deadline = fetch.deadline;
  Error late{.code = Code::timed_out, .what = "the source did not answer within load_within"};
  auto answer = within(ports_.executor, gate_,
                       ask_apart(compiled->source, *std::move(permit), std::move(fetch)), deadline,
                       std::move(late));
  const Result<Fetched> said = co_await answer;
  if (!said || said->unchanged) {
    policy.count(Count::check_failures);
    co_return;
  }
  judge_said(one, *said);
}

void Engine::Impl::judge_said(const ComparisonRef& one, const Fetched& said) {
  PolicyState& policy = *one->policy;
  const Compiled& compiled = *one->snapshot.compiled;
  policy.count_billed(said.kind, said.empty, said.billed);
  policy.count(Count::check_reads, said.billed);
  policy.verification().charge(compiled.policy, said.billed);
  one->said_at = ports_.clock.now();
  std::shared_ptr<const void> value;
  if (said.kind == Kind::value) {
    auto decoded = compiled.codec->decode(said.payload);
    if (!decoded) return policy.count(Count::check_failures);
    value = *std::move(decoded);
  }
  const std::optional<bool> same = is_same(*compiled.codec, *one->kept, said.kind, value.get());
  if (same.value_or(false)) return policy.count(Count::check_matches);
  const StoreKey key = store_key_of(compiled.policy.tenant, compiled.policy.name, one->entity);
  const bool is_late = !covers_all(*compiled.source, said.revision, floors_.of(key, one->said_at));
  if (is_late || !still_holds(*one) || !is_kept(*one)) return leave_undecided(*one);
  look_into(one);
}

// The source contradicts: the story is taken at once, and settled later.
void Engine::Impl::look_into(ComparisonRef one) {
  Mismatch& found = one->found;
  found.entity = one->entity;
  found.bound = one->kept->bound();
  found.seen_wall = ports_.clock.wall_now();
  found.revision = one->kept->revision();
  if (!one->kept->id().is_none()) found.id = to_hex(one->kept->id());
  gate_.enter();
  start(take_story(std::move(one)), [self = shared_from_this()] { self->gate_.leave(); });
}

// Whose guard is gone by now has invalidated before, and that is heard before anything is settled.
Task<bool> Engine::Impl::is_guarded(ComparisonRef one) {
  const Compiled& compiled = *one->snapshot.compiled;
  if (ports_.store == nullptr || !compiled.is_storable()) co_return false;
  const StoreKey key = store_key_of(compiled.policy.tenant, compiled.policy.name, one->entity);
  auto asked = store_call(ports_.store->look(key, {}, Store::Payload::without));
  const Result<Slot> slot = co_await asked;
  co_return !slot || slot->guarded;
}

Task<void> Engine::Impl::take_story(ComparisonRef one) {
  auto asked = is_guarded(one);
  one->guarded = co_await std::move(asked);
  auto task = explain(one->policy, one->entity);
  Result<Explanation> story = co_await std::move(task);
  // Another envelope has a story of its own.
  if (story && !one->found.id.empty() && story->store.id == one->found.id) {
    one->found.lease = std::move(story->store.lease);
    one->found.watermarks = std::move(story->watermarks);
  }
  // Without a bus others need not tell; and a store that has just lost something proves nothing.
  const bool must_tell = ports_.bus != nullptr && !distrusts_store();
  const std::string none = to_hex(Token{});
  one->watermark_replaced =
      must_tell && std::ranges::any_of(one->found.watermarks, [&](const Explanation::Mark& mark) {
        return !mark.holds && !mark.then.empty() && !mark.now.empty() && mark.now != none;
      });
  const Instant when = std::max(ports_.clock.now(), one->said_at + settles_after);
  settle_at(when, std::move(one));
}

void Engine::Impl::settle_at(Instant when, ComparisonRef one) {
  ports_.executor.post_at(when, [weak = weak_from_this(), one = std::move(one)] {
    if (const auto self = weak.lock()) self->settle(one);
  });
}

void Engine::Impl::settle(const ComparisonRef& one) {
  if (closed_.load()) return;
  if (one->guarded || !still_holds(*one)) return leave_undecided(*one);
  const Instant now = ports_.clock.now();
  const Instant told = one->policy->told_until();
  const bool has_feed = told != Instant::min();
  const bool feed_told_all = has_feed && told >= one->said_at;
  if (has_feed && !feed_told_all && now < one->said_at + proof_waits_max) {
    return settle_at(now + looks_again_after, one);
  }
  // Another may be the one whom the feed tells: it is heard by way of the bus.
  if (one->proof_from == Instant{}) one->proof_from = now;
  if (ports_.bus != nullptr && !hearing_.is_live(one->proof_from + limits_.bus_bound)) {
    if (now >= one->proof_from + proof_waits_max) return leave_undecided(*one);
    return settle_at(now + looks_again_after, one);
  }
  gate_.enter();
  start(confirm(one, feed_told_all), [self = shared_from_this()] { self->gate_.leave(); });
}

// What is answered only after the store has confirmed it may have been outdated by others who tell
// nobody but the store.
Task<void> Engine::Impl::confirm(ComparisonRef one, bool feed_told_all) {
  const Compiled& compiled = *one->snapshot.compiled;
  const bool is_strict = compiled.policy.level != Level::bounded;
  if (is_strict && ports_.store != nullptr && compiled.is_storable()) {
    auto read = std::make_shared<Read>();
    read->policy = one->policy;
    read->snapshot = one->snapshot;
    read->entity = one->entity;
    auto asked = validate(std::move(read), one->kept->id());
    const Result<bool> holds = co_await std::move(asked);
    if (!holds.value_or(false)) {
      leave_undecided(*one);
      co_return;
    }
  }
  note_mismatch(one, feed_told_all);
}

void Engine::Impl::note_mismatch(const ComparisonRef& one, bool feed_told_all) {
  PolicyState& policy = *one->policy;
  Mismatch& found = one->found;
  const std::string_view violation = violation_of({.age = found.age,
                                                   .bound = found.bound,
                                                   .watermark_replaced = one->watermark_replaced,
                                                   .feed_told_all = feed_told_all});
  found.kind = violation.empty() ? MismatchClass::within_bound : MismatchClass::violation;
  found.why = violation.empty() ? "the source was changed and nobody was told, which the bound "
                                  "allows for"
                                : violation;
  if (found.dry) {
    policy.count_mismatch(found.age);
  } else {
    policy.count_mismatch(found.kind, found.age);
  }
  const std::string why =
      policy.verification().note(one->snapshot.compiled->policy, found, ports_.clock.now());
  if (!why.empty() && policy.switch_to_shadow(why, ports_.clock.wall_now())) {
    policy.count(Count::switched);
  }
  if (found.dry) return;
  // Nobody is answered with it any more, here or elsewhere.
  Invalidation what;
  what.keys.push_back({.policy = one->snapshot.compiled->policy.name, .entity = one->entity});
  gate_.enter();
  start(invalidate(std::move(what), Wait::confirmed),
        [self = shared_from_this()](const Result<Held>&) { self->gate_.leave(); });
}

}  // namespace headrace
