// embedded/writer.h: the one thread that edits, and the queue before it.
//
// Edits are carried out in the order in which they were queued, each seeing what those before it
// made, and committed in groups.  What was committed is published in memory, and only then is
// anybody told.
//
// Threads:   co_await a Turn on any thread; it goes on through the executor, or at once if refused.
// Errors:    store_unavailable, over_quota, refused (queue_max), closed.  A group that fails is
//            tried again, one edit at a time.
// Lifetimes: a Turn stays where it is until it has been awaited; coroutine frames see to that.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "headrace/executor.h"
#include "headrace/records.h"
#include "headrace/records/embedded.h"
#include "records/embedded/front.h"
#include "records/embedded/health.h"
#include "records/embedded/seams.h"
#include "records/embedded/tables.h"

namespace headrace::embedded_records {

class Writer {
 public:
  // One edit, to be awaited.
  class Turn {
   public:
    Turn(Writer& writer, std::vector<RecordKey> keys, Records::Editor editor,
         Records::Ceiling ceiling)
        : writer_(writer), keys_(std::move(keys)), editor_(std::move(editor)), ceiling_(ceiling) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting) {
      waiting_ = waiting;
      return writer_.enqueue(*this);
    }
    [[nodiscard]] Result<std::vector<RecordRef>> await_resume() { return std::move(outcome_); }

   private:
    friend class Writer;
    Writer& writer_;
    const std::vector<RecordKey> keys_;
    const Records::Editor editor_;
    const Records::Ceiling ceiling_;
    Result<std::vector<RecordRef>> outcome_{};
    bool has_changed_ = false;  // As its outcome says, if the commit succeeds.
    std::coroutine_handle<> waiting_;
  };

  struct Parts {
    const EmbeddedRecordsOptions& options;
    const Seams& seams;
    Executor& executor;
    Front& front;
    Health& health;
  };

  Writer(Tables tables, std::uint64_t last_version, const Parts& parts);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Carries out what is queued, then ends the thread.  Idempotent.
  void close();
  // Closes the file, after close() and after everyone who reads it.
  void close_file() noexcept { tables_.close(); }

 private:
  using Group = std::span<Turn* const>;

  bool enqueue(Turn& turn);
  void run();
  bool take(std::vector<Turn*>& group);
  void settle(Group group);
  [[nodiscard]] Result<void> attempt(Group group);
  [[nodiscard]] Result<void> carry_out(Turn& turn);
  [[nodiscard]] Result<void> make(Turn& turn, std::vector<Records::Change> changes);
  [[nodiscard]] Result<void> write_totals();
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] Result<KeptRef> find(std::string_view key);
  [[nodiscard]] Result<Records::Usage> usage_of(TenantId tenant);
  void finish(Group group);

  const Parts parts_;
  Tables tables_;
  std::uint64_t last_version_;
  bool syncs_ = true;  // Each commit.

  // Of the group under way: what its edits have made so far.
  std::vector<KeptRef> changed_;                              // In order; the last of a key counts.
  std::unordered_map<std::string_view, std::size_t> latest_;  // Of a key, in changed_.
  std::unordered_map<TenantId, Records::Usage> usages_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Turn*> queue_;  // At most queue_max.
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace headrace::embedded_records
