// embedded/health.h: what is wrong with the records' file, and how often it was.
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

namespace headrace::embedded_records {

class Health {
 public:
  explicit Health(std::function<void(std::string)> notice) : notice_(std::move(notice)) {}

  // Notes a failure and returns what the caller is told.
  [[nodiscard]] Error report(const Error& error) {
    Error told{.code = Code::store_unavailable, .what = error.what};
    if (error.code == Code::closed) return error;
    const bool is_damage = error.code == Code::damaged;
    if (is_damage) told.what += "; restore the file from a copy, or look at it with sqlite3";
    bool begins = false;
    {
      const std::lock_guard lock(mutex_);
      std::string& trouble = is_damage ? damage_ : fault_;
      begins = trouble.empty();
      trouble = told.what;
      troubled_.store(true, std::memory_order_relaxed);
    }
    if (begins && notice_) notice_(told.what);
    return told;
  }

  // A group was written: whatever was wrong is over, unless something is damaged.
  void recover() {
    if (!troubled_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    fault_.clear();
    troubled_.store(!damage_.empty(), std::memory_order_relaxed);
  }

  [[nodiscard]] std::string trouble() const {
    const std::lock_guard lock(mutex_);
    return damage_.empty() ? fault_ : damage_;
  }

  std::atomic<std::uint64_t> edits{0};
  std::atomic<std::uint64_t> failed{0};

 private:
  const std::function<void(std::string)> notice_;
  std::atomic<bool> troubled_{false};
  mutable std::mutex mutex_;
  std::string fault_;
  std::string damage_;
};

}  // namespace headrace::embedded_records
