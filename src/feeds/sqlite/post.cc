#include "feeds/sqlite/post.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace headrace::sqlite::feed {

namespace {

constexpr std::size_t number_digits = 20;
constexpr std::size_t note_bytes_max = 100;

std::unexpected<Error> unusable(const std::string& path, int error, std::string_view remedy) {
  return failure(Code::source_unavailable, "the feed cannot use " + path + ": " +
                                               std::generic_category().message(error) + "; " +
                                               std::string(remedy));
}

}  // namespace

std::string post_of(std::string_view database, std::string_view feed) {
  return std::string(database) + "-headrace-" + std::string(feed);
}

Result<Post> Post::open(std::string path, mode_t mode) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode & 0666);
  if (file < 0) {
    return unusable(path, errno, "check that it and its folder may be written");
  }
  return Post(std::move(path), file);
}

Post::~Post() {
  if (file_ >= 0) ::close(file_);
}

Result<bool> Post::take() {
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    return unusable(path_, errno, "use a file system that has flock()");
  }
  struct stat held{};
  struct stat named{};
  const bool is_it = ::fstat(file_, &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
                     held.st_ino == named.st_ino && held.st_dev == named.st_dev;
  if (!is_it) return unusable(path_, ENOENT, "somebody has removed it; it is made again");
  return true;
}

// The number, with zeros before it, and then the identity: so that it always has the same places.
Post::Note Post::read() const {
  std::array<char, note_bytes_max> bytes{};
  const ssize_t size = ::pread(file_, bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  Note note;
  if (text.size() <= number_digits || !text.ends_with('\n')) return note;
  const std::string_view number = text.substr(0, number_digits);
  const auto [end, fault] = std::from_chars(number.begin(), number.end(), note.acknowledged);
  if (fault != std::errc() || end != number.end()) return {};
  note.identity = text.substr(number_digits + 1, text.size() - number_digits - 2);
  return note;
}

Result<void> Post::write(const Note& note) {
  const std::string number = std::to_string(note.acknowledged);
  const std::string text =
      std::string(number_digits - number.size(), '0') + number + " " + note.identity + "\n";
  const bool done = ::pwrite(file_, text.data(), text.size(), 0) == std::ssize(text) &&
                    ::ftruncate(file_, std::ssize(text)) == 0;
  if (!done) return unusable(path_, errno, "check that there is space left");
  return {};
}

}  // namespace headrace::sqlite::feed
