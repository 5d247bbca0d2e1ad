// core/blocks.h: room for very many objects of one size.
//
// An entry is aligned to cache lines, for which a general allocator pays half as much again, and
// a million of them lie on a quarter of a million pages.  Here they lie side by side, in chunks
// that grow to the size of a huge page, which the processor finds with one look-up.  What is freed
// is kept for the next object of that size: the room is never larger than the most that was used of
// it at once.
//
// Threads:   any.
// Lifetimes: ends with all of its room; objects that may be there to the end want Blocks that do
// not.
#pragma once

#include <cstddef>
#include <mutex>

namespace headrace {

class Blocks {
 public:
  // REQUIRES: `size` is a multiple of 64.
  explicit constexpr Blocks(std::size_t size) noexcept : size_(size) {}

  ~Blocks();
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  [[nodiscard]] void* take();
  void give_back(void* block) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t chunk_min = 64 << 10;
  static constexpr std::size_t chunk_max = 2 << 20;  // A huge page of the machines that we know.

  struct Free {
    Free* next;
  };
  // Stands at the beginning of a chunk.
  struct alignas(64) Chunk {
    Chunk* older;
    std::size_t bytes;
  };
  void grow();

  const std::size_t size_;
  std::mutex mutex_{};
  Chunk* newest_ = nullptr;
  Free* free_ = nullptr;
  std::byte* unused_ = nullptr;  // Of the newest chunk, what was never taken ...
  std::size_t unused_bytes_ = 0;
  std::size_t chunk_ = chunk_min;  // The size of the next chunk.
};

}  // namespace headrace
