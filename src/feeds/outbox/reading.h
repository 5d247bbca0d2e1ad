// feeds/outbox/reading.h: an outbox as who follows it sees it, for as long as a session lasts.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable, with the source's words: the session is of no use any more.  That
//            something is not there, or not allowed, is no error of look(): it says so.
// Lifetimes: ends before the bell that it was opened with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headrace/feed.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"

namespace headrace::outbox {

// What there is at one moment.
struct Look {
  std::string lack{};         // Why nothing can be seen; then nothing of the rest is set.
  std::string state{};        // Of the installation; never the same again once it was another.
  std::string recorded{};     // The state that was last acknowledged; empty: none was.
  std::string moment{};       // As the source names it.
  std::uint64_t waiting = 0;  // Rows in the outbox, to one more than backlog_max.
  bool some_left = false;     // Of the rows that could be read at the moment that was asked about.
};

struct Portion {
  std::string rows{};  // Which, as the source takes it.
  std::vector<SourceChange> changes{};
};

struct Removed {
  std::uint64_t rows = 0;
  Duration lag{0};  // Of the last.
  Duration lag_max{0};
};

class Reading {
 public:
  virtual ~Reading() = default;

  // `moment`: an earlier look's, to ask what is left of it; empty: nothing is asked.
  [[nodiscard]] virtual Result<Look> look(const std::string& moment) = 0;
  // What is lacking, in detail; empty: nothing.
  [[nodiscard]] virtual Result<std::string> lack() = 0;
  // Whether this one is the consumer now: as long as the session lasts.
  [[nodiscard]] virtual Result<bool> become_consumer() = 0;

  // The oldest batch_max rows that can be seen, or fewer.
  [[nodiscard]] virtual Result<Portion> read() = 0;
  [[nodiscard]] virtual Result<Removed> remove(const Portion& portion) = 0;
  // All that could be read at that moment.
  [[nodiscard]] virtual Result<void> remove_all(const std::string& moment) = 0;
  // That everything is acknowledged that was changed before the installation had that state.
  [[nodiscard]] virtual Result<void> record(const std::string& state) = 0;
  // That nothing is, as far as that can be written down.
  [[nodiscard]] virtual Result<void> forget() = 0;

  // Whether something has come meanwhile that makes it worth a look.
  [[nodiscard]] virtual Result<bool> hear() = 0;
  // Returns when something has come, the bell has rung, or at `until`.
  virtual void wait(Instant until) = 0;
};

using OpenReading = std::function<Result<std::unique_ptr<Reading>>(const io::Bell&)>;

}  // namespace headrace::outbox
