#include "serve/file_watch.h"

#include <sys/stat.h>

namespace headrace::app {

FileWatch::FileWatch(std::vector<std::string> files) {
  for (std::string& file : files) {
    if (file.empty()) continue;
    const Stamp now = stamp_of(file);
    watched_.push_back({.file = std::move(file), .last = now});
  }
}

FileWatch::Stamp FileWatch::stamp_of(const std::string& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return {};
  return {.inode = found.st_ino, .size = found.st_size, .changed = found.st_mtim};
}

bool FileWatch::has_changed() {
  bool changed = false;
  for (Watched& one : watched_) {
    const Stamp now = stamp_of(one.file);
    const bool gone = now.inode == 0;
    const bool same = now.inode == one.last.inode && now.size == one.last.size &&
                      now.changed.tv_sec == one.last.changed.tv_sec &&
                      now.changed.tv_nsec == one.last.changed.tv_nsec;
    if (gone || same) continue;
    one.last = now;
    changed = true;
  }
  return changed;
}

}  // namespace headrace::app
