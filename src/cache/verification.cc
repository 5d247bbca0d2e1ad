#include "cache/verification.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace headrace {

namespace {

constexpr double hours_a_day = 24;

double burst_of(const Policy& policy) noexcept {
  return std::max(1.0, policy.verify_reads_per_day / hours_a_day);
}

}  // namespace

std::string_view name_of(MismatchClass kind) noexcept {
  return kind == MismatchClass::violation ? "violation" : "within_bound";
}

std::string_view violation_of(const Evidence& evidence) noexcept {
  if (evidence.age >= evidence.bound) return "the answer was older than its bound";
  if (evidence.watermark_replaced) {
    return "a watermark that it depends on had been replaced in the store, and this instance, "
           "which "
           "has heard all that was said on the bus, has not heard of it";
  }
  if (evidence.feed_told_all) {
    return "the feed that covers the policy has told of later changes, and not of this one";
  }
  return {};
}

std::uint64_t answers_until_drawn(double share, std::uint64_t chance) noexcept {
  if (share >= 1) return 1;
  constexpr double most = 0x1.0p60;
  const double even = (static_cast<double>(chance >> 11) + 1) * 0x1.0p-53;  // In (0, 1].
  return 1 + static_cast<std::uint64_t>(std::min(most, std::log(even) / std::log1p(-share)));
}

bool Verification::begin(std::uint64_t hash) {
  const std::scoped_lock lock(mutex_);
  if (under_way_.size() >= at_once_max) return false;
  if (std::ranges::find(under_way_, hash) != under_way_.end()) return false;
  under_way_.push_back(hash);
  return true;
}

void Verification::end(std::uint64_t hash) {
  const std::scoped_lock lock(mutex_);
  std::erase(under_way_, hash);
}

bool Verification::spend(const Policy& policy, Instant now) {
  if (policy.verify_reads_per_day <= 0) return true;
  const std::scoped_lock lock(mutex_);
  const double burst = burst_of(policy);
  if (per_day_ < 0) {
    left_ = burst;
  } else {
    const std::chrono::duration<double> passed = now - left_at_;
    left_ += per_day_ * passed / std::chrono::hours(24);
  }
  left_ = std::min(left_, burst);
  left_at_ = now;
  per_day_ = policy.verify_reads_per_day;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

void Verification::charge(const Policy& policy, std::uint32_t billed) {
  if (policy.verify_reads_per_day <= 0) return;
  const std::scoped_lock lock(mutex_);
  left_ -= static_cast<double>(billed) - 1;
}

std::string Verification::note(const Policy& policy, Mismatch mismatch, Instant now) {
  const std::scoped_lock lock(mutex_);
  mismatch.number = ++numbers_;
  const bool is_violation = mismatch.kind == MismatchClass::violation;
  const bool counts = !mismatch.dry;
  last_.push_front(std::move(mismatch));
  if (last_.size() > mismatches_kept_max) last_.pop_back();
  if (!counts) return {};
  if (is_violation && policy.violation_switches) {
    return "a violation: " + last_.front().why;
  }
  while (!counted_.empty() && counted_.front() <= now - policy.mismatch_window) {
    counted_.pop_front();
  }
  counted_.push_back(now);
  if (counted_.size() > mismatches_most + 1) counted_.pop_front();
  if (!policy.mismatches_max || counted_.size() <= *policy.mismatches_max) return {};
  const auto window = std::chrono::duration_cast<std::chrono::seconds>(policy.mismatch_window);
  return std::to_string(counted_.size()) + " mismatches within " + std::to_string(window.count()) +
         " s; at most " + std::to_string(*policy.mismatches_max) + " are allowed (mismatches_max)";
}

void Verification::forgive() {
  const std::scoped_lock lock(mutex_);
  counted_.clear();
}

std::vector<Mismatch> Verification::last() const {
  const std::scoped_lock lock(mutex_);
  return {last_.begin(), last_.end()};
}

}  // namespace headrace
