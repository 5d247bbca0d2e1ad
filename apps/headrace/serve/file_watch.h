// serve/file_watch.h: whether files have changed since somebody last looked.
//
// Threads:   one at a time.
// Errors:    none; a file that is gone does not count as changed.
// Lifetimes: none.
#pragma once

#include <sys/types.h>

#include <ctime>
#include <string>
#include <vector>

namespace headrace::app {

class FileWatch {
 public:
  // Empty names stand for no file.
  explicit FileWatch(std::vector<std::string> files);

  // Since the last call, or since this was made.
  [[nodiscard]] bool has_changed();

 private:
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    timespec changed{};
  };
  struct Watched {
    std::string file{};
    Stamp last{};
  };
  [[nodiscard]] static Stamp stamp_of(const std::string& file);

  std::vector<Watched> watched_;
};

}  // namespace headrace::app
