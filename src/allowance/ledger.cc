#include "allowance/ledger.h"

#include <algorithm>
#include <charconv>
#include <concepts>

#include "core/mutants.h"

namespace headrace {

namespace {

constexpr std::uint64_t version = 1;
constexpr Duration age_max = std::chrono::hours(24 * 366);

class LineOut {
 public:
  void number(std::integral auto number) { line_ += std::to_string(number) + ' '; }
  void token(Token token) {
    number(token.high);
    number(token.low);
  }
  [[nodiscard]] std::string take() && { return std::move(line_); }

 private:
  std::string line_;
};

// Stays failed after the first number that is none, and gives zeros.
class LineIn {
 public:
  explicit LineIn(std::string_view line) : left_(line) {}

  template <std::integral Number>
  Number number() {
    Number number = 0;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), number);
    const auto size = static_cast<std::size_t>(end - left_.data());
    sound_ = sound_ && error == std::errc() && size < left_.size() && left_[size] == ' ';
    if (!sound_) return 0;
    left_.remove_prefix(size + 1);
    return number;
  }
  Token token() {
    const auto high = number<std::uint64_t>();
    const auto low = number<std::uint64_t>();
    return {.high = high, .low = low};
  }
  // All of it was read, and nothing else.
  [[nodiscard]] bool spent() const { return sound_ && left_.empty(); }

 private:
  std::string_view left_;
  bool sound_ = true;
};

bool is_sound(const Ledger::Share& share) {
  return !share.owner.is_none() && 0 <= share.counted && share.counted <= share.reported &&
         share.reported <= share.taken && share.taken <= Ledger::taken_max;
}

}  // namespace

const Ledger::Share* Ledger::find(Token owner) const {
  const auto at = std::ranges::find(shares, owner, &Share::owner);
  return at == shares.end() ? nullptr : &*at;
}
Ledger::Share* Ledger::find(Token owner) {
  const auto at = std::ranges::find(shares, owner, &Share::owner);
  return at == shares.end() ? nullptr : &*at;
}

Amount Ledger::left() const {
  const auto* const amount = std::get_if<Amount>(&figure.balance);
  if (amount == nullptr) return 0;
  Amount left = *amount;
  for (const Share& share : shares) left -= share.open();
  return left;
}

void Ledger::count(const Figure& fresh, const std::vector<Seen>& seen) {
  figure = fresh;
  for (Share& share : shares) {
    const auto before = std::ranges::find(seen, share.owner, &Seen::owner);
    if (before == seen.end()) {
      share.counted = 0;
    } else if (before->abandoned && before->turn == share.turn) {
      share.counted = share.reported = share.taken;
    } else {
      share.counted = std::min(before->reported, share.reported);
    }
  }
}

void Ledger::drop_counted() {
  std::erase_if(shares, [](const Share& share) { return share.open() == 0; });
}

Ledger Ledger::in(const Slot& slot, std::string_view key, Instant now) {
  Ledger ledger;
  if (slot.state == Slot::State::held && slot.envelope.key == key) {
    auto held = decode(slot.envelope.payload, now - slot.stored_for);
    if (held) ledger = *std::move(held);
  }
  const bool is_other = !(ledger.incarnation == slot.incarnation);
  if (is_other && !removed(Mechanism::figure_incarnation)) {
    ledger.figure = {};
    ledger.id = {};
  }
  ledger.incarnation = slot.incarnation;
  return ledger;
}

std::string Ledger::encode(Instant now) const {
  LineOut out;
  const auto* const amount = std::get_if<Amount>(&figure.balance);
  out.number(version);
  out.token(incarnation);
  out.token(id);
  out.number(tickets);
  out.number(figure.balance.index());
  out.number(amount == nullptr ? Amount(0) : *amount);
  out.token(figure.id);
  out.number(figure.ticket);
  out.token(figure.reader);
  out.number(std::clamp(now - figure.read_at, Duration::zero(), age_max).count());
  out.number(shares.size());
  for (const Share& share : shares) {
    out.token(share.owner);
    out.number(share.turn);
    out.number(share.taken);
    out.number(share.reported);
    out.number(share.counted);
  }
  return std::move(out).take();
}

std::optional<Ledger> Ledger::decode(std::string_view bytes, Instant written_at) {
  LineIn in(bytes);
  if (in.number<std::uint64_t>() != version) return std::nullopt;
  Ledger ledger;
  ledger.incarnation = in.token();
  ledger.id = in.token();
  ledger.tickets = in.number<std::uint64_t>();
  const auto kind = in.number<std::size_t>();
  const auto amount = in.number<Amount>();
  if (kind >= std::variant_size_v<Balance>) return std::nullopt;
  if (amount > amount_max || amount < -amount_max) return std::nullopt;
  if (kind == 1) ledger.figure.balance = Unlimited{};
  if (kind == 2) ledger.figure.balance = amount;
  ledger.figure.id = in.token();
  ledger.figure.ticket = in.number<std::uint64_t>();
  ledger.figure.reader = in.token();
  const Duration age(in.number<Duration::rep>());
  if (age < Duration::zero() || age > age_max) return std::nullopt;
  ledger.figure.read_at = written_at - age;
  const auto count = in.number<std::size_t>();
  if (count > shares_max) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    Share share;
    share.owner = in.token();
    share.turn = in.number<std::uint64_t>();
    share.taken = in.number<Amount>();
    share.reported = in.number<Amount>();
    share.counted = in.number<Amount>();
    if (!is_sound(share)) return std::nullopt;
    ledger.shares.push_back(share);
  }
  if (!in.spent()) return std::nullopt;
  return ledger;
}

}  // namespace headrace
