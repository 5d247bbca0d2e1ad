// headrace/engine.h: the read-through cache itself, for values of any type.
//
// An Engine answers reads from memory, then from its store, then from the source, by the fill
// protocol of ARCHITECTURE.md; and it makes sure that what was invalidated never comes back.  A
// Cache<T> (cache.h) is a thin typed view of one policy of an engine.
//
// Threads:   any member may be called from any thread.
// Errors:    returned, never thrown.  What a caller's fetch throws becomes loader_threw.
// Lifetimes: borrows its ports, which must outlive it.  close() must have completed before it is
//            destroyed.  Policy handles may outlive it, but are then of no use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/bus.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/invalidation.h"
#include "headrace/journal.h"
#include "headrace/key.h"
#include "headrace/listening.h"
#include "headrace/lookup.h"
#include "headrace/policy.h"
#include "headrace/random.h"
#include "headrace/source.h"
#include "headrace/stats.h"
#include "headrace/store.h"
#include "headrace/task.h"

namespace headrace {

// How the values of a policy are kept as bytes.  Without encode() a policy lives in memory alone.
struct ValueCodec {
  std::function<std::string(const void* value)> encode{};
  std::function<Result<std::shared_ptr<const void>>(std::string_view bytes)> decode{};
  std::function<std::size_t(const void* value)> bytes{};  // What a value occupies.
  // Values may be copied byte by byte, bytes() of each, and are aligned to 8 at most: a small one
  // then lies in its entry.
  bool is_plain = false;
};

// Values that are their own encoding: std::string, as the built-in sources return them.
[[nodiscard]] const ValueCodec& bytes_codec();

// What a caller's own fetch says.
struct Loaded {
  Kind kind = Kind::value;
  bool unchanged = false;
  std::shared_ptr<const void> value{};
  std::string revision{};
  std::uint32_t billed = 1;
  bool empty = false;  // A query that found nothing.
};

using Loader = std::move_only_function<Task<Result<Loaded>>(Fetch)>;

struct ReadOptions {
  bool refresh = false;              // Load now, still as one flight.
  std::optional<Duration> within{};  // Instead of the policy's fetch_within, if shorter.
  std::optional<Level> level{};      // Instead of the policy's, if stricter.
  // Only what was loaded as this revision (Loaded::revision) is fresh; what is kept of another has
  // been outdated, however young it is.  Empty: any is fresh.  Compare the answer's revision: it
  // may be another if it comes from the source, or from a load that was joined; and, as stale, if a
  // load has failed.  Only looked at while read() runs.
  std::string_view revision{};
  // What is kept of another revision may be answered, as stale, while one refresh runs behind it.
  bool allow_outdated = false;
};

// How far an invalidation goes before it returns.
enum class Wait : std::uint8_t {
  confirmed,   // Until the store has confirmed it and the bus has taken it.
  everywhere,  // Until no instance's memory can answer older any more: a bus_bound longer.
};

// Where an invalidation holds.
enum class Held : std::uint8_t {
  everywhere,  // In the store, and in every memory.
  soon,        // In this instance, in the store, for strict reads everywhere; and in other memories
               // within the engine's bus_bound.
  in_store,    // The same, but that the store is shared and there is no bus: other memories answer
               // what they hold until its freshness ends.
  pending,     // In this instance.  The store or the bus has not confirmed; what is affected
               // bypasses the store, and the invalidation is sent again until it is acknowledged:
               // with a journal, also by who comes after this engine.
};
// "everywhere", "soon", "store", "pending".
[[nodiscard]] std::string_view name_of(Held held) noexcept;

// Changes the source, and must have ended by `deadline`: no change that it makes may take effect
// later, whatever becomes of its caller (a time limit of the transaction, for instance).
// An error of code invalid_argument, refused or not_allowed says that nothing was changed; any
// other leaves that open.
using Change = std::move_only_function<Task<Result<void>>(Instant deadline)>;

// How a write through the engine ended.
struct WriteOutcome {
  bool found = true;       // False: there was nothing to update or to remove, and nothing changed.
  std::string revision{};  // The source's name for the state that it now has; may be empty.
  Held held = Held::everywhere;  // When what the change outdates is gone.
  bool conflict = false;         // The entity was not as Write::expected says, and nothing changed.
};

// An entity as an update finds it at the source.
struct Current {
  Kind kind = Kind::value;
  std::string payload{};  // JSON of the fields that are kept, and of those that may be written.
  std::string state{};    // For Write::expected; empty if it is absent.
};

// What an update makes of it: no fields are a removal, if `mode` says so.
struct Edit {
  Write::Mode mode = Write::Mode::update;
  std::vector<std::pair<std::string, std::string>> fields{};  // As Write::fields.
};

// Decides what is to be changed of an entity that is so now; nothing: it stays as it is.  Called
// once for each try, and so again after somebody else has changed the entity in between.
using Editor = std::move_only_function<Result<std::optional<Edit>>(const Current& current)>;

// How an update ended.
struct UpdateOutcome {
  bool changed = true;      // False: the editor let it be.
  std::uint32_t tries = 1;  // One more for each that another change came before.
  WriteOutcome write{};
};

// The whole story of one entry, for people.
struct Explanation {
  struct Mark {
    std::string name{};  // "cache", "policy:users", "tag:user:42"
    std::string then{};  // Token that the kept envelope was built at, in hexadecimal; may be "".
    std::string now{};   // The store's present token.
    bool holds = false;
  };
  struct Tier {
    bool present = false;
    std::string state{};  // "fresh", "stale", "expired", "empty", "leased", "damaged", ...
    Kind kind = Kind::value;
    Duration age{0};
    Duration fresh_left{0};
    Duration gone_in{0};
    std::size_t bytes = 0;
    std::string id{};     // Of the envelope, in hexadecimal.
    std::string lease{};  // Under which it was filled.
    std::string revision{};
    std::optional<WallTime> read_wall{};
  };
  std::string policy{};
  std::string entity{};
  std::uint32_t version = 0;
  std::string rollout{};  // With the global switch: "on", "off by the global switch", ...
  bool cached = false;    // Whether this entity is read through the cache at all.
  std::string level{};
  std::string store_key{};  // In hexadecimal.
  Duration bound{0};
  bool flight = false;         // A load runs now.
  std::uint32_t failures = 0;  // Of its refresh, in a row.
  bool quarantined = false;
  Tier memory{};
  Tier store{};
  std::vector<Mark> watermarks{};
  std::string verdict{};  // What a read now would do, in a sentence.
};

// What the answer of an entry was worth that the source contradicts.
enum class MismatchClass : std::uint8_t {
  within_bound,  // Somebody has changed the source and told nobody, which the bound allows for.
  violation,     // What the product promises has not held.
};
// "within_bound", "violation".
[[nodiscard]] std::string_view name_of(MismatchClass kind) noexcept;

// An answer from what is kept, or one that a policy in shadow would have given, that the source
// contradicts, although nobody has invalidated it meanwhile: its story, for people.
struct Mismatch {
  std::uint64_t number = 0;  // Of the policy's mismatches, from 1.
  std::string entity{};
  MismatchClass kind = MismatchClass::within_bound;
  std::string why{};  // It is of that class.
  bool dry = false;   // Nobody was answered: the policy was in shadow.
  Origin origin = Origin::memory;
  Duration age{0};  // Of the answer.
  Duration bound{0};
  WallTime seen_wall{};  // When the source has contradicted.
  std::string id{};      // Of the envelope, and the next as in Explanation.
  std::string lease{};
  std::string revision{};
  std::vector<Explanation::Mark> watermarks{};
};
inline constexpr std::size_t mismatches_kept_max = 16;  // Of each policy.

class PolicyState;  // Defined by the engine.
using PolicyHandle = std::shared_ptr<PolicyState>;
[[nodiscard]] std::string policy_name(const PolicyState& policy);

// A change of a policy's switches.
struct PolicyChange {
  std::optional<Rollout> rollout{};
  std::optional<double> percentage{};
  bool bump_version = false;
};

// A policy and its switches as they are now.
struct PolicyView {
  Policy policy{};
  std::uint32_t version = 0;  // With the bumps since it was defined.
  bool reads_on = true;       // False if the global switch overrides it.
  // Why mismatches have switched it to shadow, and when; until a person switches it.
  std::string switched_why{};  // Empty: they have not.
  WallTime switched_wall{};
};

class Engine {
 public:
  struct Limits {
    std::size_t bytes_max = 64 << 20;      // Charged size of everything in memory.
    std::size_t entry_bytes_max = 0;       // Largest single entry; 0: an eighth of bytes_max.
    std::size_t shards = 0;                // Of memory and flights; 0: chosen by the engine.
    std::size_t flights_max = 4096;        // Loads in progress; more are refused.
    std::size_t waiters_max = 65536;       // Callers waiting for loads; more are refused.
    std::size_t source_queue_max = 65536;  // Loads waiting for their turn, of each budget.
    std::size_t policies_max = 1024;
    std::size_t pending_max = 65536;  // Unconfirmed invalidations kept one by one; beyond
                                      // that everything bypasses the store until they are
                                      // delivered.
    std::size_t keys_per_invalidation_max = 10000;
    std::size_t listeners_max = 1024;
    Duration store_within = std::chrono::seconds(1);    // The longest wait for one store call.
    Duration journal_within = std::chrono::seconds(1);  // The longest wait for one journal call.
    Duration pending_retry_after = std::chrono::milliseconds(200);
    Duration expire_every = std::chrono::milliseconds(250);  // Dead entries are freed this often.

