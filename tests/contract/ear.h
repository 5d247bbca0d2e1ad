// contract/ear.h: a listener that writes down what it is told.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "headrace/bus.h"

namespace headrace::contract {

class Ear final : public BusListener {
 public:
  void heard(const BusMessage& message) override {
    if (inside_.exchange(true)) overlapped = true;
    const std::scoped_lock lock(mutex_);
    heard_.push_back(message);
    inside_ = false;
  }
  void missed() override {
    if (inside_.exchange(true)) overlapped = true;
    ++missed_;
    inside_ = false;
  }

  [[nodiscard]] std::vector<BusMessage> all() const {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }
  // The sequences of one origin, in the order in which they came.
  [[nodiscard]] std::vector<std::uint64_t> of(const Token& origin) const {
    std::vector<std::uint64_t> sequences;
    for (const BusMessage& message : all()) {
      if (message.origin == origin) sequences.push_back(message.sequence);
    }
    return sequences;
  }
  [[nodiscard]] int missed_times() const noexcept { return missed_; }
  std::atomic<bool> overlapped = false;  // Two threads were in it at once.

 private:
  mutable std::mutex mutex_;
  std::vector<BusMessage> heard_;
  std::atomic<bool> inside_ = false;
  std::atomic<int> missed_ = 0;
};

}  // namespace headrace::contract
