// io/pipeline.h: requests to one server and its replies, over one connection that is kept.
//
// Whoever calls does not wait for others: what is asked in one turn of the loop is written
// together, and replies are matched by their order.  The connection is opened by the first call,
// and again by the next call after it was lost.  After a try that fails, or a call that is not
// answered in time, calls fail at once for a pause, which doubles each time; then one call tries it
// again, and only once that was answered are there more: a server that hangs costs few callers
// their time.  Nothing is ever sent twice: a call whose connection is lost fails,
// and may have been carried out.
//
// Threads:   call() and close() from any thread.  A call ends on the pipeline's loop; `pushed`,
//            `lost` and the greeting's `check` are called there, and must not block.
// Errors:    the code that the options name, with the server's address, what happened, and the
//            limit that was reached.
// Lifetimes: close() it before its runtime stops; calls under way end then.  It may be destroyed
//            while calls are under way, which end too.  If that is on its loop, what the options
//            hold to be called may be called for a moment after it: it owns, or shares, what it
//            needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/address.h"
#include "io/connection.h"

namespace headrace::io {

// Tells the replies of one connection apart.
class Framing {
 public:
  virtual ~Framing() = default;

  struct Found {
    std::size_t bytes = 0;  // Of the first reply; none: it is not all there.
    bool is_push = false;   // Nobody has asked for it.
  };
  // `bytes` begin with a reply.  Until that is found they only grow from call to call.
  [[nodiscard]] virtual Result<Found> first(std::string_view bytes) = 0;
};

class Pipeline {
 public:
  struct Greeted {
    std::uint64_t connection = 0;  // Counts those of this pipeline, from 1.
    Instant sent{};                // Before the request was.
    std::string_view replies{};
  };

  // What is said first on every connection, and what must come back before anything else is sent.
  struct Greeting {
    std::string request{};
    std::size_t replies = 0;
    // May refuse to go on.
    std::function<Result<void>(const Greeted& greeted)> check{};
  };

  struct Options {
    Address to{};
    std::shared_ptr<TlsTrust> trust{};  // Plain without it.
    std::size_t loop = 0;               // Of the runtime's; taken modulo their number.
    Code code = Code::store_unavailable;
    std::function<std::unique_ptr<Framing>()> framing{};
    Greeting greeting{};
    std::function<void(std::string_view push)> pushed{};
    std::function<void(std::uint64_t connection)> lost{};  // One that had been greeted.

    Duration connect_within = std::chrono::seconds(1);  // The greeting included.
    Duration answer_within = std::chrono::seconds(1);   // Of a call that names no time itself.
    Duration retry_after = std::chrono::milliseconds(20);
    Duration retry_after_max = std::chrono::seconds(2);
    std::size_t calls_max = 65536;             // Under way at once; more are refused.
    std::size_t request_bytes_max = 64 << 20;  // Not written yet, of all calls.
    std::size_t reply_bytes_max = 64 << 20;    // Of one reply; a longer one ends the connection.
  };

  struct Answer {
    std::string bytes{};           // The replies, one behind the other.
    std::uint64_t connection = 0;  // On which they came.
  };

  Pipeline(Runtime& runtime, Options options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Sends `request`, to which the server will give `replies` replies.  If they are not all there
  // `within` that time (none: answer_within) the connection is given up.  With an `only_on` that is
  // not zero it is sent on that connection or, if that has been lost, not at all: the call ends as
  // cancelled, and was not carried out.  REQUIRES: replies > 0.
  [[nodiscard]] Task<Result<Answer>> call(std::string request, std::size_t replies,
                                          Duration within = Duration::zero(),
                                          std::uint64_t only_on = 0);

  // Ends the connection, and all calls with it; the next one opens another.
  void drop();

  // The same for good: later calls fail.  Returns when nothing of it is left on its loop, unless it
  // is called there.  Idempotent.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace headrace::io
