// embedded/kept.h: a record together with its key, in one piece of memory.
//
// Who looks for a record compares its key and counts its reference; both lie side by side.
//
// Threads: immutable.  Errors: none.  Lifetimes: a RecordRef made of it keeps it alive.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/records.h"

namespace headrace::embedded_records {

class Kept {
 public:
  Kept(std::string_view key, Record record) : Kept(key, true) { record_ = std::move(record); }
  // That there is none.
  explicit Kept(std::string_view key) : Kept(key, false) {}
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  // bytes() of its key.
  [[nodiscard]] std::string_view key() const noexcept {
    return size_ <= short_.size() ? std::string_view(short_.data(), size_) : long_;
  }
  [[nodiscard]] bool is_there() const noexcept { return is_there_; }
  [[nodiscard]] const Record& record() const noexcept { return record_; }

 private:
  Kept(std::string_view key, bool is_there)
      : size_(static_cast<std::uint32_t>(key.size())), is_there_(is_there) {
    if (size_ <= short_.size()) {
      std::memcpy(short_.data(), key.data(), size_);
    } else {
      long_ = key;
    }
  }

  // First what a look-up needs: with the counts of references it fills one line of the cache.
  std::uint32_t size_;
  bool is_there_;
  std::array<char, 43> short_{};
  std::string long_;
  Record record_;
};
using KeptRef = std::shared_ptr<const Kept>;

// Null if there is none.
[[nodiscard]] inline RecordRef record_of(KeptRef kept) noexcept {
  if (!kept->is_there()) return nullptr;
  const Record* const record = &kept->record();
  return {std::move(kept), record};
}

}  // namespace headrace::embedded_records
