// cache/impl.h: the engine's parts and how they are joined.
//
// read.cc answers reads, load.cc drives flights, shadow.cc compares behind shadow reads, verify.cc
// compares answers with the source and settles what a difference was, invalidate.cc invalidates,
// failover.cc repeats what a store may have forgotten, pending.cc repeats what the store has not
// confirmed, put.cc puts, guard.cc guards writes, bus.cc tells others and hears them, write.cc
// writes through, control.cc declares and switches policies, explain.cc explains.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/admission.h"
#include "cache/fill.h"
#include "cache/floors.h"
#include "cache/hearing.h"
#include "cache/in_turn.h"
#include "cache/listeners.h"
#include "cache/outbox.h"
#include "cache/policy_state.h"
#include "cache/quarantine.h"
#include "cache/ring.h"
#include "cache/tags.h"
#include "cache/trust.h"
#include "cache/wakes.h"
#include "cache/within.h"
#include "core/gate.h"
#include "core/mutants.h"
#include "flight/flight.h"
#include "headrace/engine.h"
#include "memory/memory.h"

namespace headrace {

using SharedLoader = std::shared_ptr<Loader>;

// What a shadow read remembers of the cache behind it.
struct Shadow {
  std::uint32_t scope = 0;
  std::vector<WatermarkId> ids{};
  std::vector<Stamp> stamps{};  // Of the tags and of the key: whether an invalidation came.
  EntryRef kept{};              // What memory would have answered.
};

// What is kept, or was answered, compared with what the source says.
struct Comparison {
  PolicyHandle policy{};
  PolicyState::Snapshot snapshot{};
  std::string entity{};
  std::uint64_t hash = 0;
  bool is_drawn = false;  // It takes part in the policy's verification.
  std::shared_ptr<const Shadow> before{};
  EntryRef kept{};
  Instant said_at{};     // When the source had answered.
  Instant proof_from{};  // A proof of the bus counts if it began later.
  bool guarded = false;  // Somebody was writing it then, or nobody knows.
  bool watermark_replaced = false;
  Mismatch found{};

  ~Comparison() {
    if (is_drawn) policy->verification().end(hash);
  }
};
using ComparisonRef = std::shared_ptr<Comparison>;

// Whether the entry says the same; none if values of this type cannot be compared.
[[nodiscard]] std::optional<bool> is_same(const ValueCodec& codec, const Entry& kept, Kind kind,
                                          const void* value);

// Whether what is kept at `revision` may be fresh to who wants `wanted`.
[[nodiscard]] inline bool is_current(std::string_view revision, std::string_view wanted) noexcept {
  return wanted.empty() || revision == wanted || removed(Mechanism::wanted_revision);
}

// One read that could not be answered at once.
struct Read {
  PolicyHandle policy{};
  PolicyState::Snapshot snapshot{};
  std::string entity{};
  std::uint64_t hash = 0;
  Level level = Level::bounded;
  std::string wanted{};  // Revision; empty: any.
  bool allow_outdated = false;
  SharedLoader loader{};  // Null: the policy's own source.
  std::shared_ptr<Pending> pending{};
  Fill::Purpose purpose = Fill::Purpose::read;
  Reason reason = Reason::cold;
  std::shared_ptr<Shadow> shadow{};  // If what the cache would have answered is compared.
  int reloads = 0;

  std::mutex mutex{};  // Guards what follows.
  bool done = false;
  std::shared_ptr<Flight> flight{};
  Flight::WaiterId waiter = 0;
  Executor::TimerId timer = Executor::TimerId::none;
};

// One load under way: what its driver knows.
struct Load {
  PolicyHandle policy{};
  PolicyState::Snapshot snapshot{};
  std::string entity{};
  std::uint64_t hash = 0;
  SharedLoader loader{};
  Fill::Purpose purpose = Fill::Purpose::read;
  Reason reason = Reason::cold;
  std::string wanted{};  // Revision; empty: any.
  bool allow_outdated = false;
  bool strict = false;
  bool alone = false;        // Nobody joins its flight, which is cut off from the beginning.
  bool needs_store = false;  // To answer: what memory holds is no proof.
  EntryRef basis{};          // What memory held, if it may serve as a revision or after a failure.

