// kit/ear_of_feed.h: a listener of a feed that notes what it is told, and answers when the test
// lets it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <coroutine>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "headrace/executor.h"
#include "headrace/feed.h"
#include "io/wakeup.h"

namespace headrace::kit {

// "public.users 7 name,score owner=1 owner=2"; "*" for any entity, "-" for any field.
inline std::string shown(const SourceChange& change) {
  std::string text = change.collection + " " + change.entity.value_or("*") + " ";
  for (const std::string& field : change.fields) text += (text.ends_with(' ') ? "" : ",") + field;
  if (change.fields.empty()) text += "-";
  for (const auto& [name, value] : change.values) {
    text += " ";
    text += name;
    text += "=";
    text += value;
  }
  return text;
}

class Ear final : public FeedListener {
 public:
  explicit Ear(Executor& executor, std::string database = "the database")
      : executor_(executor), database_(std::move(database)) {}

  Task<Result<void>> changed(std::vector<SourceChange> changes) override {
    std::shared_ptr<io::Wakeup> held = hear(changes);
    if (held) (void)co_await held->waiting();
    co_return answer(std::move(changes));
  }
  Task<Result<void>> lost(std::string database) override {
    EXPECT_EQ(database, database_);
    std::shared_ptr<io::Wakeup> held = hear({});
    if (held) (void)co_await held->waiting();
    const std::scoped_lock lock(mutex_);
    if (fails_) co_return failure(Code::store_unavailable, "told to fail");
    ++losses_;
    co_return Result<void>();
  }
  void proved(Instant at) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_GE(at, proved_) << "proofs grow";
    proved_ = at;
  }

  // From now on calls are not answered until release(), as long as hold() is true.
  void hold() {
    const std::scoped_lock lock(mutex_);
    holds_ = true;
  }
  void release() {
    const std::scoped_lock lock(mutex_);
    holds_ = false;
    for (const auto& held : std::exchange(held_, {})) held->wake(io::Wakeup::By::grant);
  }
  void fail(bool fails) {
    const std::scoped_lock lock(mutex_);
    fails_ = fails;
  }
  // All that it was told, each as often as it was; and what it has acknowledged.
  std::vector<std::string> told() const {
    const std::scoped_lock lock(mutex_);
    return told_;
  }
  std::vector<std::string> acknowledged() const {
    const std::scoped_lock lock(mutex_);
    return acknowledged_;
  }
  std::size_t largest_batch() const {
    const std::scoped_lock lock(mutex_);
    return largest_batch_;
  }
  bool is_held() const {
    const std::scoped_lock lock(mutex_);
    return !held_.empty();
  }
  int losses() const {
    const std::scoped_lock lock(mutex_);
    return losses_;
  }
  Instant proved_at() const {
    const std::scoped_lock lock(mutex_);
    return proved_;
  }

 private:
  std::shared_ptr<io::Wakeup> hear(const std::vector<SourceChange>& changes) {
    const std::scoped_lock lock(mutex_);
    for (const SourceChange& change : changes) {
      EXPECT_EQ(change.database, database_);
      told_.push_back(shown(change));
    }
    largest_batch_ = std::max(largest_batch_, changes.size());
    if (!holds_) return nullptr;
    held_.push_back(std::make_shared<io::Wakeup>(executor_));
    return held_.back();
  }
  Result<void> answer(std::vector<SourceChange> changes) {
    const std::scoped_lock lock(mutex_);
    if (fails_) return failure(Code::store_unavailable, "told to fail");
    for (const SourceChange& change : changes) acknowledged_.push_back(shown(change));
    return {};
  }

  Executor& executor_;
  const std::string database_;
  mutable std::mutex mutex_;
  bool holds_ = false;
  bool fails_ = false;
  std::vector<std::shared_ptr<io::Wakeup>> held_;
  std::vector<std::string> told_;
  std::vector<std::string> acknowledged_;
  std::size_t largest_batch_ = 0;
  int losses_ = 0;
  Instant proved_{};
};

}  // namespace headrace::kit
