#include "headrace/keyspace.h"

#include <utility>

namespace headrace {

class Keyspace::Impl {
 public:
  Impl(KeyspaceOptions options, Ports ports) : options_(options), ports_(ports) {}

  KeyspaceOptions options_;
  Ports ports_;
};

namespace {

void leave_live(std::vector<RecordRef>& records, WallTime now) {
  for (RecordRef& record : records) {
    if (record && !is_live(*record, now)) record.reset();
  }
}

}  // namespace

Keyspace::Keyspace(KeyspaceOptions options, Ports ports)
    : impl_(std::make_shared<Impl>(options, ports)) {}
Keyspace::~Keyspace() = default;

Records& Keyspace::records() const noexcept {
  return impl_->ports_.records;
}
Clock& Keyspace::clock() const noexcept {
  return impl_->ports_.clock;
}

std::optional<RecordRef> Keyspace::peek(std::string_view key) {
  std::optional<RecordRef> record = records().peek(key);
  if (record && *record && !is_live(**record, clock().wall_now())) record->reset();
  return record;
}

Task<Result<std::vector<RecordRef>>> Keyspace::read(std::vector<RecordKey> keys,
                                                    [[maybe_unused]] Access access) {
  auto task = records().read(std::move(keys));
  auto found = co_await std::move(task);
  if (found) leave_live(*found, clock().wall_now());
  co_return found;
}

Task<Result<std::vector<RecordRef>>> Keyspace::edit(std::vector<RecordKey> keys,
                                                    Operation operation, Records::Ceiling ceiling) {
  Records::Editor editor =
      [keys, operation = std::move(operation), &clock = clock()](
          const std::vector<RecordRef>& found) -> std::optional<std::vector<Records::Change>> {
    Workspace workspace(keys, found, clock.wall_now());
    if (!operation(workspace)) return std::nullopt;
    return std::move(workspace).take();
  };
  auto task = records().edit(std::move(keys), std::move(editor), ceiling);
  auto left = co_await std::move(task);
  if (left) leave_live(*left, clock().wall_now());
  co_return left;
}

Task<Result<Records::Page>> Keyspace::list(RecordKey prefix, std::string from,
                                           std::size_t keys_max) {
  auto listing = records().list(std::move(prefix), std::move(from), keys_max);
  auto page = co_await std::move(listing);
  if (!page) co_return page;
  auto reading = records().read(page->keys);
  auto found = co_await std::move(reading);
  if (!found) co_return std::unexpected(std::move(found.error()));
  const WallTime now = clock().wall_now();
  Records::Page live{.next = std::move(page->next)};
  for (std::size_t i = 0; i < page->keys.size(); ++i) {
    const RecordRef& record = (*found)[i];
    if (record && is_live(*record, now)) live.keys.push_back(std::move(page->keys[i]));
  }
  co_return live;
}

Task<Result<Records::Usage>> Keyspace::usage(TenantId tenant) {
  return records().usage(tenant);
}

Task<Result<std::size_t>> Keyspace::sweep() {
  std::size_t removed = 0;
  for (;;) {
    auto asking = records().expired(clock().wall_now(), impl_->options_.sweep_keys_max);
    auto keys = co_await std::move(asking);
    if (!keys) co_return std::unexpected(std::move(keys.error()));
    if (keys->empty()) co_return removed;
    for (RecordKey& key : *keys) {
      std::vector<RecordKey> one;
      one.push_back(std::move(key));
      // Looked at again in the same step: who wrote in between keeps what they wrote.
      Records::Editor editor =
          [&clock = clock()](
              const std::vector<RecordRef>& found) -> std::optional<std::vector<Records::Change>> {
        if (!found[0] || is_live(*found[0], clock.wall_now())) return std::nullopt;
        std::vector<Records::Change> changes(1);
        changes[0].what = Records::Change::What::remove;
        return changes;
      };
      const Records::Ceiling none{};
      auto removing = records().edit(std::move(one), std::move(editor), none);
      const auto left = co_await std::move(removing);
      if (!left) co_return std::unexpected(left.error());
      if (!(*left)[0]) ++removed;
    }
  }
}

Task<void> Keyspace::close() {
  co_return;
}

}  // namespace headrace
