#include "server/http/guard_desk.h"

#include <map>
#include <mutex>
#include <utility>

#include "server/http/handover.h"

namespace headrace::http {

namespace {

std::string hex(Token token) {
  std::string text;
  for (const std::uint64_t word : {token.high, token.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(word >> shift) & 15];
  }
  return text;
}

}  // namespace

struct GuardDesk::Standing {
  Executor& executor;
  Handover<Result<Instant>> raised{};  // The deadline of the change, once the guard stands.
  Handover<Result<void>> ended{};      // What the client says of its change.
  Handover<Result<Held>> lowered{};    // What came of it.
};

// Those that stand, by their names.
struct GuardDesk::Table {
  explicit Table(std::size_t most) : guards_max(most) {}

  [[nodiscard]] Result<void> add(const std::string& id, StandingRef standing) {
    const std::scoped_lock lock(mutex);
    if (closed) return failure(Code::closed, "the server is shutting down");
    if (standing_by_id.size() >= guards_max) {
      return failure(Code::refused, "too many guards stand (guards_max)");
    }
    standing_by_id.emplace(id, std::move(standing));
    return {};
  }
  [[nodiscard]] StandingRef take(const std::string& id) {
    const std::scoped_lock lock(mutex);
    const auto found = standing_by_id.find(id);
    if (found == standing_by_id.end()) return nullptr;
    StandingRef standing = std::move(found->second);
    standing_by_id.erase(found);
    return standing;
  }

  const std::size_t guards_max;
  std::mutex mutex;
  std::map<std::string, StandingRef> standing_by_id;
  bool closed = false;
};

GuardDesk::GuardDesk(Ports ports, std::size_t guards_max)
    : ports_(ports), table_(std::make_shared<Table>(guards_max)) {}

// Waits for the client, which does what the engine takes for the change.
Task<Result<void>> GuardDesk::change(StandingRef standing, Instant deadline) {
  const Executor::TimerId timer = standing->executor.post_at(deadline, [standing] {
    standing->ended.give(failure(Code::timed_out,
                                 "the write was not ended in time; nobody knows whether it was "
                                 "made, and its guard stands until nobody can make it any more"));
  });
  standing->raised.give(deadline);
  const Result<void> said = co_await standing->ended;
  standing->executor.cancel(timer);
  co_return said;
}

Task<Result<GuardDesk::Begun>> GuardDesk::begin(Invalidation what, Wait wait) {
  auto standing = std::make_shared<Standing>(ports_.executor);
  const std::string id = hex(ports_.random.token());
  const std::shared_ptr<Table> table = table_;
  if (const auto added = table->add(id, standing); !added) co_return std::unexpected(added.error());
  Change until_it_ends = [standing](Instant deadline) { return change(standing, deadline); };
  start(ports_.engine.write(std::move(what), std::move(until_it_ends), wait),
        [table, standing, id](Result<Held> held) {
          (void)table->take(id);
          // Without a guard there was no change.
          if (!held) standing->raised.give(std::unexpected(held.error()));
          standing->lowered.give(std::move(held));
        });
  const Result<Instant> deadline = co_await standing->raised;
  if (!deadline) co_return std::unexpected(deadline.error());
  co_return Begun{.id = id, .ends_in = *deadline - ports_.clock.now()};
}

Task<std::optional<Result<Held>>> GuardDesk::end(std::string id, Ending ending) {
  const StandingRef standing = table_->take(id);
  if (!standing) co_return std::nullopt;
  Result<void> said;
  if (ending == Ending::unknown) {
    said = failure(Code::timed_out,
                   "nobody knows whether the write was made; its guard stands until nobody can "
                   "make it any more");
  }
  standing->ended.give(std::move(said));
  co_return co_await standing->lowered;
}

void GuardDesk::drop_all() {
  std::map<std::string, StandingRef> all;
  {
    const std::scoped_lock lock(table_->mutex);
    table_->closed = true;
    all.swap(table_->standing_by_id);
  }
  for (const auto& [id, standing] : all) {
    standing->ended.give(failure(Code::timed_out, "the server ends while a write is guarded"));
  }
}

}  // namespace headrace::http
