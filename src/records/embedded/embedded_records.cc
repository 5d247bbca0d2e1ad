// The records' port.  Reads run on the calling thread, edits wait for their turn with the writer.
//
// Memory in front is exact, for all changes go through it: an edit is published there when it has
// been committed and before it is acknowledged, so that whoever hears of it reads it everywhere.
#include "headrace/records/embedded.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <optional>
#include <utility>

#include "embedded/file_lock.h"
#include "records/embedded/front.h"
#include "records/embedded/health.h"
#include "records/embedded/in_memory.h"
#include "records/embedded/readers.h"
#include "records/embedded/schema.h"
#include "records/embedded/seams.h"
#include "records/embedded/writer.h"

namespace headrace {

namespace embedded_records {

namespace {

class EmbeddedRecords final : public Records {
 public:
  EmbeddedRecords(EmbeddedRecordsOptions options, Seams seams, Executor& executor)
      : options_(std::move(options)),
        seams_(std::move(seams)),
        executor_(executor),
        front_(options_.memory_bytes_max),
        health_(options_.notice) {}
  ~EmbeddedRecords() override { shut(); }

  // Opens the file; once, before anything else.
  [[nodiscard]] Result<void> open();

  std::optional<RecordRef> peek(std::string_view key) const noexcept override {
    KeptRef kept = closed_.load(std::memory_order_relaxed) ? nullptr : front_.find(key);
    if (!kept) return std::nullopt;
    return record_of(std::move(kept));
  }
  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override;
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override;
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override;
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override;
  Task<Result<Usage>> usage(TenantId tenant) override;
  bool is_shared() const noexcept override { return false; }
  Records::Health health() const override {
    return {
        .edits_total = health_.edits, .failed_total = health_.failed, .trouble = health_.trouble()};
  }
  void close() override { shut(); }

 private:
  [[nodiscard]] Result<void> open_file();
  void shut();

  // What was read, or how its failure is told.
  template <class T>
  Result<T> told(Result<T> read) {
    if (read) return read;
    if (read.error().code != Code::closed) ++health_.failed;
    return std::unexpected(health_.report(read.error()));
  }

  const EmbeddedRecordsOptions options_;
  const Seams seams_;
  Executor& executor_;
  mutable Front front_;
  embedded_records::Health health_;
  std::mutex closing_;
  std::atomic<bool> closed_{false};  // Another process may change the file.
  embedded::FileLock lock_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Readers> readers_;
};

Result<void> EmbeddedRecords::open() {
  auto lock = embedded::FileLock::take(options_.path);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  auto opened = open_file();
  if (opened || opened.error().code != Code::damaged) return opened;
  return failure(Code::store_unavailable,
                 "the records in " + options_.path + " cannot be read (" + opened.error().what +
                     "); nobody else has them, so the file is left as it is: restore it from a "
                     "copy, or move it away to begin with none");
}

Result<void> EmbeddedRecords::open_file() {
  auto made = embedded::make_private_file(options_.path);
  if (!made) return made;
  auto database = embedded::Database::open_for_writing(options_.path, schema, seams_.pages_max);
  if (!database) return std::unexpected(database.error());
  auto tables = Tables::open(std::move(*database));
  if (!tables) return std::unexpected(tables.error());
  const auto last_version = tables->last_version();
  if (!last_version) return std::unexpected(last_version.error());
  auto readers = Readers::open(options_.path, options_.readers_max, seams_, front_);
  if (!readers) return std::unexpected(readers.error());
  readers_ = std::move(*readers);
  const Writer::Parts parts{.options = options_,
                            .seams = seams_,
                            .executor = executor_,
                            .front = front_,
                            .health = health_};
  writer_ = std::make_unique<Writer>(std::move(*tables), *last_version, parts);
  return {};
}

Task<Result<std::vector<RecordRef>>> EmbeddedRecords::read(std::vector<RecordKey> keys) {
  if (closed_) co_return failure(Code::closed, "the records are closed");
  co_return told(readers_->read(keys));
}

Task<Result<std::vector<RecordRef>>> EmbeddedRecords::edit(std::vector<RecordKey> keys,
                                                           Editor editor, Ceiling ceiling) {
  assert(!keys.empty() && keys.size() <= edit_keys_max);
  Writer::Turn turn(*writer_, std::move(keys), std::move(editor), ceiling);
  auto outcome = co_await turn;
  co_return outcome;
}

Task<Result<Records::Page>> EmbeddedRecords::list(RecordKey prefix, std::string from,
                                                  std::size_t keys_max) {
  const std::size_t count = std::clamp(keys_max, std::size_t{1}, page_keys_max);
  co_return told(readers_->list(prefix, from, count));
}

Task<Result<std::vector<RecordKey>>> EmbeddedRecords::expired(WallTime at, std::size_t keys_max) {
  co_return told(readers_->expired(at, keys_max));
}

Task<Result<Records::Usage>> EmbeddedRecords::usage(TenantId tenant) {
  co_return told(readers_->usage(tenant));
}

void EmbeddedRecords::shut() {
  const std::lock_guard lock(closing_);
  closed_ = true;
  if (!writer_) return;
  writer_->close();
  readers_->close();
  writer_->close_file();
  lock_ = embedded::FileLock();
}

}  // namespace

Result<std::unique_ptr<Records>> open(EmbeddedRecordsOptions options, Seams seams,
                                      Executor& executor) {
  if (options.memory_bytes_max == 0 || options.queue_max == 0 || options.group_max == 0 ||
      options.readers_max == 0) {
    return failure(Code::invalid_argument, "embedded records need limits that are not zero");
  }
  if (options.path.empty()) return std::make_unique<InMemoryRecords>(options.memory_bytes_max);
  auto records = std::make_unique<EmbeddedRecords>(std::move(options), std::move(seams), executor);
  auto opened = records->open();
  if (!opened) return std::unexpected(opened.error());
  return records;
}

}  // namespace embedded_records

Result<std::unique_ptr<Records>> open_embedded_records(EmbeddedRecordsOptions options,
                                                       Executor& executor) {
  return embedded_records::open(std::move(options), {}, executor);
}

}  // namespace headrace
