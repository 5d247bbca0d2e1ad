// headrace/answer.h: what a read returns: value, null or absence, and where it came from.
//
// Threads:   an answer may be read on any thread; what it points to never changes.
// Errors:    an error is not an answer; reads return Result<Answer<T>>.
// Lifetimes: an answer keeps its value alive, also after the cache has dropped it.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/entry.h"
#include "headrace/kind.h"
#include "headrace/time.h"

namespace headrace {

enum class Origin : std::uint8_t { memory, store, source };

// Why an answer came from where it came from.
enum class Reason : std::uint8_t {
  fresh,           // Kept, inside its times.
  stale,           // Kept, past fresh_for; a refresh runs or waits for its next try.
  stale_on_error,  // Kept, past stale_for; the load that should have replaced it failed.
  cold,            // Nothing was kept.
  expired,         // What was kept was too old.
  invalidated,     // What was kept had lost a watermark.
  damaged,         // What was kept could not be decoded.
  forced,          // The caller asked for the source.
  policy_off,      // The policy or the global switch is off.
  shadow,          // The policy is being tried out.
  sampled_out,     // The entity is outside the policy's percentage.
  quarantined,     // An invalidation of it has not reached the store yet.
  guarded,         // Somebody is writing it.
  leased,          // Another instance was filling it for too long.
  store_down,      // The store could not be asked.
  feed_behind,     // The feed that covers the policy is not known to have told of all changes.
};

[[nodiscard]] std::string_view name_of(Origin origin) noexcept;
[[nodiscard]] std::string_view name_of(Reason reason) noexcept;

// An answer whose value's type is not known here.
class AnyAnswer {
 public:
  AnyAnswer(EntryRef entry, Origin origin, Reason reason, Instant at) noexcept
      : entry_(std::move(entry)), at_(at), origin_(origin), reason_(reason) {
    assert(entry_);
  }

  [[nodiscard]] Kind kind() const noexcept { return entry_->kind(); }
  [[nodiscard]] Origin origin() const noexcept { return origin_; }
  [[nodiscard]] Reason reason() const noexcept { return reason_; }

  // Waited for a load that somebody else had begun.
  [[nodiscard]] bool collapsed() const noexcept { return collapsed_; }
  void set_collapsed() noexcept { collapsed_ = true; }

  // Time since the source read that produced it began; never negative.
  [[nodiscard]] Duration age() const noexcept {
    return at_ > entry_->read_at() ? at_ - entry_->read_at() : Duration::zero();
  }
  // The largest age with which this entry may be answered.
  [[nodiscard]] Duration bound() const noexcept { return entry_->bound(); }
  // Time until it is no longer fresh; negative for a stale answer.
  [[nodiscard]] Duration fresh_left() const noexcept { return entry_->fresh_until() - at_; }

  [[nodiscard]] const Entry& entry() const noexcept { return *entry_; }
  [[nodiscard]] const EntryRef& entry_ref() const noexcept { return entry_; }

 private:
  EntryRef entry_;
  Instant at_;
  Origin origin_;
  Reason reason_;
  bool collapsed_ = false;
};

// An answer whose value is a T.
template <class T>
class Answer : public AnyAnswer {
 public:
  explicit Answer(AnyAnswer any) noexcept : AnyAnswer(std::move(any)) {}

  [[nodiscard]] bool has_value() const noexcept { return kind() == Kind::value; }
  explicit operator bool() const noexcept { return has_value(); }

  // REQUIRES: has_value().
  [[nodiscard]] const T& value() const noexcept {
    assert(has_value());
    return *static_cast<const T*>(entry().value());
  }
  const T& operator*() const noexcept { return value(); }
  const T* operator->() const noexcept { return &value(); }
};

}  // namespace headrace
