#include "keyspace/upkeep.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/operations.h"

namespace headrace {

namespace {

constexpr std::size_t batch_keys_max = 128;  // In one edit, which others may wait for.

using Change = Records::Change;

// The first of `keys` that may be edited together, which it takes out.
std::vector<RecordKey> take_batch(std::vector<RecordKey>& keys) {
  const TenantId tenant = keys.back().tenant();
  std::vector<RecordKey> batch;
  while (!keys.empty() && keys.back().tenant() == tenant && batch.size() < batch_keys_max) {
    batch.push_back(std::move(keys.back()));
    keys.pop_back();
  }
  return batch;
}

}  // namespace

Task<Result<std::size_t>> Upkeep::edit(std::vector<RecordKey> keys, Judge judge) {
  std::size_t changed = 0;
  Records::Editor editor =
      [&](const std::vector<RecordRef>& found) -> std::optional<std::vector<Change>> {
    std::vector<Change> changes;
    changed = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      changes.push_back(found[i] ? judge(keys[i], found[i]) : Change());
      if (changes.back().what != Change::What::keep) ++changed;
    }
    if (changed == 0) return std::nullopt;
    return changes;
  };
  const Records::Ceiling none{};
  auto task = records_.edit(keys, std::move(editor), none);
  const auto left = co_await std::move(task);
  if (!left) co_return std::unexpected(left.error());
  co_return changed;
}

Task<Result<std::size_t>> Upkeep::edit_all(std::vector<RecordKey> keys, Judge judge) {
  std::size_t changed = 0;
  while (!keys.empty()) {
    std::vector<RecordKey> batch = take_batch(keys);
    auto together = edit(batch, judge);
    Result<std::size_t> edited = co_await std::move(together);
    if (edited) changed += *edited;
    if (edited) continue;
    if (edited.error().code != Code::not_allowed || batch.size() == 1) co_return edited;
    for (RecordKey& key : batch) {  // Where keys that lie apart cannot be changed together.
      std::vector<RecordKey> one;
      one.push_back(std::move(key));
      auto alone = edit(std::move(one), judge);
      edited = co_await std::move(alone);
      if (!edited) co_return edited;
      changed += *edited;
    }
  }
  co_return changed;
}

Task<Result<std::size_t>> Upkeep::write_accesses() {
  std::vector<Accesses::Access> waiting = accesses_.waiting(options_.access_writes_max);
  std::ranges::sort(waiting, {}, &Accesses::Access::key);
  std::vector<RecordKey> keys;
  for (const Accesses::Access& access : waiting) {
    if (auto key = RecordKey::parse(access.key)) keys.push_back(*std::move(key));
  }
  const WallTime now = clock_.wall_now();
  Judge judge = [&waiting, now](const RecordKey& key, const RecordRef& found) -> Change {
    const auto access = std::ranges::lower_bound(waiting, key.bytes(), {}, &Accesses::Access::key);
    Record record = *found;
    note_access(record, access->at);
    const bool is_of_another = access->at < found->updated;
    if (is_of_another || !is_live(record, now)) return {};
    record.content_version = content_version_of(*found);
    return {.what = Change::What::put, .record = std::move(record)};
  };
  auto task = edit_all(std::move(keys), std::move(judge));
  auto written = co_await std::move(task);
  if (!written) co_return written;
  for (const Accesses::Access& access : waiting) accesses_.settle(access);
  co_return waiting.size();
}

Task<Result<std::size_t>> Upkeep::sweep() {
  Judge judge = [this](const RecordKey& key, const RecordRef& found) -> Change {
    const RecordRef seen = accesses_.seen(key.bytes(), found);
    if (is_live(*seen, clock_.wall_now())) return {};
    return {.what = Change::What::remove, .record = {}};
  };
  std::size_t removed = 0;
  for (;;) {
    auto asking = records_.expired(clock_.wall_now(), options_.sweep_keys_max);
    auto keys = co_await std::move(asking);
    if (!keys) co_return std::unexpected(std::move(keys.error()));
    std::ranges::sort(*keys);
    auto removing = edit_all(*std::move(keys), judge);
    const auto gone = co_await std::move(removing);
    if (!gone) co_return gone;
    if (*gone == 0) co_return removed;  // Nothing is left, or what is left lives by its accesses.
    removed += *gone;
  }
}

}  // namespace headrace