    // For a store that may go back to an older state: how long invalidations are remembered, to be
    // sent again, and how many names; beyond that everything is invalidated instead.
    Duration replay_for = std::chrono::minutes(10);
    std::size_t replay_max = 65536;
    Duration incarnation_every = std::chrono::seconds(1);  // The store is asked which it is.

    Duration write_within = std::chrono::seconds(25);  // The longest guarded change ...
    Duration guard_margin = std::chrono::seconds(5);   // ... which its guard outlives by that.
    std::size_t writes_max = 1000;                     // In one write_many() ...
    std::size_t writes_at_once = 16;                   // ... and of those, under way at once.
    std::uint32_t update_tries_max = 100;              // Of one update.

    // How long a change is remembered by the name that an invalidation gave it, here and in the
    // store: longer than any replica of a source lags, or a commit takes to be seen by all.
    Duration floor_lasts = std::chrono::minutes(5);
    std::size_t floors_max = 65536;  // Of those that this instance knows by itself; beyond that
                                     // every load asks at its source's primary.

    // With a bus: how long memory answers by itself after the last proof that every invalidation
    // was heard; and so how late an invalidation may reach another instance's memory.
    Duration bus_bound = std::chrono::seconds(1);
    Duration bus_proof_every = std::chrono::milliseconds(250);
    Duration bus_within = std::chrono::seconds(1);       // The longest wait for one bus call.
    Duration bus_silence_max = std::chrono::seconds(1);  // Who is silent for longer may have died.
    std::size_t bus_origins_max = 4096;                  // Other engines known at once.
    std::size_t bus_queue_max = 65536;                   // Messages that the bus has not taken yet.
    std::size_t bus_batch_max = 256;                     // Messages in one publish.
    std::int64_t clock_drift_ppm_max = 1000;  // No clock runs faster or slower than that.
  };
  struct Ports {
    Clock& clock;
    Executor& executor;
    Random& random;
    Store* store = nullptr;  // None: memory alone.
    Bus* bus = nullptr;      // None: nobody else invalidates, or every read is strict.
    // None: an invalidation that the store has not confirmed ends with this engine.
    Journal* journal = nullptr;
  };

