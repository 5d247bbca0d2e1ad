#include "serve/root_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace headrace::app {

namespace {

constexpr mode_t owner_alone = S_IRUSR | S_IWUSR;
constexpr mode_t others = S_IRWXG | S_IRWXO;

std::unexpected<Error> wrong(const std::string& file, const std::string& what) {
  return failure(Code::invalid_argument, "the operator's key in " + file + " " + what);
}

Result<RootKey> read(const std::string& file) {
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) {
    return wrong(file, std::string("cannot be read: ") + std::strerror(errno));
  }
  if ((found.st_mode & others) != 0) {
    return wrong(file, "can be read by others than its owner; say chmod 600 of it");
  }
  std::ifstream in(file);
  RootKey key;
  if (std::getline(in, key.text) && !key.text.empty()) return key;
  return wrong(file, "cannot be read or is empty");
}

}  // namespace

Result<RootKey> read_or_make_root_key(const std::string& file, Random& random) {
  // Made where there is none, and only there: two that start at once agree on one.
  const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owner_alone);
  if (made < 0 && errno == EEXIST) return read(file);
  if (made < 0) return wrong(file, std::string("cannot be made: ") + std::strerror(errno));
  const Token first = random.token();
  const Token second = random.token();
  char text[80];
  const int size = std::snprintf(
      text, sizeof text, "hrk_root_%016llx%016llx%016llx%016llx\n",
      static_cast<unsigned long long>(first.high), static_cast<unsigned long long>(first.low),
      static_cast<unsigned long long>(second.high), static_cast<unsigned long long>(second.low));
  const bool is_written =
      ::write(made, text, static_cast<std::size_t>(size)) == size && ::fsync(made) == 0;
  const int fault = errno;
  ::close(made);
  if (!is_written) {
    ::unlink(file.c_str());
    return wrong(file, std::string("cannot be written: ") + std::strerror(fault));
  }
  return RootKey{.text = std::string(text, static_cast<std::size_t>(size) - 1), .is_new = true};
}

}  // namespace headrace::app
