// replay/usage_reporter.h: the application that tells its source what was used.
//
// Each minute that was granted is one more of its account's present hour.  Reports are written in
// the order in which they come, as many at once as there are, by a thread of its own.
//
// Threads:   report() and the queries from any thread.
// Errors:    told in the part; what was not written is not tried again.
// Lifetimes: borrows file, clock and part; its destructor writes what is left.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "headrace/clock.h"
#include "replay/part.h"
#include "replay/sqlite_file.h"

namespace headrace::replay {

class UsageReporter {
 public:
  static constexpr std::size_t reports_max = 1 << 20;  // Waiting; more are dropped, and told.

  UsageReporter(SqliteFile& file, const Clock& clock, Part& part);
  ~UsageReporter();
  UsageReporter(const UsageReporter&) = delete;
  UsageReporter& operator=(const UsageReporter&) = delete;

  // A minute of this account, which is its `minute`th of the month.
  void report(std::uint64_t account, std::int64_t minute);
  // From the grant to the commit.
  [[nodiscard]] const Histogram& delays() const noexcept { return delays_; }

 private:
  struct Report {
    std::uint64_t account = 0;
    std::int64_t minute = 0;
    Instant granted{};
  };
  void write_all();
  void write(const std::vector<Report>& reports);

  SqliteFile& file_;
  const Clock& clock_;
  Part& part_;
  Histogram delays_;
  std::mutex mutex_;  // Of what follows.
  std::condition_variable wanted_;
  std::vector<Report> reports_;
  bool ends_ = false;
  std::thread writer_;  // The last, so that all else is there when it begins.
};

}  // namespace headrace::replay