  // With a journal, the store is not asked before what stands in it has been read.
  // REQUIRES: limits that are not zero, but for those that say what zero means.
  Engine(Limits limits, Ports ports);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Declares a policy, or replaces the one of the same name; switches set since then are kept, if
  // the declared rollout did not change.  `source` may be null if every read brings its own fetch.
  // May return: invalid_argument (all faults in one text), refused (policies_max).
  Result<PolicyHandle> define(Policy policy, std::shared_ptr<const ValueCodec> codec,
                              std::shared_ptr<Source> source);
  // Forgets a policy: reads through its handle are refused.  Invalidations of it still work.
  void undefine(std::string_view policy);

  [[nodiscard]] PolicyHandle find(std::string_view policy) const;
  [[nodiscard]] std::vector<PolicyView> policies() const;

  // What memory can answer this instant: null if it cannot, or if the policy wants more than that.
  // Allocates nothing, takes no global lock, and counts the read if it answers.
  [[nodiscard]] std::optional<AnyAnswer> peek(PolicyState& policy, std::string_view entity) {
    Instant at;
    return fresh_answer(find_fresh(policy, entity, at), at);
  }

  // Reads `entity`, asking the policy's own source if need be.
  // May return: source_failed, source_unavailable, loader_threw, timed_out, refused, too_large,
  // invalid_argument, cancelled, closed.
  [[nodiscard]] AnyLookup read(const PolicyHandle& policy, std::string_view entity,
                               ReadOptions options = {});
  // The same, asking `loader`.
  [[nodiscard]] AnyLookup read(const PolicyHandle& policy, std::string_view entity, Loader loader,
                               ReadOptions options = {});
  // Reads all of `entities`, in their order, duplicates too; misses share batches of the source.
  [[nodiscard]] std::vector<AnyLookup> read_many(const PolicyHandle& policy,
                                                 const std::vector<std::string>& entities,
                                                 ReadOptions options = {});

