// Where a loss of power may take the last edits with it, their versions must not be given again:
// whoever was told of one could take another record for that.  So each opening begins far above the
// version that the file knows, and its first edit is synced: what may be lost lies between.
#include "records/embedded/writer.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "records/embedded/quota.h"

namespace headrace::embedded_records {

namespace {

constexpr std::uint64_t versions_of_an_opening = 1ull << 32;

}  // namespace

Writer::Writer(Tables tables, std::uint64_t last_version, const Parts& parts)
    : parts_(parts),
      tables_(std::move(tables)),
      last_version_(last_version == 0 ? 0 : last_version + versions_of_an_opening) {
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
  close();
}

void Writer::close() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    thread = std::move(thread_);
  }
  wake_.notify_all();
  if (thread.joinable()) thread.join();
}

bool Writer::enqueue(Turn& turn) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    turn.outcome_ = failure(Code::closed, "the records are closed");
    return false;
  }
  if (queue_.size() >= parts_.options.queue_max) {
    turn.outcome_ = failure(Code::refused, std::to_string(queue_.size()) +
                                               " edits of the records are waiting (queue_max); "
                                               "try again later");
    return false;
  }
  queue_.push_back(&turn);
  wake_.notify_one();
  return true;
}

void Writer::run() {
  std::vector<Turn*> group;
  while (take(group)) {
    if (parts_.seams.before_group) parts_.seams.before_group();
    settle(group);
    tables_.checkpoint_if_due();
  }
}

// The next group; false at the end.
bool Writer::take(std::vector<Turn*>& group) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !queue_.empty() || closing_; });
  if (queue_.empty()) return false;
  const std::size_t count = std::min(queue_.size(), parts_.options.group_max);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  group.assign(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  return true;
}

// A group fails as a whole; alone, each edit fails only by itself.
void Writer::settle(Group group) {
  const auto done = attempt(group);
  if (!done && group.size() > 1) {
    for (std::size_t i = 0; i < group.size(); ++i) settle(group.subspan(i, 1));
    return;
  }
  if (!done) {
    ++parts_.health.failed;
    group[0]->outcome_ = std::unexpected(parts_.health.report(done.error()));
    group[0]->has_changed_ = false;
  }
  finish(group);
}

Result<void> Writer::attempt(Group group) {
  changed_.clear();
  latest_.clear();
  usages_.clear();
  auto done = tables_.begin();
  for (std::size_t i = 0; done && i < group.size(); ++i) done = carry_out(*group[i]);
  if (done && !changed_.empty()) done = write_totals();
  if (done) done = commit();
  if (!done) tables_.roll_back();
  return done;
}

// Fails only if the file does.
Result<void> Writer::carry_out(Turn& turn) {
  turn.has_changed_ = false;
  std::vector<RecordRef> found;
  found.reserve(turn.keys_.size());
  for (const RecordKey& key : turn.keys_) {
    auto kept = find(key.bytes());
    if (!kept) return std::unexpected(std::move(kept.error()));
    found.push_back(record_of(*std::move(kept)));
  }
  auto changes = turn.editor_(found);
  turn.outcome_ = std::move(found);
  if (!changes) return {};
  assert(changes->size() == turn.keys_.size());
  return make(turn, *std::move(changes));
}

Result<void> Writer::make(Turn& turn, std::vector<Records::Change> changes) {
  using What = Records::Change::What;
  std::vector<RecordRef>& left = *turn.outcome_;
  const TenantId tenant = turn.keys_.front().tenant();
  const auto before = usage_of(tenant);
  if (!before) return std::unexpected(before.error());
  const auto after = usage_after(*before, turn.keys_, left, changes, turn.ceiling_);
  if (!after) {
    turn.outcome_ = std::unexpected(after.error());
    return {};
  }
  for (std::size_t i = 0; i < turn.keys_.size(); ++i) {
    const std::string_view key = turn.keys_[i].bytes();
    KeptRef kept;
    Result<void> done;
    if (changes[i].what == What::put) {
      changes[i].record.version = ++last_version_;
      kept = std::make_shared<const Kept>(key, std::move(changes[i].record));
      done = tables_.put(key, kept->record());
    } else if (changes[i].what == What::remove && left[i]) {
      kept = std::make_shared<const Kept>(key);
      done = tables_.remove(key);
    } else {
      continue;
    }
    if (!done) return done;
    left[i] = record_of(kept);
    changed_.push_back(std::move(kept));
    latest_[changed_.back()->key()] = changed_.size() - 1;
    turn.has_changed_ = true;
  }
  usages_[tenant] = *after;
  return {};
}

Result<void> Writer::write_totals() {
  for (const auto& [tenant, usage] : usages_) {
    auto done = tables_.set_usage(tenant, usage);
    if (!done) return done;
  }
  return tables_.set_last_version(last_version_);
}

Result<void> Writer::commit() {
  parts_.front.begin_change(changed_);
  auto done = tables_.commit();
  if (parts_.seams.before_publish) parts_.seams.before_publish();
  if (done) parts_.front.publish(changed_);
  parts_.front.end_change(changed_);
  const bool may_relax = parts_.options.durability == EmbeddedRecordsOptions::Durability::process;
  if (done && syncs_ && may_relax && !changed_.empty()) {
    syncs_ = !tables_.sync_no_more().has_value();
  }
  return done;
}

// As the edits before this one left it.
Result<KeptRef> Writer::find(std::string_view key) {
  if (const auto made = latest_.find(key); made != latest_.end()) return changed_[made->second];
  if (KeptRef kept = parts_.front.find(key)) return kept;
  return tables_.find(key);
}

Result<Records::Usage> Writer::usage_of(TenantId tenant) {
  if (const auto made = usages_.find(tenant); made != usages_.end()) return made->second;
  return tables_.usage(tenant);
}

void Writer::finish(Group group) {
  for (Turn* turn : group) {
    if (turn->has_changed_) ++parts_.health.edits;
    if (turn->has_changed_ && turn->outcome_) parts_.health.recover();
    parts_.executor.post([waiting = turn->waiting_] { waiting.resume(); });
  }
}

}  // namespace headrace::embedded_records
