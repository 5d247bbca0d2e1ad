// headrace/store.h: the port to a store, the tier behind memory.
//
// A store keeps one slot per key.  A slot is empty, or holds a lease, or holds an envelope; either
// way it has one token (the lease's, or the envelope's id), and whoever wants to replace what the
// slot holds must name that token.  This compare-and-set is the fence: a token that is gone, for
// whatever reason, refuses the fill.  Losing a slot may only ever cause a miss.
//
// A store also keeps watermarks: named random tokens.  One that it does not have is made, fresh and
// random, by the first call that asks for it; it never answers "unchanged" from ignorance.
//
// Beside its slot a key has a set of write guards: random tokens that say "its source is being
// changed", each with an end of its own.  A guard stops neither a lease nor a publish by itself:
// who is told `guarded` reads the source and keeps nothing.  One that is there in vain only costs
// loads.  None is evicted.
//
// And a key has floors: names that its source has given to changes of the entity, each with an end
// of its own.  A store cannot compare them: it keeps a small set, the newest to come.  Who is told
// of a floor keeps and answers nothing that was read at a state without that change.  One that is
// there in vain costs a read of the source's primary; one that is lost, where replicas of the
// source lag, may let an older value be kept.  So none is evicted before its end, but for the
// limits that raise_floors() names.
//
// An incarnation names one history of the store's records.  What incarnation X has acknowledged
// holds in X, and every answer of X shows it; in another incarnation it may be forgotten, and what
// it voided may be back.  So whoever is answered by another than the one that acknowledged must
// have it acknowledged again before it counts on it.  Incarnations are random: none is older than
// another, and one may answer again after another has.  A store that never forgets what it has
// acknowledged has one, which is the none token.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    store_unavailable when the store cannot do it now.  A failed publish, release or
//            take_over may nevertheless have happened; that is harmless.  A failed put, invalidate
//            or renew may have happened too, and must be repeated until it is acknowledged; so must
//            a failed raise_floors.  After a failed guard or unguard the guard may stand, until its
//            end.  invalid_argument for a token that is none, a guard or a floor that lasts too
//            long, or a floor's name that is empty or too long.
//            What is called once is carried out once: a store may repeat by itself only what can do
//            no more the second time, whatever came between, than cost a load (a guard, say, that
//            then stands to its end), and so never get_or_lease or put.
// Lifetimes: arguments are taken by value and belong to the task.  A store must outlive its tasks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headrace/envelope.h"
#include "headrace/invalidation.h"
#include "headrace/key.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace {

// What a slot held.
struct Slot {
  enum class State : std::uint8_t {
    empty,    // Nothing, or something expired.
    leased,   // A lease of somebody else's, or none that this call could take.
    held,     // An envelope.
    damaged,  // Bytes that are no envelope of a version known here.  To be replaced.
  };

  State state = State::empty;
  Token token{};        // The lease's or the envelope's; what a replacement must name.
  Envelope envelope{};  // If held.
  // If held: how long ago its publish or put was called, never too short; the way to the store
  // counts, which a store tells from what it said of its own clock before.
  Duration stored_for{0};
  // If held: how much longer the store keeps it, to the second; short rather than long.
  Duration kept_for{0};
  Duration lease_left{0};           // If leased: how long until it runs out by itself.
  std::vector<Token> watermarks{};  // Of the ids asked for, in their order; none of them zero.
  bool guarded = false;             // A write guard stood on the key, looked at after the slot.
  // Of the key, looked at after the slot; an empty one: of a change whose name was not kept.
  std::vector<std::string> floors{};
  Token incarnation{};  // Of the store when it answered, in which all of this held.
};

enum class Published : std::uint8_t { stored, refused };

class Store {
 public:
  virtual ~Store() = default;

  // What get_or_lease found: `granted` says that the slot was empty and now holds `lease`.
  struct Claim {
    bool granted = false;
    Slot slot{};
  };

  // Returns the envelope under `key` together with the present watermarks, or, if there is none,
  // takes the slot for `lease`.  Once this has answered with a grant, whatever is read from the
  // source afterwards may be published under that lease, unless the slot is `guarded`.  Guards are
  // looked at when the lease is granted or later, never before: one that comes later still voids
  // the lease.
  [[nodiscard]] virtual Task<Result<Claim>> get_or_lease(StoreKey key, Token lease,
                                                         Duration lease_for,
                                                         std::vector<WatermarkId> watermarks) = 0;

