// stores/valkey/looks.h: reads of slots that begin at the same time are one question to the server.
//
// What a loop's thread wants to see before it turns to its next event goes in one write: each
// record, and then one MGET of what stands beside them and of their watermarks, each of which is
// asked for once.  Nobody waits for others: who is alone goes alone.
//
// All of them have the time of one answer.  So the larger the records are, the fewer go together;
// and where nothing was answered yet, or the last time not, each goes alone.
//
// Threads:   readers begin on a loop of the runtime, and go on on any.
// Errors:    store_unavailable, the same for all that were asked for together, but for a record
//            that the server refuses to give.
// Lifetimes: outlives its readers.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <span>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "stores/valkey/names.h"
#include "stores/valkey/sight.h"
#include "valkey/router.h"

namespace headrace::valkey {

class Looks {
 public:
  static constexpr std::size_t together_max = 32;
  static constexpr std::size_t bytes_aimed_at = 256 << 10;  // Of all records of one answer.

  // REQUIRES: all that the router asks is one server.
  Looks(Runtime& runtime, const Names& names, Router& router);

  // What a reader awaits, once.  Its Sight points into an answer that lives until the reader waits
  // for something else.
  class Look {
   public:
    // Of the slot's record no more than `head_bytes`; 0: all of it.
    Look(Looks& looks, const StoreKey& key, std::span<const WatermarkId> ids,
         std::size_t head_bytes) noexcept
        : looks_(looks), key_(key), ids_(ids), head_bytes_(head_bytes) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      reader_ = awaiting;
      looks_.join(*this);
    }
    [[nodiscard]] Result<Sight> await_resume() { return std::move(seen_); }

   private:
    friend class Looks;

    Looks& looks_;
    const StoreKey& key_;
    const std::span<const WatermarkId> ids_;
    const std::size_t head_bytes_;
    std::coroutine_handle<> reader_{};
    Result<Sight> seen_{};
  };

  // Whether this thread is one on which reads can be joined.
  [[nodiscard]] bool are_here() const noexcept;

 private:
  // Of one loop.
  struct Queue {
    std::vector<Look*> waiting{};  // The loop's own thread alone touches these two.
    bool is_on_its_way = false;
    // Answers come on any loop.
    std::atomic<bool> is_answered{false};      // The last time; at first nothing was yet.
    std::atomic<std::size_t> record_bytes{0};  // What the largest record had of late.
  };
  struct Question;

  void join(Look& look);
  void go(Queue& queue);
  // How many of them go together.
  [[nodiscard]] static std::size_t together(const Queue& queue, std::span<Look* const> looks);
  [[nodiscard]] Task<void> see(Queue& queue, std::vector<Look*> looks);
  [[nodiscard]] Question question_of(std::span<Look* const> looks) const;
  [[nodiscard]] static RespCommands commands_of(std::span<Look* const> looks,
                                                const Question& question);
  static void learn(Queue& queue, std::span<Look* const> looks, bool is_answered);
  static void answer(std::span<Look* const> looks, const Question& question,
                     const Answers& answers);
  static void refuse(std::span<Look* const> looks, const Error& error);

  Runtime& runtime_;
  const Names& names_;
  Router& router_;
  std::vector<Queue> queues_;
};

}  // namespace headrace::valkey