  // Filled in on the way.
  std::shared_ptr<Flight> flight{};
  std::optional<Fill> fill{};
  StoreKey store_key{};
  std::string key{};
  std::vector<WatermarkId> ids{};
  std::vector<Stamp> stamps{};
  bool early = false;  // The source was read before the lease was there; only mutants do that.
  Result<Loaded> read_early{};
  Token lease{};
  Token lease_met{};             // Another's, that was waited for last ...
  bool lease_met_again = false;  // ... and was still there then.
  Token id{};                    // Of the envelope that would be published.
  Slot slot{};                   // As the store last answered ...
  Instant slot_at{};             // ... at that moment; by then it had these ages at most.
  Instant read_at{};             // When the source read began.
  Instant deadline{};            // Of all reads of the source, set by the first.
  FloorNames floors{};           // That were known when it began.
  Loaded loaded{};
  std::string payload{};  // What was loaded, encoded, if it can be.
  Error error{};
};
using LoadRef = std::shared_ptr<Load>;

// One invalidation under way: what it names, and what it asks of the store.
struct Outdating {
  Invalidation names{};
  Orders orders{};
  bool one_by_one = true;                // How it is held in quarantine.
  Orders done{};                         // Of the orders, what the store has confirmed before.
  std::vector<std::uint64_t> records{};  // In the journal.
};

// One guarded write under way.
struct Guarded {
  Outdating what{};
  Token token{};
  Instant deadline{};  // Of the change ...
  Instant ends{};      // ... and of its guard.
};
using GuardedRef = std::shared_ptr<Guarded>;

// Whether an error of who changes the source says that nothing has changed.
[[nodiscard]] bool left_all_as_it_was(Code code) noexcept;

// One write under way.
struct Writing {
  PolicyHandle policy{};
  std::shared_ptr<const Compiled> compiled{};
  Write write{};
  Orders along{};                     // What the store is told by write.along.
  std::atomic<bool> given_up{false};  // Nobody waits for its end: it must invalidate by itself.
  // Under a guard: what came of it, and where it holds what that outdates.
  Result<Written> outcome{};
  Held held = Held::everywhere;
};

using WritingRef = std::shared_ptr<Writing>;

// What is left to invalidate of a write.
struct Settling {
  Invalidation what{};
  Orders done{};
};

// Whether the policy lets this write through.
[[nodiscard]] Result<void> allowed(const Policy& policy, const Write& write);
[[nodiscard]] WriteOutcome outcome_of(const Written& written, Held held);

// One update under way.  What it may change nobody knows before its editor has said so.
struct Updating {
  WritingRef any{};  // Of the entity, whatever its fields.
  Editor editor{};
  std::atomic<bool> given_up{false};
  std::atomic<bool> is_untouched{true};  // Nothing can have changed.

  // The last try: set by the one who tries, read by others when that has ended.
  WritingRef tried{};
  std::uint32_t tries = 0;
  Held held = Held::everywhere;  // Under a guard.
  Result<Written> outcome{};     // The same.
};
using UpdatingRef = std::shared_ptr<Updating>;

class Engine::Impl final : public BusListener, public std::enable_shared_from_this<Engine::Impl> {
 public:
  Impl(Limits limits, Ports ports);

  // control.cc
  Result<PolicyHandle> define(Policy policy, std::shared_ptr<const ValueCodec> codec,
                              std::shared_ptr<Source> source);
  void undefine(std::string_view policy);
  [[nodiscard]] PolicyHandle find(std::string_view policy) const;
  void cover(std::string_view policy, Instant until, Instant told);
  [[nodiscard]] bool is_covered(const PolicyState& policy) const;
  [[nodiscard]] std::optional<Instant> told_until(const PolicyState& policy) const;
  [[nodiscard]] std::vector<PolicyHandle> all() const;
  // Of the policies that are declared, and the default one.
  [[nodiscard]] std::set<std::string> tenants() const;
  Task<Result<PolicyView>> change(std::string policy, PolicyChange change);
  void set_reads(bool on);
  [[nodiscard]] bool reads_on() const { return reads_on_.load(); }
  [[nodiscard]] EngineStats stats() const;
  [[nodiscard]] std::vector<std::string> audit() const;
  Task<void> close();
  void schedule_expiry();
  [[nodiscard]] std::shared_ptr<Admission> budget_of(const Policy& policy);

  // read.cc
  [[nodiscard]] EntryRef::Bare find_fresh(PolicyState& policy, std::string_view entity, Instant& at,
                                          std::string_view wanted = {});
  AnyLookup read(const PolicyHandle& policy, std::string_view entity, SharedLoader loader,
                 ReadOptions options);
  std::vector<AnyLookup> read_many(const PolicyHandle& policy,
                                   const std::vector<std::string>& entities, ReadOptions options);

