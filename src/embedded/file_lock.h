// embedded/file_lock.h: a file that one process has to itself.
//
// Threads:   as the file system.
// Errors:    store_unavailable, with the path and what to do.
// Lifetimes: a FileLock holds its file until it is destroyed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "headrace/result.h"

namespace headrace::embedded {

// Keeps every other opener of `path` away, in this process too, by locking `<path>.lock`.
class FileLock {
 public:
  FileLock() = default;
  FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FileLock();

  [[nodiscard]] static Result<FileLock> take(const std::string& path);

 private:
  int file_ = -1;
};

// Makes the file if there is none, for its owner alone: what is kept is often personal.
[[nodiscard]] Result<void> make_private_file(const std::string& path);

// What the system says of a file that cannot be used, and what would help.
[[nodiscard]] std::unexpected<Error> unusable(const std::string& path, int error,
                                              std::string_view remedy);

}  // namespace headrace::embedded
