#include "embedded/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace headrace::embedded {

std::unexpected<Error> unusable(const std::string& path, int error, std::string_view remedy) {
  return failure(Code::store_unavailable, "cannot use " + path + ": " +
                                              std::generic_category().message(error) + "; " +
                                              std::string(remedy));
}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(file_);
}

Result<FileLock> FileLock::take(const std::string& path) {
  const std::string name = path + ".lock";
  FileLock lock;
  lock.file_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.file_ < 0) {
    return unusable(name, errno, "check that its folder exists and that it may be written");
  }
  if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return unusable(name, errno, "use a file system that has flock()");
    return failure(Code::store_unavailable,
                   path +
                       " is open already, here or in another process: close that one, or give "
                       "each process a path of its own");
  }
  return lock;
}

Result<void> make_private_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return unusable(path, errno, "check the permissions of the file and its folder");
  ::close(file);
  return {};
}

}  // namespace headrace::embedded