  // invalidate.cc
  Task<Result<Held>> invalidate(Invalidation what, Wait wait);

  Result<Listening> on_invalidated(Topic topic, OnInvalidated call, ListenerOptions options);

  // put.cc
  Task<Result<Held>> put(PolicyHandle policy, std::string entity, Kind kind,
                         std::shared_ptr<const void> value);

  // write.cc
  Task<Result<WriteOutcome>> write(PolicyHandle policy, Write write);
  Task<std::vector<Result<WriteOutcome>>> write_many(PolicyHandle policy,
                                                     std::vector<Write> writes);
  [[nodiscard]] Invalidation outdated_by(const std::vector<SourceChange>& changes) const;

  // update.cc
  Task<Result<UpdateOutcome>> update(PolicyHandle policy, std::string entity, Editor editor);
  Task<Result<Current>> fetch_for_update(PolicyHandle policy, std::string entity);

  // guard.cc
  Task<Result<Held>> write_guarded(Invalidation what, Change change, Wait wait);

  // explain.cc
  Task<Result<Explanation>> explain(PolicyHandle policy, std::string entity);

  // pending.cc
  void recover();

  // bus.cc
  void join_bus();
  void heard(const BusMessage& message) override;
  void missed() override;

 private:
  // read.cc
  [[nodiscard]] AnyLookup read_slowly(const PolicyHandle& policy, std::string_view entity,
                                      SharedLoader loader, const ReadOptions& options);
  [[nodiscard]] std::optional<AnyAnswer> answer_stale(const Read& read);
  void begin(const std::shared_ptr<Read>& read, Duration within);
  void board(const std::shared_ptr<Read>& read, FlightTable::Join join, bool alone);
  void landed(const std::shared_ptr<Read>& read, const Landing& landing, bool opened);
  void finish(const std::shared_ptr<Read>& read, AnyResult outcome);
  void leave(const std::shared_ptr<Read>& read);
  Task<void> read_strictly(std::shared_ptr<Read> read);
  Task<Result<bool>> validate(std::shared_ptr<Read> read, Token id);
  void start_refresh(const PolicyHandle& policy, const PolicyState::Snapshot& snapshot,
                     const EntryRef& entry, SharedLoader loader, std::string wanted);
  [[nodiscard]] FlightKey flight_key(const Read& read) const;

  // load.cc
  void launch(LoadRef load, std::shared_ptr<Flight> flight);
  Task<void> fly(LoadRef load);
  [[nodiscard]] bool prepare(Load& load);
  Task<void> run_fill(LoadRef load);
  Task<Fill::Step> ask_for_floors(LoadRef load);
  Task<Fill::Step> ask_store(LoadRef load);
  [[nodiscard]] static Verdict judge_held(const Load& load);
  void look_at_owner(Fill::StoreSaw& saw) const;
  Task<Fill::Step> take_over(LoadRef load, Token expected);
  Task<Fill::Step> ask_source(LoadRef load);
  Task<Fill::Step> publish(LoadRef load, Token expected);
  Task<Fill::Step> check_marker(LoadRef load);
  Task<Fill::Step> void_slot(LoadRef load, Token expected);
  Task<Fill::Step> release(LoadRef load, Token lease);
  Task<Result<Loaded>> call_source(std::shared_ptr<const Compiled> compiled, Fetch fetch);
  [[nodiscard]] FloorNames floors_of(const Load& load) const;
  Fill::Step settle_fetch(Load& load, std::string_view offered);
  Fill::Step too_old(Load& load);
  [[nodiscard]] bool settle_loaded(Load& load);
  [[nodiscard]] Landing landing_of(Load& load);
  [[nodiscard]] Landing land_stored(Load& load);
  [[nodiscard]] Landing land_fetched(Load& load);
  [[nodiscard]] Landing land_failed(Load& load);
  [[nodiscard]] EntryRef entry_of_loaded(Load& load);
  [[nodiscard]] Result<EntryRef> entry_of_slot(const Load& load) const;
  [[nodiscard]] Pause dawdle();
  [[nodiscard]] bool lost_race(const Load& load) const;
  bool keep(const Load& load, const EntryRef& entry);

  // lease_wait.cc
  Task<void> wait_for_lease(LoadRef load, Token lease, Duration pause);
  void ask_to_be_told(Token lease);
  void somebody_waits(Token lease);
  void tell_who_waits(Token lease);

