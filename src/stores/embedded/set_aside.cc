#include "stores/embedded/set_aside.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <system_error>

#include "embedded/file_lock.h"

namespace headrace::embedded {

namespace {

namespace fs = std::filesystem;
constexpr int names_max = 100;  // Files that are set aside within one second.

std::string utc_text(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

}  // namespace

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