  // Once this has ended with `everywhere`, no read that starts later is answered with what the
  // source said before this was called.  With `soon` the same holds for this instance and for
  // strict reads, and for all others a bus_bound later; with `pending`, for this instance.
  // Where a key comes with a revision this holds too if replicas of the source lag behind it, or it
  // is seen late: a load goes to the primary, and again, until it has read what contains that
  // revision; if there is no such answer in time it fails.  Tags, policies and everything name no
  // revision: where replicas lag, name the keys that were changed besides.
  // May return: invalid_argument (a bad name; nothing was done), too_large, refused, closed.  An
  // unknown policy is no error: it may be known to other versions of the program.
  [[nodiscard]] Task<Result<Held>> invalidate(Invalidation what, Wait wait = Wait::confirmed);

  // Calls `call` with whatever is invalidated of `topic` from now on, here or by what the bus
  // brings, while the Listening that is returned lives.
  // May return: invalid_argument (nothing to call), refused (listeners_max).
  [[nodiscard]] Result<Listening> on_invalidated(Topic topic, OnInvalidated call,
                                                 ListenerOptions options = {});

  // Keeps `value` under `entity` in the store, voiding what was there and every load in progress.
  // Without a store, in memory.  Not ordered against writers that run at the same time: where two
  // may write one entity, invalidate instead.
  // May return: as invalidate, too_large, and not_allowed where the level is linearizable.
  [[nodiscard]] Task<Result<Held>> put(PolicyHandle policy, std::string entity, Kind kind,
                                       std::shared_ptr<const void> value);

  // Changes the source of `policy`, and then invalidates what the change outdates: the entity under
  // this policy and its tags; and under every policy whose source says that it reads what changed,
  // the entity, or all of the policy where the source cannot tell which.  Once this has ended with
  // `everywhere`, no read that starts later is answered with what was there before.
  // After an error that leaves open whether the change was made it invalidates as well; a change
  // that is made after `deadline`, or load_within if that is shorter, is invalidated when it ends.
  // May return: not_allowed (fields that are not writable, or not removable), invalid_argument,
  // too_large, refused, unknown_policy, closed: nothing changed.  And what the source returned.
  // Under a policy of level linearizable it is guarded, as below.
  [[nodiscard]] Task<Result<WriteOutcome>> write(PolicyHandle policy, Write write);

  // Changes `entity` by what `editor` makes of what the source says of it now, which is never what
  // is kept here.  Who changes it in between, by whatever way, is not overwritten: then the editor
  // is asked again, after a short pause; in all update_tries_max times, or until load_within is
  // over. So of two updates at once neither is lost.  It outdates what write() does.  Under a
  // policy of level linearizable the guard stands from before the source is read. May return: as
  // write(), with no editor's call that was made before having had any effect; refused
  // (update_tries_max); what the editor returned, and loader_threw if it throws.
  [[nodiscard]] Task<Result<UpdateOutcome>> update(PolicyHandle policy, std::string entity,
                                                   Editor editor);
  // The source's fields and state for an update that another program decides: it then writes with
  // Write::expected, and reads again if the outcome says `conflict`.
  // May return: not_allowed, as write() does, and what the source returned.
  [[nodiscard]] Task<Result<Current>> fetch_for_update(PolicyHandle policy, std::string entity);