  // give_back.cc
  void give_back(StoreKey key, Token lease, Duration lasts);
  Task<void> give_back_until(StoreKey key, Token lease, Instant end);

  // shadow.cc
  [[nodiscard]] std::shared_ptr<Shadow> cast_shadow(const Read& read);
  void follow_shadow(const std::shared_ptr<Read>& read, EntryRef said);
  void compare_shadow(const Read& read, const EntryRef& kept, Origin origin, const EntryRef& said);

  // verify.cc
  [[nodiscard]] Shadow marks_of(const PolicyState::Snapshot& snapshot, std::string_view entity);
  void draw(PolicyState& policy, const EntryRef& kept, Instant at);
  void draw_slowly(const Read& read, const AnyAnswer& answer);
  void compare_behind(PolicyHandle policy, EntryRef kept, Origin origin, Instant at);
  Task<void> verify(ComparisonRef one);
  void judge_said(const ComparisonRef& one, const Fetched& said);
  [[nodiscard]] bool is_kept(const Comparison& one);
  [[nodiscard]] bool still_holds(const Comparison& one) const;
  void look_into(ComparisonRef one);
  Task<void> take_story(ComparisonRef one);
  Task<bool> is_guarded(ComparisonRef one);
  void settle_at(Instant when, ComparisonRef one);
  void settle(const ComparisonRef& one);
  Task<void> confirm(ComparisonRef one, bool feed_told_all);
  void note_mismatch(const ComparisonRef& one, bool feed_told_all);
  static void leave_undecided(const Comparison& one);

  // invalidate.cc
  void forget_stored(const Compiled& compiled);
  [[nodiscard]] Result<void> check(const Invalidation& what) const;
  [[nodiscard]] Result<Orders> orders_of(const Invalidation& what) const;
  Result<Orders> resolve(const Invalidation& what);
  void outdate(const Invalidation& what);
  void let_go(const Invalidation& what);
  void renew_scope(PolicyState& policy);
  void cut_off(std::uint32_t scope);
  void sweep_soon();
  Task<Held> invalidate_now(Invalidation what, Orders done);
  Task<Held> deliver(Outdating what, Wait wait);
  Task<Result<Token>> send(Orders orders);
  Task<Result<Token>> raise_some(Orders& orders);

  // failover.cc
  [[nodiscard]] bool counts(Token incarnation, StoreTrust::Epoch epoch);
  [[nodiscard]] bool acknowledges(Token incarnation);
  void replay_if_due();
  Task<void> replay();
  void remember(const Orders& orders, Token incarnation);
  void watch_store();
  void look_at_store();
  Task<void> ask_incarnation();

  // pending.cc
  Task<void> leave_pending(Outdating what);
  void keep_pending(Outdating what);
  Task<void> retry_pending();
  Task<void> strike(std::vector<std::uint64_t> records);
  Task<void> read_journal();
  void take_up(Journal::Record one);

  // bus.cc
  // Whether memory may answer at `at` by itself.
  [[nodiscard]] bool may_answer(Instant at) const noexcept {
    return hearing_.is_live(at) || removed(Mechanism::session);
  }
  // Whether nothing that the store says counts for now.
  [[nodiscard]] bool distrusts_store() const noexcept {
    return trust_.is_replaying() || recovering_.load(std::memory_order_acquire);
  }
  void schedule_proof();
  void prove_and_repeat();
  Task<void> prove();
  void note_bus(const Result<void>& outcome);
  [[nodiscard]] std::vector<Store::Floor> floors_in(const BusMessage& message) const;
  Task<Result<void>> say(BusMessage message);
  Task<void> empty_outbox();
  [[nodiscard]] static BusMessage message_of(const Outdating& what, Token incarnation);
  Task<Held> spread(BusMessage message, Wait wait);
  void spread_behind(BusMessage message);
  void heard_of_lease(const BusMessage& message);
  void forget_memory();
  [[nodiscard]] static Error bus_is_late();

  // put.cc
  Task<Result<Token>> put_in_store(PolicyState::Snapshot snapshot, std::string entity,
                                   Envelope envelope, Instant began, Duration keep_for);
  void put_in_memory(const PolicyState& policy, const PolicyState::Snapshot& snapshot,
                     const std::string& entity, Kind kind, std::shared_ptr<const void> value);

