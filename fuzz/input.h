// fuzz/input.h: what the targets share: bytes taken apart into choices, and what must hold.
//
// Threads:   an Input belongs to one thread; demand() may be called on any.
// Errors:    a demand that does not hold ends the program, which the harness takes for a finding.
// Lifetimes: an Input and the texts that it gives refer to the bytes that it was made of.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace headrace::fuzz {

// The name by which libFuzzer calls a target; each target defines it once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return size == 0 ? std::string_view()
                   : std::string_view(reinterpret_cast<const char*>(bytes), size);
}

inline void demand(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: this does not hold: %.*s\n", static_cast<int>(what.size()),
               what.data());
  std::abort();
}

// Takes from the front.  Once the bytes have run out, all numbers are zero and all texts empty.
class Input {
 public:
  explicit Input(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool is_spent() const noexcept { return left_.empty(); }

  template <std::unsigned_integral Number>
  [[nodiscard]] Number number() {
    Number number = 0;
    for (const char c : take(sizeof(Number))) {
      number = static_cast<Number>((static_cast<std::uint64_t>(number) << 8) |
                                   static_cast<unsigned char>(c));
    }
    return number;
  }
  [[nodiscard]] std::uint8_t byte() { return number<std::uint8_t>(); }
  [[nodiscard]] bool truth() { return (byte() & 1) != 0; }
  // From 0 to `most`.
  [[nodiscard]] std::size_t up_to(std::size_t most) {
    const std::size_t drawn = most < 256 ? byte() : number<std::uint32_t>();
    return drawn % (most + 1);
  }
  // One of `choices`, which is an array.
  template <class Choices>
  [[nodiscard]] auto one_of(const Choices& choices) {
    return choices[up_to(std::size(choices) - 1)];
  }
  [[nodiscard]] std::string_view take(std::size_t size) {
    const std::string_view front = left_.substr(0, size);
    left_.remove_prefix(front.size());
    return front;
  }
  [[nodiscard]] std::string_view rest() { return take(left_.size()); }

 private:
  std::string_view left_;
};

}  // namespace headrace::fuzz
