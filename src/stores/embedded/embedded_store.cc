// The store's port.  Reads run on the calling thread, writes wait for their turn with the writer.
//
// get_or_lease: one snapshot gives the envelope and the watermarks.  If there is none, a lease is
// granted and the slot is read once more: a fill may have ended between the snapshot and the grant,
// and its answer spares a load.  The tokens answered with a grant were current when the snapshot
// was taken, which is before the caller's read of the source; if one was renewed since, the fill is
// built on a token that no longer holds, and is a miss.  Guards and floors are looked at last of
// all.
//
// What has been acknowledged is never forgotten, so there is one incarnation, the none token.
#include "headrace/stores/embedded.h"

#include <mutex>
#include <optional>
#include <utility>

#include "embedded/file_lock.h"
#include "stores/embedded/guards.h"
#include "stores/embedded/health.h"
#include "stores/embedded/leases.h"
#include "stores/embedded/readers.h"
#include "stores/embedded/schema.h"
#include "stores/embedded/seams.h"
#include "stores/embedded/set_aside.h"
#include "stores/embedded/writer.h"
#include "wire/envelope.h"
#include "wire/key_text.h"

namespace headrace {

namespace embedded {

namespace {

// How often a call makes the watermarks that it misses, or finds a fill that has just ended.
constexpr int looks_max = 4;

class EmbeddedStore final : public Store {
 public:
  EmbeddedStore(EmbeddedStoreOptions options, Seams seams, std::int64_t boot, Clock& clock,
                Executor& executor, Random& random)
      : options_(std::move(options)),
        seams_(std::move(seams)),
        boot_(boot),
        clock_(clock),
        executor_(executor),
        random_(random),
        leases_(options_.leases_max),
        guards_(options_.guards_max),
        floors_(options_.floors_max),
        health_(options_.path, options_.notice) {}
  ~EmbeddedStore() override { close(); }

  // Opens the files; once, before anything else.
  [[nodiscard]] Result<void> open();

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override;
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override;
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override;
  Task<Result<void>> release(StoreKey key, Token lease) override;
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override;
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override;
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override;
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override;
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override;
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override;
  Task<Result<Token>> incarnation() override { co_return Token(); }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override;
  bool is_shared() const noexcept override { return false; }
  Usage usage() const override;
  void close() override;

 private:
  Task<Result<Slot>> see(StoreKey key, std::vector<WatermarkId> watermarks, Payload payload);
  Task<Result<void>> write(Writer::Work work);
  Task<Result<Token>> acknowledge(Writer::Work work);
  // What stands beside the slot; the last that is looked at.
  void tell_of_guards_and_floors(const StoreKey& key, Slot& slot) const;
  [[nodiscard]] Claim told(const StoreKey& key, Claim claim) const;
  [[nodiscard]] Result<void> open_files();
  [[nodiscard]] Row row_of(const Envelope& envelope, Duration keep_for) const;
  [[nodiscard]] std::unexpected<Error> failed(const Error& error);
  [[nodiscard]] std::unexpected<Error> read_failed(const Error& error);

