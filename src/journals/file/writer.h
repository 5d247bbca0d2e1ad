// journals/file/writer.h: the one thread that writes, and the queue before it.
//
// What was queued is written in its order, in groups that are made safe with one sync.  Numbers are
// given here.  What stands is held in memory; the file is what a crash leaves of it.
//
// Threads:   co_await a Turn on any thread; it goes on through the executor, or at once if refused.
// Errors:    journal_unavailable.  A group that the disk refuses fails as a whole.
// Lifetimes: a Turn stays where it is until it has been awaited; coroutine frames see to that.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "headrace/executor.h"
#include "journals/file/disk.h"
#include "journals/file/scan.h"
#include "journals/file/seams.h"

namespace headrace::journals {

class Writer {
 public:
  struct Add {
    Journal::Record record{};
  };
  struct Strike {
    std::vector<std::uint64_t> numbers{};
  };
  using Work = std::variant<Add, Strike>;

  // One write, to be awaited; of an Add its number comes out.
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
    [[nodiscard]] Result<std::uint64_t> await_resume() { return std::move(outcome_); }

   private:
    friend class Writer;
    Writer& writer_;
    Work work_;
    Result<std::uint64_t> outcome_ = 0;
    std::string frame_{};  // Of an Add that is being written.
    std::coroutine_handle<> waiting_;
  };

  // `read` is what the file holds.
  Writer(Disk disk, Scan read, const FileJournalOptions& options, const Seams& seams,
         Executor& executor);
  ~Writer() { close(); }

  void begin();
  // Carries out what is queued, ends the thread and lets go of the folder.  Idempotent.
  void close();

  // The frames of what stands, in the order of their numbers.  May return: journal_unavailable.
  [[nodiscard]] Result<std::vector<std::string>> standing() const;

 private:
  using Group = std::span<Turn* const>;

  bool enqueue(Turn& turn);
  void run();
  bool take(std::vector<Turn*>& group);
  void settle(Group group);
  [[nodiscard]] std::string compose(Group group);
  void prepare(Turn& turn, std::string& frames);
  void apply_strikes(Group group);
  [[nodiscard]] Result<void> write(const std::string& frames, bool adds);
  void finish(Group group, const Result<void>& written);
  [[nodiscard]] Result<void> rewrite();
  void rewrite_if_due();
  void tell_of(const Error& error);

  const FileJournalOptions& options_;
  const Seams& seams_;
  Executor& executor_;

  // Of the writer thread alone.
  Disk disk_;
  std::uint64_t next_;
  std::size_t standing_bytes_ = 0;        // Those of the group that is being written count.
  std::vector<std::uint64_t> unwritten_;  // Struck, and not on the disk; no more than have stood.
  std::size_t struck_bytes_max_ = 0;      // More of the file are not kept; grows if that fails.
  bool troubled_ = false;
  bool full_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Turn*> queue_;  // At most queue_max.
  Standing standing_;         // Changed by the writer thread alone.
  bool closing_ = false;
  std::thread thread_;

  std::mutex ending_;  // Of close().
};

}  // namespace headrace::journals
