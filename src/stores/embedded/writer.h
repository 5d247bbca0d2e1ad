// embedded/writer.h: the one thread that writes, and the queue before it.
//
// Writes are carried out in the order in which they were queued, and committed in groups.  All
// comparing and setting happens here, so whatever was queued first wins.
//
// Threads:   co_await a Turn on any thread; it goes on through the executor, or at once if refused.
// Errors:    store_unavailable, or closed.  A group that fails is tried again, one write at a time.
// Lifetimes: a Turn stays where it is until it has been awaited; coroutine frames see to that.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <variant>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"
#include "headrace/store.h"
#include "stores/embedded/guards.h"
#include "stores/embedded/health.h"
#include "stores/embedded/leases.h"
#include "stores/embedded/seams.h"
#include "stores/embedded/tables.h"

namespace headrace::embedded {

class Writer : public std::enable_shared_from_this<Writer> {
 public:
  struct Publish {
    StoreKey key{};
    Token expected{};
    Row row{};
    bool spent = false;  // Whether it marked its lease.
  };
  struct TakeOver {
    StoreKey key{};
    Token expected{};
    Token lease{};
    Duration lease_for{0};
    bool entered = false;  // Whether it made its lease.
  };
  struct Put {
    StoreKey key{};
    Row row{};
  };
  struct Invalidate {
    std::vector<StoreKey> keys{};
  };
  struct Renew {
    std::vector<WatermarkId> watermarks{};
  };
  struct Ensure {
    std::vector<WatermarkId> watermarks{};
  };
  // Refused if there is no room for it.
  struct Guard {
    std::vector<StoreKey> keys{};
    Token guard{};
    Duration lasts{0};
  };
  struct Unguard {
    std::vector<StoreKey> keys{};
    Token guard{};
  };
  struct Raise {
    std::vector<Store::Floor> floors{};
  };
  using Work =
      std::variant<Publish, TakeOver, Put, Invalidate, Renew, Ensure, Guard, Unguard, Raise>;

  // One write, to be awaited.
  class Turn {
   public:
    Turn(Writer& writer, Work work) : writer_(writer), work_(std::move(work)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting) {
      waiting_ = waiting;
      return writer_.enqueue(*this);
    }
    [[nodiscard]] Result<Published> await_resume() { return std::move(outcome_); }

   private:
    friend class Writer;
    Writer& writer_;
    Work work_;
    Result<Published> outcome_ = Published::stored;
    std::coroutine_handle<> waiting_;
  };

  struct Parts {
    const EmbeddedStoreOptions& options;
    const Seams& seams;
    std::int64_t boot;
    const Clock& clock;
    Executor& executor;
    Random& random;
    Leases& leases;
    Guards& guards;
    FloorTable& floors;
    Health& health;
  };

  Writer(Tables tables, const Parts& parts);
  ~Writer();

  void begin();
  // Carries out what is queued, then ends the thread.  Idempotent.
  void close();
  // Closes the file, after close() and after everyone who reads it.
  void close_file() noexcept { tables_.close(); }
  [[nodiscard]] Tables::Totals totals() const;

 private:
  using Group = std::span<Turn* const>;

  bool enqueue(Turn& turn);
  void arm();
  void tick();

  void run();
  bool take(std::vector<Turn*>& group);
  void settle(Group group);
  [[nodiscard]] Result<void> attempt(Group group);
  [[nodiscard]] Result<void> tidy();
  [[nodiscard]] Result<std::size_t> sweep();
  void finish(Group group);

  [[nodiscard]] Result<Published> apply(Publish& publish);
  [[nodiscard]] Result<Published> apply(TakeOver& take_over);
  [[nodiscard]] Result<Published> apply(Put& put);
  [[nodiscard]] Result<Published> apply(Invalidate& invalidate);
  [[nodiscard]] Result<Published> apply(Renew& renew);
  [[nodiscard]] Result<Published> apply(Ensure& ensure);
  [[nodiscard]] Result<Published> apply(Guard& guard);
  [[nodiscard]] Result<Published> apply(Unguard& unguard);
  [[nodiscard]] Result<Published> apply(Raise& raise);
  void undo(Work& work);
  void after_commit(Work& work);
  [[nodiscard]] bool fits(const Row& row) const noexcept;

  const Parts parts_;
  Tables tables_;
  bool behind_ = false;    // More is to be evicted or swept.
  bool sweeping_ = false;  // This turn sweeps.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Turn*> queue_;  // At most queue_max.
  Tables::Totals totals_{};
  Executor::TimerId timer_ = Executor::TimerId::none;
  bool sweep_due_ = false;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace headrace::embedded