  const EmbeddedStoreOptions options_;
  const Seams seams_;
  const std::int64_t boot_;
  Clock& clock_;
  Executor& executor_;
  Random& random_;
  Leases leases_;
  Guards guards_;
  FloorTable floors_;
  Health health_;
  Touched touched_;
  std::mutex closing_;
  FileLock lock_;
  std::shared_ptr<Writer> writer_;
  std::unique_ptr<Readers> readers_;
};

Result<void> EmbeddedStore::open() {
  auto lock = FileLock::take(options_.path);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  Result<void> opened =
      is_suspect(options_.path)
          ? failure(Code::damaged, "SQLite found it corrupt when it was last in use")
          : open_files();
  if (opened || opened.error().code != Code::damaged) return opened;
  const auto name = set_aside(options_.path, clock_.wall_now());
  if (!name) return std::unexpected(name.error());
  health_.tell("the embedded store " + options_.path + " is damaged (" + opened.error().what +
               "); it was renamed to " + *name + ", and an empty one takes its place");
  return open_files();
}

Result<void> EmbeddedStore::open_files() {
  auto made = make_private_file(options_.path);
  if (!made) return made;
  auto database = Database::open_for_writing(options_.path, schema, seams_.pages_max);
  if (!database) return std::unexpected(database.error());
  auto tables = Tables::open(std::move(*database), touched_);
  if (!tables) return std::unexpected(tables.error());
  auto loaded = tables->load(guards_, floors_, Moment::read(clock_, boot_));
  if (!loaded) return loaded;
  auto readers = Readers::open(options_.path, options_.readers_max, clock_, boot_, touched_);
  if (!readers) return std::unexpected(readers.error());
  readers_ = std::move(*readers);
  const Writer::Parts parts{.options = options_,
                            .seams = seams_,
                            .boot = boot_,
                            .clock = clock_,
                            .executor = executor_,
                            .random = random_,
                            .leases = leases_,
                            .guards = guards_,
                            .floors = floors_,
                            .health = health_};
  writer_ = std::make_shared<Writer>(std::move(*tables), parts);
  writer_->begin();
  return {};
}

Task<Result<Store::Claim>> EmbeddedStore::get_or_lease(StoreKey key, Token lease,
                                                       Duration lease_for,
                                                       std::vector<WatermarkId> watermarks) {
  if (lease.is_none()) co_return failure(Code::invalid_argument, "a lease needs a token");
  Claim claim;
  for (int looks = 0; looks < looks_max; ++looks) {
    auto slot = co_await see(key, watermarks, Payload::with);
    if (!slot) co_return std::unexpected(std::move(slot.error()));
    claim.slot = std::move(*slot);
    if (claim.slot.state != Slot::State::empty) co_return told(key, std::move(claim));
    Leases::Holder holder;
    const auto grant = leases_.grant(key, lease, clock_.now(), lease_for, holder);
    if (grant != Leases::Grant::granted) {
      claim.slot.state = Slot::State::leased;
      claim.slot.token = holder.lease;
      claim.slot.lease_left = holder.left;
      co_return told(key, std::move(claim));
    }
    const auto again = readers_->look(key, {}, Payload::without);
    if (again && again->slot.state == Slot::State::empty) {
      claim.granted = true;
      co_return told(key, std::move(claim));
    }
    leases_.release(key, lease);
    if (!again) co_return read_failed(again.error());
  }
  claim.slot.state = Slot::State::leased;
  co_return told(key, std::move(claim));
}

Store::Claim EmbeddedStore::told(const StoreKey& key, Claim claim) const {
  tell_of_guards_and_floors(key, claim.slot);
  return claim;
}

void EmbeddedStore::tell_of_guards_and_floors(const StoreKey& key, Slot& slot) const {
  slot.guarded = guards_.stands(key, clock_);
  if (!floors_.is_empty()) slot.floors = floors_.of(key, clock_.now());
}

Task<Result<Published>> EmbeddedStore::take_over(StoreKey key, Token expected, Token lease,
                                                 Duration lease_for) {
  if (lease.is_none()) co_return failure(Code::invalid_argument, "a lease needs a token");
  Writer::TakeOver work{.key = key, .expected = expected, .lease = lease, .lease_for = lease_for};
  Writer::Turn turn(*writer_, std::move(work));
  auto outcome = co_await turn;
  if (!outcome) co_return failed(outcome.error());
  co_return outcome;
}

Task<Result<Published>> EmbeddedStore::publish(StoreKey key, Token expected, Envelope envelope,
                                               Duration keep_for) {
  if (envelope.id.is_none()) co_return failure(Code::invalid_argument, "an envelope needs an id");
  Writer::Publish work{.key = key, .expected = expected, .row = row_of(envelope, keep_for)};
  Writer::Turn turn(*writer_, std::move(work));
  auto outcome = co_await turn;
  if (!outcome) co_return failed(outcome.error());
  co_return outcome;
}

Task<Result<void>> EmbeddedStore::release(StoreKey key, Token lease) {
  leases_.release(key, lease);
  co_return Result<void>();
}

Task<Result<void>> EmbeddedStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  if (envelope.id.is_none()) co_return failure(Code::invalid_argument, "an envelope needs an id");
  leases_.void_key(key);
  Writer::Put work{.key = key, .row = row_of(envelope, keep_for)};
  auto outcome = co_await write(std::move(work));
  co_return outcome;
}

Task<Result<Token>> EmbeddedStore::invalidate(std::vector<StoreKey> keys) {
  for (const StoreKey& key : keys) leases_.void_key(key);
  Writer::Invalidate work{.keys = std::move(keys)};
  auto outcome = co_await acknowledge(std::move(work));
  co_return outcome;
}

Task<Result<Token>> EmbeddedStore::renew(std::vector<WatermarkId> watermarks) {
  Writer::Renew work{.watermarks = std::move(watermarks)};
  auto outcome = co_await acknowledge(std::move(work));
  co_return outcome;
}

Task<Result<Token>> EmbeddedStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  if (guard.is_none()) co_return failure(Code::invalid_argument, "a write guard needs a token");
  if (lasts <= Duration(0) || lasts > guard_lasts_max) {
    co_return failure(Code::invalid_argument,
                      "a write guard lasts longer than nothing and up to 24 hours "
                      "(guard_lasts_max)");
  }
  for (const StoreKey& key : keys) leases_.void_key(key);
  const std::size_t count = keys.size();
  Writer::Guard work{.keys = std::move(keys), .guard = guard, .lasts = lasts};
  Writer::Turn turn(*writer_, std::move(work));
  auto outcome = co_await turn;
  if (!outcome) co_return failed(outcome.error());
  if (*outcome == Published::refused) {
    Error error{.code = Code::refused,
                .what = "the embedded store has no room for " + std::to_string(count) +
                        " more write guards: " + std::to_string(guards_.size()) + " of " +
                        std::to_string(options_.guards_max) +
                        " stand (guards_max); try again when some have ended"};
    co_return failed(error);
  }
  co_return Token();
}

Task<Result<void>> EmbeddedStore::unguard(std::vector<StoreKey> keys, Token guard) {
  Writer::Unguard work{.keys = std::move(keys), .guard = guard};
  auto outcome = co_await write(std::move(work));
  co_return outcome;
}

Task<Result<Token>> EmbeddedStore::raise_floors(std::vector<Floor> floors) {
  for (const Floor& floor : floors) {
    if (floor.revision.empty() || floor.revision.size() > revision_bytes_max) {
      co_return failure(Code::invalid_argument,
                        "a floor needs a revision of 1 to 1024 bytes (revision_bytes_max)");
    }
    if (floor.lasts <= Duration(0) || floor.lasts > floor_lasts_max) {
      co_return failure(Code::invalid_argument,
                        "a floor lasts longer than nothing and up to 24 hours (floor_lasts_max)");
    }
  }
  for (const Floor& floor : floors) leases_.void_key(floor.key);
  Writer::Raise work{.floors = std::move(floors)};
  auto outcome = co_await acknowledge(std::move(work));
  co_return outcome;
}

Task<Result<Slot>> EmbeddedStore::look(StoreKey key, std::vector<WatermarkId> watermarks,
                                       Payload payload) {
  auto slot = co_await see(key, std::move(watermarks), payload);
  if (!slot) co_return slot;
  if (slot->state == Slot::State::empty) {
    if (const auto holder = leases_.holder(key, clock_.now())) {
      slot->state = Slot::State::leased;
      slot->token = holder->lease;
      slot->lease_left = holder->left;
    }
  }
  tell_of_guards_and_floors(key, *slot);
  co_return slot;
}

// By the keys' order, so that a page begins behind the last key of the one before.
Task<Result<Store::Page>> EmbeddedStore::list(std::string from, std::size_t keys_max) {
  std::optional<StoreKey> after;
  if (!from.empty()) {
    after = key_of_text(from);
    if (!after) {
      co_return failure(Code::invalid_argument,
                        "what to list on from is no key of 64 hexadecimal digits; begin anew");
    }
  }
  auto page = readers_->list(after, keys_max);
  if (!page) co_return read_failed(page.error());
  co_return page;
}

// The slot and the watermarks, made if they are absent; leases are not looked at.
Task<Result<Slot>> EmbeddedStore::see(StoreKey key, std::vector<WatermarkId> watermarks,
                                      Payload payload) {
  for (int looks = 0; looks < looks_max; ++looks) {
    auto seen = readers_->look(key, watermarks, payload);
    if (!seen) co_return read_failed(seen.error());
    if (seen->missing.empty()) co_return std::move(seen->slot);
    Writer::Ensure work{.watermarks = std::move(seen->missing)};
    auto made = co_await write(std::move(work));
    if (!made) co_return std::unexpected(std::move(made.error()));
  }
  Error error{.code = Code::refused,
              .what =
                  "the embedded store forgets watermarks as fast as they are made; raise "
                  "watermarks_max"};
  co_return failed(error);
}

Task<Result<void>> EmbeddedStore::write(Writer::Work work) {
  Writer::Turn turn(*writer_, std::move(work));
  auto outcome = co_await turn;
  if (!outcome) co_return failed(outcome.error());
  co_return Result<void>();
}

Task<Result<Token>> EmbeddedStore::acknowledge(Writer::Work work) {
  auto written = co_await write(std::move(work));
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return Token();
}

Store::Usage EmbeddedStore::usage() const {
  const Tables::Totals totals = writer_->totals();
  return {.entries = static_cast<std::uint64_t>(totals.entries),
          .bytes = static_cast<std::uint64_t>(totals.bytes),
          .bytes_max = options_.bytes_max,
          .leases = leases_.size(),
          .watermarks = static_cast<std::uint64_t>(totals.watermarks),
          .guards = guards_.size(),
          .floors = floors_.size(),
          .evicted_total = health_.evicted,
          .expired_total = health_.expired,
          .refused_total = health_.refused,
          .failed_total = health_.failed,
          .trouble = health_.trouble()};
}

void EmbeddedStore::close() {
  const std::lock_guard lock(closing_);
  if (!writer_) return;
  writer_->close();
  readers_->close();
  writer_->close_file();
  lock_ = FileLock();
}

// A row is dated by the moment of the call: its envelope counted its age until then.
Row EmbeddedStore::row_of(const Envelope& envelope, Duration keep_for) const {
  return {.token = envelope.id,
          .envelope = encode(envelope),
          .written = Moment::read(clock_, boot_),
          .keep_for = keep_for};
}

std::unexpected<Error> EmbeddedStore::failed(const Error& error) {
  ++health_.failed;
  return failure(Code::store_unavailable, error.what);
}

// The writer reports its own failures; a reader's are reported here.
std::unexpected<Error> EmbeddedStore::read_failed(const Error& error) {
  return failed(error.code == Code::closed ? error : health_.report(error));
}

}  // namespace

Result<std::unique_ptr<Store>> open(EmbeddedStoreOptions options, Seams seams, Clock& clock,
                                    Executor& executor, Random& random) {
  if (options.path.empty() || options.bytes_max == 0 || options.queue_max == 0 ||
      options.group_max == 0 || options.readers_max == 0 || options.floors_max == 0) {
    return failure(Code::invalid_argument,
                   "the embedded store needs a path, and limits that are not zero");
  }
  // A machine that does not name its boots is taken to boot at every opening.
  const auto boot = seams.boot ? seams.boot : this_boot();
  const std::int64_t boot_or_random = boot ? *boot : static_cast<std::int64_t>(random.bits());
  auto store = std::make_unique<EmbeddedStore>(std::move(options), std::move(seams), boot_or_random,
                                               clock, executor, random);
  auto opened = store->open();
  if (!opened) return std::unexpected(opened.error());
  return store;
}

}  // namespace embedded

Result<std::unique_ptr<Store>> open_embedded_store(EmbeddedStoreOptions options, Clock& clock,
                                                   Executor& executor, Random& random) {
  return embedded::open(std::move(options), {}, clock, executor, random);
}

}  // namespace headrace