  // guard.cc
  Task<Result<GuardedRef>> raise_guard(Invalidation what);
  Task<Held> lower_guard(GuardedRef guarded, Wait wait, bool known);
  [[nodiscard]] std::vector<Store::Floor> named_floors(const std::vector<StoreKey>& keys) const;
  void outlast(GuardedRef guarded);
  Task<Result<void>> call_change(std::shared_ptr<Change> change, Instant deadline);

  // write.cc
  Task<Result<WriteOutcome>> write_linearizably(WritingRef writing);
  Task<Result<void>> change_under_guard(WritingRef writing, Instant deadline);
  void take_along(Writing& writing) const;
  Task<Result<Written>> change_source(WritingRef writing);
  [[nodiscard]] Result<WritingRef> open_write(const PolicyHandle& policy, Write write) const;
  Task<Result<Written>> change_in_time(WritingRef writing);
  [[nodiscard]] Settling settling_of(const Writing& writing, const Result<Written>& outcome) const;
  Task<Held> settle_write(WritingRef writing, Result<Written> outcome);
  [[nodiscard]] Invalidation outdated_by(const Writing& writing) const;

  // write_many.cc
  Task<std::vector<Result<WriteOutcome>>> write_each(PolicyHandle policy,
                                                     std::vector<Write> writes);
  Task<void> change_one(WritingRef writing);
  Task<Held> settle_all(std::shared_ptr<const std::vector<WritingRef>> writings);

  // update.cc
  Task<Result<Current>> ask_current(std::shared_ptr<const Writing> writing);
  Task<Result<std::optional<Write>>> decide(UpdatingRef updating);
  Task<Result<Written>> try_update(UpdatingRef updating);
  Task<Result<Written>> attempt(UpdatingRef updating, Write write);
  [[nodiscard]] Duration pause_before(std::uint32_t tries) const;
  Task<Result<UpdateOutcome>> update_linearizably(UpdatingRef updating);
  Task<Result<void>> update_under_guard(UpdatingRef updating, Instant deadline);
  [[nodiscard]] Invalidation outdated_by(const Writing& writing,
                                         const std::vector<Dependency>& changes,
                                         const std::string& revision, bool of_entity_alone) const;

  template <class T>
  auto store_call(Task<Result<T>> task) {
    Error late{.code = Code::store_unavailable,
               .what = "the store did not answer within store_within"};
    return within(ports_.executor, gate_, std::move(task),
                  ports_.clock.now() + limits_.store_within, std::move(late));
  }
  template <class T>
  auto journal_call(Task<Result<T>> task) {
    Error late{.code = Code::journal_unavailable,
               .what = "the journal did not answer within journal_within"};
    return within(ports_.executor, gate_, std::move(task),
                  ports_.clock.now() + limits_.journal_within, std::move(late));
  }
  template <class T>
  auto bus_call(Task<Result<T>> task) {
    return within(ports_.executor, gate_, std::move(task), ports_.clock.now() + limits_.bus_within,
                  bus_is_late());
  }
  [[nodiscard]] std::uint32_t next_scope() { return scopes_.fetch_add(1) + 1; }

  const Limits limits_;
  const Ports ports_;
  Memory memory_;
  FlightTable flights_;
  Tags tags_;
  Quarantine quarantine_;
  Floors floors_;
  StoreTrust trust_;
  Ring ring_;
  Hearing hearing_;
  Outbox outbox_;
  Listeners listeners_;
  Wakes wakes_;
  Gate gate_;
  std::atomic<std::uint32_t> scopes_{0};
  std::atomic<std::size_t> give_backs_{0};
  std::stop_source stop_checks_;  // Of what nobody waits for.
  std::atomic<bool> reads_on_{true};
  std::atomic<bool> closed_{false};
  std::atomic<bool> sweep_due_{false};
  std::atomic<bool> recovering_{false};  // The journal has not been read yet.

  mutable std::shared_mutex policies_mutex_;
  std::map<std::string, PolicyHandle, std::less<>> policies_;
  // Those that some declaration still holds, by their names.
  std::map<std::string, std::weak_ptr<Admission>, std::less<>> budgets_;

  // Invalidations that the store has not acknowledged, in their order.
  mutable std::mutex pending_mutex_;
  std::vector<Outdating> pending_;
  bool retrying_ = false;

  std::mutex timer_mutex_;
  mutable std::mutex bus_trouble_mutex_;
  std::string bus_trouble_;
  Executor::TimerId expiry_timer_ = Executor::TimerId::none;
  Executor::TimerId proof_timer_ = Executor::TimerId::none;
  Executor::TimerId watch_timer_ = Executor::TimerId::none;
};

}  // namespace headrace
