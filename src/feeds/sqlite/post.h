// feeds/sqlite/post.h: the file beside a database by which one of its followers is the consumer.
//
// It is locked with flock(), so that two followers within one process are two as well, and is no
// file of SQLite's: whoever closes one of those loses SQLite's own locks in all of the process.  A
// note stands in it, of how far was acknowledged: a database that is put back to an earlier state,
// in the same file, has forgotten that.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable, with the path and what to do.
// Lifetimes: a Post holds file and lock until it is destroyed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/result.h"

namespace headrace::sqlite::feed {

// The file's name.
[[nodiscard]] std::string post_of(std::string_view database, std::string_view feed);

class Post {
 public:
  struct Note {
    std::string identity{};  // Of the installation.
    std::uint64_t acknowledged = 0;
  };

  // Makes the file if there is none, for those whom `mode` lets read and write it.
  [[nodiscard]] static Result<Post> open(std::string path, mode_t mode);

  Post(Post&& other) noexcept
      : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  Post& operator=(Post&&) = delete;
  ~Post();

  // Whether it is locked by this one.  Not while somebody else does, and not once it was removed.
  [[nodiscard]] Result<bool> take();

  // What cannot be read is nothing: a note is an addition to what stands in the database.
  [[nodiscard]] Note read() const;
  [[nodiscard]] Result<void> write(const Note& note);

 private:
  Post(std::string path, int file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  int file_ = -1;
};

}  // namespace headrace::sqlite::feed
