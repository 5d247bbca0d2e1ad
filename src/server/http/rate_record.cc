// The record's value, in words with spaces between them: the algorithm, its window in nanoseconds,
// and then its state: of gcra until when is paid, of the others which window it is, how many passed
// in it, and how many in the one before.
#include "server/http/rate_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

namespace headrace::http {

namespace {

using Algorithm = RateLimit::Algorithm;
using Numbers = std::array<std::int64_t, 4>;  // Window and state.

constexpr std::array<std::string_view, 3> words = {"gcra", "fixed", "sliding"};

std::optional<Numbers> numbers_in(std::string_view text, const RateLimit& limit) {
  const std::string_view word = words[static_cast<std::size_t>(limit.algorithm)];
  if (!text.starts_with(word)) return std::nullopt;
  text.remove_prefix(word.size());
  Numbers numbers{};
  for (std::int64_t& number : numbers) {
    if (!text.starts_with(' ')) return std::nullopt;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + 1, end, number);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
  }
  if (!text.empty() || numbers[0] != limit.window.count()) return std::nullopt;
  return numbers;
}

std::string text_of(const RateLimit& limit, const Numbers& numbers) {
  std::string text(words[static_cast<std::size_t>(limit.algorithm)]);
  for (const std::int64_t number : numbers) text += " " + std::to_string(number);
  return text;
}

RateDecision spend(Numbers& state, const RateLimit& limit, std::int64_t cost, RateTime now) {
  if (limit.algorithm == Algorithm::gcra) {
    const Gcra gcra{.quota = limit.limit, .window = limit.window, .burst = limit.burst};
    RateTime paid_until(state[1]);
    const RateDecision decision = gcra.spend(paid_until, cost, now);
    state[1] = paid_until.count();
    return decision;
  }
  WindowCount counted{.window = state[1],
                      .count = static_cast<std::uint64_t>(state[2]),
                      .before = static_cast<std::uint64_t>(state[3])};
  const RateDecision decision =
      limit.algorithm == Algorithm::fixed
          ? FixedWindow{.quota = limit.limit, .window = limit.window}.spend(counted, cost, now)
          : ElasticWindow{.quota = limit.limit, .window = limit.window}.spend(counted, cost, now);
  state = {state[0], counted.window, static_cast<std::int64_t>(counted.count),
           static_cast<std::int64_t>(counted.before)};
  return decision;
}

}  // namespace

bool RateLimit::is_sound() const noexcept {
  return Gcra{.quota = limit, .window = window, .burst = burst}.is_sound();
}

RateDecision spend(Workspace& work, std::size_t at, const RateLimit& limit, std::int64_t cost) {
  const RateTime now = std::chrono::duration_cast<Duration>(work.now().time_since_epoch());
  const Record* kept = work.find(at);
  const auto before = kept != nullptr ? numbers_in(kept->value, limit) : std::nullopt;
  Numbers state = before.value_or(Numbers{limit.window.count()});
  const RateDecision decision = spend(state, limit, cost, now);
  if (!decision.allowed || cost == 0 || state == before) return decision;
  Record& record = work.change(at);
  record.value = text_of(limit, state);
  // When nothing counts any more there is nothing to keep.
  record.expires = work.now() + std::chrono::ceil<std::chrono::milliseconds>(decision.reset);
  return decision;
}

}  // namespace headrace::http
