// allowance/purse.h: what this instance knows of one entity's balance, what it has taken of it, and
// what is to be done next.
//
// It decides and does nothing: whoever drives it asks next(), does that, and tells how it went.
//
// Threads: belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "allowance/grants.h"
#include "allowance/ledger.h"
#include "headrace/allowance.h"
#include "headrace/random.h"

namespace headrace {

class Purse {
 public:
  enum class Step : std::uint8_t {
    none,
    touch,  // Look at the ledger, and write there what write() makes of it.
    read,   // Ask the source.
  };
  struct Next {
    Step step = Step::none;
    Instant at{};  // Not before this.
  };
  // What others are shown.
  struct View {
    Balance left{};
    bool open = false;
    std::uint64_t changes = 0;  // Signals after which the source has been read.

    friend bool operator==(const View&, const View&) = default;
  };

  // `instance` is this instance's name as a reader of the source.  Not `shared`: no other instance
  // spends, and nothing is ever touched.  From `now` on it is told of signals.
  Purse(const AllowancePolicy& policy, Random& random, Token instance, bool shared, Instant now);

  // Nothing: what is due, or under way, may bring more.
  [[nodiscard]] std::optional<Spent> spend(Amount amount, Instant now);
  // The same, content with what there is.
  Spent spend_at_once(Amount amount, Instant now);

  // A spend of `amount` waits, or does so no longer.
  void wait(Amount amount) noexcept { waiting_ += amount; }
  void leave(Amount amount) noexcept { waiting_ -= amount; }
  // Gates are open: the balance is kept up to date.
  void watch(bool watched) noexcept { watched_ = watched; }
  // What the source says may be another from now on.
  void signal() noexcept;

  // What is to be done next, and when; nothing at all, if `none`.
  [[nodiscard]] Next next(Instant now) const;

  // A touch begins; each ends with touched() or touch_failed().
  void begin_touch() noexcept { touching_ = true; }
  // Makes of `ledger`, as it was found, what it is to hold.  False: it need not be written.  May
  // be asked again, for another ledger.
  [[nodiscard]] bool write(Ledger& ledger, Instant now);
  // `ledger` is what stands there.  It was looked at after `called`, and written, if it was, after
  // that too.
  void touched(Ledger ledger, bool written, Instant called, Instant now);
  void touch_failed(Instant now);

  // A read begins; each ends with read() or read_failed().
  void begin_read(Instant now);
  void read(Balance balance, Instant now);
  void read_failed(Instant now);

  [[nodiscard]] View view(Instant now) const;
  // Nothing of it need be remembered: all that it has granted is in whatever the source says, and
  // the ledger knows that.
  [[nodiscard]] bool is_idle(Instant now);
  [[nodiscard]] bool is_reading() const noexcept { return reading_.has_value(); }
  [[nodiscard]] bool is_touching() const noexcept { return touching_; }
  // How often a ledger was found without what was written there.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  // When a share was first seen as it is.
  struct Sighting {
    Token owner{};
    std::uint64_t turn = 0;
    Instant since{};
  };
  // The right to put what a read of the source brings into the ledger, and what it will contain.
  struct Ticket {
    Token ledger{};
    std::uint64_t number = 0;  // 0: it is for this instance alone.
    std::vector<Ledger::Seen> seen{};
    std::uint64_t alarms = 0;  // That the read answers.
    std::uint64_t signals = 0;
  };
  struct Reading {
    Ticket ticket{};
    Ledger::Figure figure{};
    bool is_settled = false;  // The ledger has it, or a later one, or has no place for it.
    bool is_answer = false;
  };

  [[nodiscard]] Amount free(const Ledger& ledger) const;
  [[nodiscard]] Amount usable(Instant now) const;
  [[nodiscard]] bool is_in_use(Instant now) const;
  [[nodiscard]] bool is_spending(Instant now) const;
  [[nodiscard]] bool may_take() const noexcept;
  [[nodiscard]] bool is_declared() const noexcept;
  [[nodiscard]] bool is_alarmed() const noexcept { return alarms_ != answered_; }
  [[nodiscard]] Amount wanted(Instant now) const;
  [[nodiscard]] std::optional<Instant> touch_due(Instant now) const;
  [[nodiscard]] Instant read_due(const Ledger& ledger) const;
  [[nodiscard]] Duration pause_after(std::uint32_t failures) const;
  void find_own(const Ledger& ledger);
  void begin_anew(Amount counted);
  [[nodiscard]] Ticket draw(const Ledger& ledger, Instant now);
  void put_figure(Ledger& ledger, Instant now);
  void adopt(Ledger ledger, Instant now);
  void answer_alarms();
  void go_on_alone(Instant now);

  const AllowancePolicy& policy_;
  Random& random_;
  const Token instance_;
  const bool shared_;
  const Instant born_;

  // The ledger as it was last seen there; without a store, the ledger itself.
  Ledger ledger_;
  bool looked_ = false;
  Instant looked_at_{};  // When that look was called.
  Instant touch_ended_{};
  std::vector<Sighting> sightings_;

  // This instance's share, and what of it the ledger has acknowledged.
  Token owner_;
  Grants grants_;
  Amount taken_ = 0;  // Never less than was granted.
  std::optional<Ledger::Share> declared_;
  Ledger::Share written_{};  // What write() has last made of it.
  Instant lease_ends_{};     // Until then the rest of what is taken may be granted.
  Instant lease_without_store_at_{};

  std::optional<Ticket> drawn_;     // By write(), into what is not yet acknowledged.
  std::optional<Ticket> ticket_;    // For the next read.
  std::optional<Reading> reading_;  // Under way.
  std::optional<Reading> fetched_;  // To be put into the ledger.
  // Why the source is to be read at once, those answered included.  The first: nobody knows what
  // was signalled before this instance was told of signals.
  std::uint64_t alarms_ = 1;
  std::uint64_t answered_ = 0;
  std::uint64_t signals_ = 0;  // Of the alarms, those that gates see.
  std::uint64_t changes_ = 0;
  std::uint32_t same_ = 0;  // Figures in a row that said the same.
  unsigned lateness_ = 0;   // Of 256: by how much others read later than the last reader.

  std::optional<Instant> asked_at_;  // The last spend, of whatever amount ...
  std::optional<Instant> spent_at_;  // ... and the last of more than nothing.
  Amount waiting_ = 0;
  bool watched_ = false;
  bool touching_ = false;
  std::uint32_t touch_failures_ = 0;
  std::uint32_t read_failures_ = 0;
  bool is_apart_ = false;  // A figure is known here that the ledger could not be told.
  Instant touch_retry_at_{};
  Instant read_retry_at_{};
  std::uint64_t lost_ = 0;
};

}  // namespace headrace
