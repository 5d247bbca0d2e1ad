// embedded/health.h: what is wrong with the store, and how often it was.
//
// Threads:   every member may be called from any thread.
// Errors:    none; it turns those of others into what callers are told.
// Lifetimes: `notice` is called on the thread that meets the trouble.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "headrace/result.h"
#include "stores/embedded/set_aside.h"

namespace headrace::embedded {

class Health {
 public:
  Health(std::string path, std::function<void(std::string)> notice)
      : path_(std::move(path)), notice_(std::move(notice)) {}

  // Notes a failure of SQLite's and returns what the caller is told.  A corrupt file is marked, to
  // be set aside when it is opened next.
  [[nodiscard]] Error report(const Error& error) {
    Error told{.code = Code::store_unavailable, .what = error.what};
    if (error.code == Code::damaged) told.what += "; it is set aside when it is opened again";
    bool begins = false;
    {
      const std::lock_guard lock(mutex_);
      std::string& trouble = error.code == Code::damaged ? corruption_ : fault_;
      begins = trouble.empty();
      trouble = told.what;
      troubled_.store(true, std::memory_order_relaxed);
      if (begins && error.code == Code::damaged) mark_suspect(path_);
    }
    if (begins) tell(told.what);
    return told;
  }

  // A write has worked: whatever was wrong is over, unless the file is corrupt.
  void recover() {
    if (!troubled_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    fault_.clear();
    troubled_.store(!corruption_.empty(), std::memory_order_relaxed);
  }

  void tell(std::string text) const {
    if (notice_) notice_(std::move(text));
  }
  [[nodiscard]] std::string trouble() const {
    const std::lock_guard lock(mutex_);
    return corruption_.empty() ? fault_ : corruption_;
  }

  std::atomic<std::uint64_t> evicted{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> failed{0};

 private:
  const std::string path_;
  const std::function<void(std::string)> notice_;
  std::atomic<bool> troubled_{false};
  mutable std::mutex mutex_;
  std::string fault_;
  std::string corruption_;
};

}  // namespace headrace::embedded
