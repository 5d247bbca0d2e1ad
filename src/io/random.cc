// Tokens come from getrandom(2), some dozens at a time.  A child that was forked must not draw the
// numbers that its parent draws as well, so every fork makes all portions void.
#include "io/random.h"

#include <pthread.h>
#include <sys/random.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace headrace::io {

namespace {

std::atomic<std::uint64_t> forks{1};

void watch_forks() {
  static const int watched =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(watched);
}

void fill(void* to, std::size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      std::perror("headrace: getrandom");
      std::abort();
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

struct Portion {
  std::array<std::uint64_t, 64> words;
  std::size_t used = 64;
  std::uint64_t drawn_at = 0;

  std::uint64_t next() {
    const std::uint64_t now = forks.load(std::memory_order_relaxed);
    if (used == words.size() || drawn_at != now) {
      watch_forks();
      fill(words.data(), sizeof words);
      used = 0;
      drawn_at = now;
    }
    const std::uint64_t word = words[used];
    words[used++] = 0;  // What was handed out is not kept.
    return word;
  }
};

thread_local Portion portion;

}  // namespace

Token random_token() {
  Token token{.high = portion.next(), .low = portion.next()};
  if (token.is_none()) token.low = 1;
  return token;
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
std::uint64_t random_bits() {
  thread_local std::uint64_t state = portion.next();
  std::uint64_t bits = state += 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

}  // namespace headrace::io
