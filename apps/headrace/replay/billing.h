// replay/billing.h: counts what the sources of a replay are asked, where they are asked.
//
// No counter of a cache is believed: the count is taken at the source itself.
//
// Threads:   any member may be called from any thread.
// Errors:    none of its own.
// Lifetimes: a counted source shares the Billing that it counts in.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "headrace/source.h"
#include "replay/backend.h"

namespace headrace::replay {

class Billing {
 public:
  explicit Billing(std::size_t questions) : documents_(questions) {}

  void add(std::size_t question, std::uint64_t documents) noexcept {
    documents_[question].fetch_add(documents, std::memory_order_relaxed);
  }
  // A read that failed: it counts as one, and nobody knows what was billed for it.
  void add_failed(std::size_t question) noexcept {
    add(question, 1);
    failed_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<std::uint64_t> documents() const {
    return {documents_.begin(), documents_.end()};
  }
  [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }

 private:
  std::atomic<std::uint64_t> failed_{0};
  std::deque<std::atomic<std::uint64_t>> documents_;
};

class CountedSource final : public Source {
 public:
  CountedSource(std::shared_ptr<Source> source, std::shared_ptr<Billing> billing,
                std::size_t question)
      : source_(std::move(source)), billing_(std::move(billing)), question_(question) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    Task<Result<Fetched>> asking = source_->fetch(std::move(fetch));
    Result<Fetched> fetched = co_await std::move(asking);
    count(fetched);
    co_return fetched;
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    Task<std::vector<Result<Fetched>>> asking = source_->fetch_many(std::move(fetches));
    std::vector<Result<Fetched>> all = co_await std::move(asking);
    for (const Result<Fetched>& fetched : all) count(fetched);
    co_return all;
  }
  std::size_t batch_max() const noexcept override { return source_->batch_max(); }
  std::vector<Dependency> dependencies() const override { return source_->dependencies(); }

 private:
  void count(const Result<Fetched>& fetched) {
    if (fetched) {
      billing_->add(question_, fetched->billed);
    } else {
      billing_->add_failed(question_);
    }
  }

  std::shared_ptr<Source> source_;
  std::shared_ptr<Billing> billing_;
  std::size_t question_;
};

// What a target says of its own count.
inline constexpr char counted_at_the_source[] = "a counter around the source itself";

}  // namespace headrace::replay
