// replay/part.h: what is counted of one workload while it is played.
//
// A replay warms up, counts, and at last is quiet: then reads only check what was edited.  What is
// judged counts in all three; what is billed and how long it took, in the second alone.
//
// Threads:   any member may be called from any thread.
// Errors:    none.
// Lifetimes: owns its counters.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "headrace/answer.h"
#include "headrace/stats.h"
#include "replay/histogram.h"
#include "replay/oracle.h"
#include "replay/report.h"
#include "replay/workload.h"

namespace headrace::replay {

enum class Phase : std::uint8_t { warm_up, counted, quiet };

// One read that was answered.
struct ReadDone {
  std::uint64_t documents = 1;  // What it would have been billed if nothing was cached.
  Origin origin = Origin::source;
  bool absent = false;
  Duration took{0};
};

class Part {
 public:
  void enter(Phase phase) noexcept { phase_ = phase; }
  [[nodiscard]] bool counts() const noexcept { return phase_ == Phase::counted; }

  void answered(const Judgement& judgement, const ReadDone& read);
  void failed(const std::string& what);
  void wrote(bool removed);
  void write_failed(const std::string& what);
  void invalidated(bool pending);
  void invalidation_failed(const std::string& what);
  // The first that is told is kept.
  void remember(const std::string& what);

  [[nodiscard]] Figures figures_of(const Workload& workload) const;
  void add_latencies(Histogram& hits, Histogram& all) const;
  [[nodiscard]] std::string first_error() const;

 private:
  std::atomic<Phase> phase_{Phase::warm_up};
  std::atomic<std::uint64_t> reads_{0};
  std::atomic<std::uint64_t> documents_{0};
  std::atomic<std::uint64_t> warm_documents_{0};
  std::array<std::atomic<std::uint64_t>, origin_count> origins_{};
  std::atomic<std::uint64_t> absent_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> deletes_{0};
  std::atomic<std::uint64_t> write_failures_{0};
  std::atomic<std::uint64_t> invalidations_{0};
  std::atomic<std::uint64_t> pending_{0};
  std::atomic<std::uint64_t> invalidation_failures_{0};
  Tally during_{};
  Tally after_{};  // When all was quiet.
  Histogram hits_{};
  Histogram all_{};
  mutable std::mutex mutex_;
  std::string first_error_;  // Under the mutex.
};

[[nodiscard]] Latency latency_of(const Histogram& histogram);
// All counts; not the latencies, of which there is no sum.
void add(Figures& sum, const Figures& part);

}  // namespace headrace::replay
