// embedded/kept.h: a record together with its key, in one piece of memory.
//
// Who looks for a record compares its key and counts its reference; both lie side by side.
//
// Threads: immutable.  Errors: none.  Lifetimes: a RecordRef made of it keeps it alive.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/records.h"

namespace headrace::embedded_records {

class Kept {
 public:
  Kept(std::string_view key, Record record) : record_(std::move(record)), is_there_(true) {
    set(key);
  }
  // That there is none.
  explicit Kept(std::string_view key) : is_there_(false) { set(key); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  // bytes() of its key.
  [[nodiscard]] std::string_view key() const noexcept {
    return size_ <= short_.size() ? std::string_view(short_.data(), size_) : long_;
  }
  [[nodiscard]] bool is_there() const noexcept { return is_there_; }
  [[nodiscard]] const Record& record() const noexcept { return record_; }

 private:
  void set(std::string_view key) {
    size_ = key.size();
    if (size_ <= short_.size()) {
      std::memcpy(short_.data(), key.data(), size_);
    } else {
      long_ = key;
    }
  }

  std::size_t size_ = 0;
  std::array<char, 48> short_{};
  std::string long_;
  Record record_;
  bool is_there_;
};
using KeptRef = std::shared_ptr<const Kept>;

// Null if there is none.
[[nodiscard]] inline RecordRef record_of(const KeptRef& kept) noexcept {
  if (!kept->is_there()) return nullptr;
  return {kept, &kept->record()};
}

}  // namespace headrace::embedded_records
