#include "core/blocks.h"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace headrace {

void* Blocks::take() {
  const std::scoped_lock lock(mutex_);
  if (Free* const block = free_) {
    free_ = block->next;
    return block;
  }
  if (unused_bytes_ < size_) grow();
  std::byte* const block = unused_;
  unused_ += size_;
  unused_bytes_ -= size_;
  return block;
}

void Blocks::give_back(void* block) noexcept {
  const std::scoped_lock lock(mutex_);
  free_ = new (block) Free{.next = free_};
}

void Blocks::grow() {
  void* const room = ::operator new(chunk_, std::align_val_t(chunk_));
  // If the system has no huge pages to give, small ones do.
  if (chunk_ == chunk_max) (void)madvise(room, chunk_, MADV_HUGEPAGE);
  newest_ = new (room) Chunk{.older = newest_, .bytes = chunk_};
  unused_ = static_cast<std::byte*>(room) + sizeof(Chunk);
  unused_bytes_ = chunk_ - sizeof(Chunk);
  if (chunk_ < chunk_max) chunk_ *= 2;
}

Blocks::~Blocks() {
  while (newest_) {
    Chunk* const chunk = std::exchange(newest_, newest_->older);
    ::operator delete(chunk, std::align_val_t(chunk->bytes));
  }
}

}  // namespace headrace
