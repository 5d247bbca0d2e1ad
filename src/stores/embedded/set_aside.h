// embedded/set_aside.h: the files around the database: the lock, the mark of damage, the old ones.
//
// Threads:   as the file system.
// Errors:    store_unavailable, with the path and what to do.
// Lifetimes: a FileLock holds its file until it is destroyed.
#pragma once

#include <string>
#include <utility>

#include "headrace/result.h"
#include "headrace/time.h"

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

// A file `<path>.suspect` says that SQLite found the database corrupt while it was in use.
void mark_suspect(const std::string& path) noexcept;
[[nodiscard]] bool is_suspect(const std::string& path) noexcept;

// Renames the database and its logs to `<path>.damaged-<utc time>...` and returns that name.
[[nodiscard]] Result<std::string> set_aside(const std::string& path, WallTime now);

}  // namespace headrace::embedded
