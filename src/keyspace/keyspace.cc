#include "headrace/keyspace.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "core/gate.h"
#include "headrace/operations.h"
#include "keyspace/accesses.h"
#include "keyspace/upkeep.h"

namespace headrace {

class Keyspace::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(KeyspaceOptions given, Ports of)
      : options(given),
        ports(of),
        accesses(options.accesses_max, options.access_every, options.hash_seed),
        upkeep(options, ports.records, ports.clock, accesses) {}

  // The record if it is live, as its accesses have left it.
  [[nodiscard]] RecordRef live(std::string_view key, RecordRef record, WallTime now) const {
    if (record) record = accesses.seen(key, std::move(record));
    return record && is_live(*record, now) ? record : nullptr;
  }
  void note(std::string_view key, const Record& record, WallTime now) {
    if (accesses.note(key, record, now, options.sweep_every)) hurry();
  }

  // Rounds come by the clock ...
  void wait_for_round() {
    const std::scoped_lock lock(mutex);
    if (closing) return;
    timer =
        ports.executor.post_at(ports.clock.now() + options.sweep_every, [weak = weak_from_this()] {
          const auto self = weak.lock();
          if (!self) return;
          self->wait_for_round();
          self->begin_round();
        });
  }
  // ... and before their time for an access that cannot wait.
  void hurry() {
    if (hurried.exchange(true)) return;
    ports.executor.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->begin_round();
    });
  }

  const KeyspaceOptions options;
  const Ports ports;
  Accesses accesses;
  Upkeep upkeep;
  Gate gate;  // Rounds are inside.
  std::mutex mutex;
  Executor::TimerId timer{};
  bool closing = false;
  bool in_round = false;
  std::atomic<bool> hurried{false};

 private:
  void begin_round() {
    {
      const std::scoped_lock lock(mutex);
      if (closing || in_round) return;
      in_round = true;
      gate.enter();
    }
    start(round(), [self = shared_from_this()] {
      {
        const std::scoped_lock lock(self->mutex);
        self->in_round = false;
      }
      self->gate.leave();
    });
  }
  Task<void> round() {
    hurried = false;
    auto writing = upkeep.write_accesses();
    (void)co_await std::move(writing);  // What failed is tried again in the next round.
    auto sweeping = upkeep.sweep();
    (void)co_await std::move(sweeping);
  }
};

Keyspace::Keyspace(KeyspaceOptions options, Ports ports)
    : impl_(std::make_shared<Impl>(options, ports)) {
  impl_->wait_for_round();
}
Keyspace::~Keyspace() = default;

Records& Keyspace::records() const noexcept {
  return impl_->ports.records;
}
Clock& Keyspace::clock() const noexcept {
  return impl_->ports.clock;
}

std::optional<RecordRef> Keyspace::peek(std::string_view key) {
  return peek(key, clock().wall_now());
}

std::optional<RecordRef> Keyspace::peek(std::string_view key, WallTime now) {
  std::optional<RecordRef> record = records().peek(key);
  if (!record || !*record) return record;
  if (!is_live(**record, now)) *record = impl_->live(key, *std::move(record), now);
  if (*record) impl_->note(key, **record, now);
  return record;
}

Task<Result<std::vector<RecordRef>>> Keyspace::read(std::vector<RecordKey> keys, Access access) {
  auto task = records().read(keys);
  auto found = co_await std::move(task);
  if (!found) co_return found;
  const WallTime now = clock().wall_now();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    RecordRef& record = (*found)[i];
    record = impl_->live(keys[i].bytes(), std::move(record), now);
    if (record && access == Access::counts) impl_->note(keys[i].bytes(), *record, now);
  }
  co_return found;
}

Task<Result<std::vector<RecordRef>>> Keyspace::edit(std::vector<RecordKey> keys,
                                                    Operation operation, Records::Ceiling ceiling) {
  Records::Editor editor =
      [keys, operation = std::move(operation), impl = impl_](
          const std::vector<RecordRef>& found) -> std::optional<std::vector<Records::Change>> {
    const WallTime now = impl->ports.clock.wall_now();
    std::vector<RecordRef> seen = found;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i]) seen[i] = impl->accesses.seen(keys[i].bytes(), std::move(seen[i]));
    }
    Workspace workspace(keys, seen, now);
    if (!operation(workspace)) return std::nullopt;
    return std::move(workspace).take();
  };
  auto task = records().edit(keys, std::move(editor), ceiling);
  auto left = co_await std::move(task);
  if (!left) co_return left;
  const WallTime now = clock().wall_now();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    (*left)[i] = impl_->live(keys[i].bytes(), std::move((*left)[i]), now);
  }
  co_return left;
}

Task<Result<Records::Page>> Keyspace::list(RecordKey prefix, std::string from,
                                           std::size_t keys_max) {
  auto listing = records().list(std::move(prefix), std::move(from), keys_max);
  auto page = co_await std::move(listing);
  if (!page) co_return page;
  auto reading = read(page->keys, Access::does_not_count);
  const auto found = co_await std::move(reading);
  if (!found) co_return std::unexpected(found.error());
  Records::Page live{.next = std::move(page->next)};
  for (std::size_t i = 0; i < page->keys.size(); ++i) {
    if ((*found)[i]) live.keys.push_back(std::move(page->keys[i]));
  }
  co_return live;
}

Task<Result<Records::Usage>> Keyspace::usage(TenantId tenant) {
  return records().usage(tenant);
}

Task<Result<std::size_t>> Keyspace::sweep() {
  return impl_->upkeep.sweep();
}

Task<void> Keyspace::close() {
  {
    const std::scoped_lock lock(impl_->mutex);
    if (std::exchange(impl_->closing, true)) co_return;
    (void)impl_->ports.executor.cancel(impl_->timer);
  }
  co_await impl_->gate.empty();
  auto writing = impl_->upkeep.write_accesses();
  (void)co_await std::move(writing);
}

}  // namespace headrace
