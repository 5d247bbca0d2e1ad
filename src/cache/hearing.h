// cache/hearing.h: what this instance has heard on the bus, and until when it may trust that.
//
// The bus lease: a barrier that began at some moment and came back proves that everything the bus
// had taken by that moment was heard.  For a fixed time after it memory may answer by itself, since
// an invalidation that returned before that time began was among what was heard.
//
// A bus may lose messages without noticing.  Each origin numbers its invalidations, and its beats
// tell how far it has come: what is missing shows as a gap, at the latest with its next beat.  An
// origin that falls silent may have died with a message on its lips, which counts as a gap too.
// So may one that was there before us and fell silent before it was heard: once, after the time in
// which whoever lives is heard, it counts as if there had been one.
// And a beat of our own has to come back before a barrier counts: who hears not even itself is not
// subscribed any more.
//
// Nothing here is measured on two clocks.  Threads: any member from any thread.
//
// Source: protocol.md 4.4, the session proof; Gray and Cheriton, Leases, SOSP 1989.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "headrace/bus.h"
#include "headrace/time.h"

namespace headrace {

class Hearing {
 public:
  struct Limits {
    Duration proof_lasts{};
    Duration silence_max{};       // Whoever is not heard for longer may have died.
    std::size_t origins_max = 0;  // Known at once; past it, one is forgotten as if it had died.
  };

  // Without a bus nobody else invalidates anything, and nothing has to be proved.
  Hearing(Limits limits, Token self, bool has_bus);

  [[nodiscard]] Token self() const noexcept { return self_; }

  // Whether memory may answer at `at` by itself.
  [[nodiscard]] bool is_live(Instant at) const noexcept {
    return at < live_until_.load(std::memory_order_acquire);
  }

  enum class News : std::uint8_t {
    own,    // This instance's.
    known,  // Heard before, or something that has been made good for.
    next,   // The next of its origin.
    gap,    // It is new, and something before it is missing.
  };
  [[nodiscard]] News heard(const BusMessage& message, Instant now);

  // The number of the next beat of our own.
  [[nodiscard]] std::uint64_t next_beat() noexcept { return ++beats_; }

  // Our beat `beat`, said at `began`, was taken by the bus, and a barrier after it has come back.
  // Returns false if that proves nothing: the beat has not been heard.
  [[nodiscard]] bool proved(Instant began, std::uint64_t beat);

  // Whether somebody has fallen silent; who has is gone.
  [[nodiscard]] bool somebody_fell_silent(Instant now);

  // True once: when everybody who lives has been heard since the first proof, so that whoever was
  // there before us and was not has died.  `now` is when a proof began that has succeeded.
  [[nodiscard]] bool met_all(Instant now);

  // What is known of the instance whose token has this upper half.
  enum class Presence : std::uint8_t {
    unknown,  // It was never heard, or so long ago that it was forgotten.
    present,
    gone,  // It has said farewell or fallen silent, and was not heard since.
  };
  [[nodiscard]] Presence presence_of(std::uint64_t origin_high) const;

  [[nodiscard]] std::size_t origins() const;

 private:
  struct TokenHash {
    std::size_t operator()(const Token& token) const noexcept { return token.low; }
  };
  struct Origin {
    std::uint64_t sequence = 0;  // The newest that was heard.
    Instant heard_at{};
  };

  void note_gone(Token origin);
  [[nodiscard]] News heard_other(const BusMessage& message, Instant now);

  const Limits limits_;
  const Token self_;
  std::atomic<Instant> live_until_;
  std::atomic<std::uint64_t> beats_{0};
  mutable std::mutex mutex_;
  std::uint64_t own_beat_heard_ = 0;
  std::optional<Instant> first_proved_;  // When the first proof began ...
  bool has_met_all_ = false;             // ... which is longer ago than anybody may be silent.
  std::unordered_map<Token, Origin, TokenHash> origins_;
  std::deque<std::uint64_t> gone_;  // Those who went last, gone_max at most.
};

}  // namespace headrace
