#include "stores/embedded/set_aside.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace headrace::embedded {

namespace {

namespace fs = std::filesystem;
constexpr int names_max = 100;  // Files that are set aside within one second.

std::unexpected<Error> unusable(const std::string& path, int error, std::string_view remedy) {
  return failure(Code::store_unavailable, "the embedded store cannot use " + path + ": " +
                                              std::generic_category().message(error) + "; " +
                                              std::string(remedy));
}

std::string utc_text(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

}  // namespace

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
                   "the embedded store " + path +
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

void mark_suspect(const std::string& path) noexcept {
  const int file = ::open((path + ".suspect").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
}

bool is_suspect(const std::string& path) noexcept {
  std::error_code ignored;
  return fs::exists(path + ".suspect", ignored);
}

Result<std::string> set_aside(const std::string& path, WallTime now) {
  const std::string base = path + ".damaged-" + utc_text(now);
  std::string name = base;
  std::error_code error;
  for (int i = 2; fs::exists(name, error) && i <= names_max; ++i) {
    name = base + "-" + std::to_string(i);
  }
  fs::rename(path, name, error);
  if (error) return unusable(path, error.value(), "move it away by hand");
  for (const std::string_view part : {"-wal", "-shm"}) {
    const std::string log = path + std::string(part);
    if (!fs::exists(log, error)) continue;
    // A log left behind would be played into the new file.
    fs::rename(log, name + std::string(part), error);
    if (error) return unusable(log, error.value(), "move it away by hand");
  }
  fs::remove(path + ".suspect", error);
  return name;
}

}  // namespace headrace::embedded