  // Replaces what the slot holds, envelope or lease, by `lease`, if its token is still `expected`.
  // For an envelope that is damaged, of another key, or whose watermarks no longer hold; and for
  // the lease of a load that its instance has given up.
  [[nodiscard]] virtual Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                                          Duration lease_for) = 0;

  // Puts `envelope` in the slot if the slot's token is still `expected`, to live for `keep_for`.
  // `expected` is the fill's own lease, or the id of the envelope that a refresh replaces.
  [[nodiscard]] virtual Task<Result<Published>> publish(StoreKey key, Token expected,
                                                        Envelope envelope, Duration keep_for) = 0;

  // Gives a lease back: empties the slot if its token is still `lease`.
  [[nodiscard]] virtual Task<Result<void>> release(StoreKey key, Token lease) = 0;

  // Puts `envelope` in the slot whatever it holds.  Voids a lease.  Durable once acknowledged.
  [[nodiscard]] virtual Task<Result<void>> put(StoreKey key, Envelope envelope,
                                               Duration keep_for) = 0;

  // Empties the slots, envelopes and leases alike.  Unconditional, idempotent, and durable once
  // acknowledged: what was there never comes back.  Guards stay.  Returns the incarnation that has
  // acknowledged.
  [[nodiscard]] virtual Task<Result<Token>> invalidate(std::vector<StoreKey> keys) = 0;

  // Gives each watermark a fresh token.  Unconditional, and durable once acknowledged.  Returns the
  // incarnation that has acknowledged.
  [[nodiscard]] virtual Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) = 0;

  // Adds `guard` to the guards of each key, and only then empties the slots, as invalidate() does:
  // leases granted before are void, and whoever is granted one after it is told that a guard
  // stands.  Unconditional, idempotent (the same guard twice is one, which ends when the later
  // does), and durable once acknowledged.  A guard stands for `lasts` at least from this call on,
  // and then ends by itself.  Returns the incarnation that has acknowledged.
  // REQUIRES: 0 < lasts <= guard_lasts_max.
  static constexpr Duration guard_lasts_max = std::chrono::hours(24);
  [[nodiscard]] virtual Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard,
                                                  Duration lasts) = 0;

  // Takes this guard, and no other, from the keys.  The slots stay.  Idempotent.
  [[nodiscard]] virtual Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) = 0;

  struct Floor {
    StoreKey key{};
    std::string revision{};
    Duration lasts{0};
  };
  // Adds each floor to those of its key, and only then empties the slots, as invalidate() does:
  // leases granted before are void, and whoever is granted one after it is told of the floors.
  // Unconditional, idempotent (the same revision twice is one floor, which ends when the later
  // does), and durable once acknowledged.  A floor stands for `lasts` at least from this call on,
  // whatever happens to the slot, and then ends by itself.  Returns the incarnation that has
  // acknowledged.
  // Limits: of one key the newest floors_per_key_max stay.  A store that has no room for more
  // floors forgets those that end first, and until they would have ended says with every key that
  // there is one without a name; it refuses none for want of room.
  // REQUIRES: 0 < lasts <= floor_lasts_max and 0 < revision.size() <= revision_bytes_max.
  static constexpr Duration floor_lasts_max = std::chrono::hours(24);
  [[nodiscard]] virtual Task<Result<Token>> raise_floors(std::vector<Floor> floors) = 0;

  // Asks the store which incarnation it is: one cheap round trip.
  [[nodiscard]] virtual Task<Result<Token>> incarnation() = 0;

  // What the slot holds and what the watermarks are, without taking anything.  With `payload`
  // unset the envelope may come without its payload: enough to validate a copy.
  enum class Payload : std::uint8_t { without, with };
  [[nodiscard]] virtual Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                                                Payload payload) = 0;

  // The database that the records are kept in, if changes of them can be made in a commit of
  // somebody else's there: the same text as Source::commits_in() of a source of that very database.
  // Empty: in none.  A store that names one forgets nothing: its incarnation is the none token.
  [[nodiscard]] virtual std::string commits_in() const { return {}; }

  // What invalidate(keys) and renew(watermarks) would do, as changes for such a commit
  // (Write::along), which only that database's own source can read.  Once the commit has been made
  // it is as if both calls had been acknowledged.  Each answer is for one commit, to be made soon
  // and once at most.  Empty: not now, or never; nothing is asked and nothing has changed.
  [[nodiscard]] virtual std::vector<std::string> voiding(
      [[maybe_unused]] const std::vector<StoreKey>& keys,
      [[maybe_unused]] const std::vector<WatermarkId>& watermarks) const {
    return {};
  }

  // Some of the keys whose slots hold an envelope, and where to go on.
  struct Page {
    std::vector<StoreKey> keys{};
    std::string next{};  // What to go on from; empty after the last page.
  };
  // Lists keys, page by page, in no order; one may come twice, or have gone meanwhile.  Every slot
  // that holds an envelope from the call with an empty `from` to the page with an empty `next` is
  // on a page, unless what was there was replaced in between by another.  A page has about
  // `keys_max` keys, or none although there is a next.  `from` may be one of an earlier process.
  // not_allowed where a store cannot list its keys; invalid_argument for a `from` that is no
  // `next` of this store's.  REQUIRES: 0 < keys_max <= page_keys_max.
  static constexpr std::size_t page_keys_max = 4096;
  [[nodiscard]] virtual Task<Result<Page>> list(std::string from, std::size_t keys_max);

  // Whether engines elsewhere may use it at the same time.  Without a bus they hear nothing of what
  // is invalidated here.
  [[nodiscard]] virtual bool is_shared() const noexcept { return true; }

  // Figures for metrics and `explain`.
  struct Usage {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t leases = 0;
    std::uint64_t watermarks = 0;
    std::uint64_t guards = 0;  // That stand, where the store can count them; else 0.
    std::uint64_t floors = 0;  // The same.
    std::uint64_t evicted_total = 0;
    std::uint64_t expired_total = 0;
    std::uint64_t refused_total = 0;  // Publishes that lost their lease.
    std::uint64_t failed_total = 0;   // Operations that ended in store_unavailable.
    std::string trouble{};            // What is wrong now, in words; empty if nothing is.
    std::string warning{};            // What works, and some day may not; the same.
    bool counts = true;               // Else entries to evicted_total, but for guards and floors,
                                      // are unknown, and 0.
  };
  [[nodiscard]] virtual Usage usage() const = 0;

  // Ends all work of the store's own.  Acknowledged writes are safe.  Idempotent.
  virtual void close() = 0;
};

inline Task<Result<Store::Page>> Store::list(std::string, std::size_t) {
  co_return failure(Code::not_allowed, "this store cannot list its keys");
}

}  // namespace headrace