  // All of `writes`, each as by write(), on its own and in no order; outcomes are in theirs.  Those
  // that failed outdate nothing, as far as is known that they changed nothing; what all others
  // outdate is invalidated at once before this ends.
  // REQUIRES: at most writes_max, of distinct entities; else each is refused.
  [[nodiscard]] Task<std::vector<Result<WriteOutcome>>> write_many(PolicyHandle policy,
                                                                   std::vector<Write> writes);

  // Runs `change` while a guard stands on every key that `what` names: reads of them go to the
  // source and nothing of them is kept, here or elsewhere, until the change has ended and `what`,
  // whole, has been invalidated.  So there is no moment in which an old value can be kept, although
  // this instance may die at any; and strict reads and guarded writes of one key are those of one
  // register.
  // The keys of `what` name no revision, for the change is still to be made.  Where replicas lag,
  // `change` itself invalidates its keys with the revision before it ends.
  // Without a store the guard is this instance's alone, and ends with it.
  // If it is unknown whether the change was made, the guard stands until nobody can make it any
  // more: write_within and guard_margin together.
  // May return: as invalidate; store_unavailable: no guard, nothing was changed; timed_out; and
  // what `change` returned.  What it throws becomes loader_threw.
  [[nodiscard]] Task<Result<Held>> write(Invalidation what, Change change,
                                         Wait wait = Wait::confirmed);

  // What these changes, made by whomever, outdate: the entity and its tags under every policy whose
  // source says that it depends on that entity, and all of a policy that depends on the collection
  // in a way that only its source can tell.  A change without a collection is one of all of its
  // database.
  [[nodiscard]] Invalidation outdated_by(const std::vector<SourceChange>& changes) const;
  // From now on the policy is answered from what is kept before `until` alone, and by its source
  // from then on: what is kept may be outdated by changes that nobody has told of yet.  Of a policy
  // that was never covered, or covered until Instant::max(), that does not matter.
  // `told`: of all that could be read at that moment the engine has been told.
  void cover(std::string_view policy, Instant until, Instant told = Instant::min());
  // Whether the policy is answered from what is kept, as far as that hangs on a feed.
  [[nodiscard]] bool is_covered(const PolicyHandle& policy) const;
  // Of all that could be read at that moment a feed that covers the policy has told, and this
  // engine has heard what others were told; none: no feed covers it now.
  [[nodiscard]] std::optional<Instant> told_until(const PolicyHandle& policy) const;

  [[nodiscard]] Task<Result<Explanation>> explain(PolicyHandle policy, std::string entity);

  // The last mismatches of a policy, the newest first; none of one that is unknown.
  [[nodiscard]] std::vector<Mismatch> mismatches(std::string_view policy) const;

  // Takes effect for every read that starts later.  A version bump also invalidates the policy, so
  // that it outlives a restart.
  // May return: unknown_policy, invalid_argument.
  [[nodiscard]] Task<Result<PolicyView>> change(std::string policy, PolicyChange change);
  // The global switch: off beats every policy's own.
  void set_reads(bool on);
  [[nodiscard]] bool reads_on() const noexcept;

  [[nodiscard]] EngineStats stats() const;

  // Every fault found in the engine's own bookkeeping; none is the only right answer.  Slow.
  [[nodiscard]] std::vector<std::string> audit() const;

  // Refuses new work, cancels loads, and ends when none is left.  Idempotent.
  [[nodiscard]] Task<void> close();

 private:
  class Impl;

  // What memory holds and is fresh at `at`, which this sets.
  [[nodiscard]] EntryRef::Bare find_fresh(PolicyState& policy, std::string_view entity,
                                          Instant& at);
  [[nodiscard]] static std::optional<AnyAnswer> fresh_answer(EntryRef::Bare fresh,
                                                             Instant at) noexcept {
    if (fresh.entry == nullptr) return std::nullopt;
    return AnyAnswer(EntryRef(fresh), Origin::memory, Reason::fresh, at);
  }

  std::shared_ptr<Impl> impl_;
};

}  // namespace headrace
