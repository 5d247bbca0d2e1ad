// allowance/ledger.h: the record that instances share for one entity: the source's figure, and what
// each of them has taken of it.
//
// Each instance writes its own share and no other, in sums that only rise; and whoever has read the
// source writes the figure, together with how much of each share it contains.  So figure and
// `counted` always belong together, whichever writer is last, and
//
//   left = figure - sum of (taken - counted)
//
// never is more than the balance less all that was granted: what is taken is at least what was
// granted, and what is counted was reported before the read of the figure began.
//
// A read counts with the shares as they were when it drew its ticket, and never replaces the figure
// of a later ticket: so what was wholly counted, and was forgotten, is in every figure to come.
//
// No clock of one machine is compared with another's: an owner says by its own what is reported,
// and who reads the source has seen that before it began to read.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/store.h"

namespace headrace {

struct Ledger {
  static constexpr std::size_t shares_max = 64;
  // Of one share; so that no sum overflows.  A share that has come to rest begins at zero again.
  static constexpr Amount taken_max = Amount(1) << 55;
  static_assert(taken_max <= INT64_MAX / 2 / Amount(shares_max));

  struct Figure {
    Balance balance{};         // Unknown: there is none.
    Token id{};                // Of the read that brought it ...
    std::uint64_t ticket = 0;  // ... and its place among them.
    Token reader{};            // The instance that has read it.
    Instant read_at{};         // On this instance's clock, and only about: for when to read again.
  };

  // Of one instance.
  struct Share {
    Token owner{};
    std::uint64_t turn = 0;  // Another with each lease, so that others see that its owner lives.
    Amount taken = 0;        // Granted, or leased to be granted.
    Amount reported = 0;     // Of that, what is in all that the source says from then on.
    Amount counted = 0;      // Of that, what is in the figure.

    [[nodiscard]] Amount open() const noexcept { return taken - counted; }
    friend bool operator==(const Share&, const Share&) = default;
  };

  // A share as it was when the ticket of a read was drawn, before the source was asked.
  struct Seen {
    Token owner{};
    std::uint64_t turn = 0;
    Amount reported = 0;
    bool abandoned = false;  // Whatever was granted of it was reported before the read began.
  };

  Token id{};                 // Random: a ticket of another ledger is none of this one.
  std::uint64_t tickets = 0;  // Drawn; each read of the source draws one before it begins.
  Figure figure{};
  Token incarnation{};  // The store's, when this was written.
  std::vector<Share> shares{};

  [[nodiscard]] Share* find(Token owner);
  [[nodiscard]] const Share* find(Token owner) const;

  // What nobody has taken; below zero if more was taken than there is.  0 without an amount.
  [[nodiscard]] Amount left() const;

  // Puts `fresh` in the place of the figure.  What `seen` does not know is not in it.
  void count(const Figure& fresh, const std::vector<Seen>& seen);
  // Forgets the shares that are wholly in the figure.
  void drop_counted();

  // What `slot` holds, of the key with these bytes, looked at by `now`.  Another key's bytes, or
  // what is no ledger, is none.  A figure that was written into another incarnation of the store
  // may be an older one than its readers have seen: it is left out, and no ticket drawn before
  // counts.
  [[nodiscard]] static Ledger in(const Slot& slot, std::string_view key, Instant now);

  // A line of numbers; moments are lengths of time before `now`.
  [[nodiscard]] std::string encode(Instant now) const;
  // Nothing for what is no ledger.  `written_at` is when it was encoded, about.
  [[nodiscard]] static std::optional<Ledger> decode(std::string_view bytes, Instant written_at);
};

}  // namespace headrace
