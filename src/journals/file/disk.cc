// Appending goes behind the last byte that is known to be good, and what could not be written
// whole is cut off again.  If that fails too, or a sync does, nobody knows what the disk holds: the
// kernel may have dropped what it could not write, and says so only once.  Then the file is in
// doubt until another has taken its place, which is written from memory.
//
// The new file is safe before it gets the name, and the folder after that, so that the name is at
// any moment that of a whole file.
#include "journals/file/disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace headrace::journals {

namespace {

namespace fs = std::filesystem;
constexpr const char* name = "journal";
constexpr const char* new_name = "journal.new";
constexpr int names_max = 100;                    // Files that are set aside within one second.
constexpr std::size_t read_bytes_max = 1u << 31;  // No journal is that large.
constexpr std::size_t block_bytes = 4096;         // Read at once, for a disk may have bad ones.
constexpr char unreadable = '\xff';

std::string_view advice_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space on its disk";
    case EFBIG: return "raise the limit of the size of files";
    case EIO: return "look at the disk";
    case ENOENT: return "make the folder above it";
    case ENOTDIR:
    case EISDIR: return "name another path";
    default: return "check the permissions of the folder and its files";
  }
}

std::string utc_text(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

// Makes a folder known to the one above it, so that a loss of power does not take it.
int make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return errno == EEXIST ? 0 : errno;
  const std::string above = fs::path(path).parent_path().string();
  const OwnedFile folder(::open(above.empty() ? "." : above.c_str(), O_RDONLY | O_CLOEXEC));
  return folder.is_open() && ::fsync(folder.get()) == 0 ? 0 : errno;
}

}  // namespace

OwnedFile::~OwnedFile() {
  if (file_ >= 0) ::close(file_);
}

Result<Disk> Disk::open(const FileJournalOptions& options, const Seams& seams) {
  Disk disk(options, seams);
  std::string& path = disk.path_;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (const int error = make_folder(path); error != 0) return disk.failed("made", error);
  disk.folder_ = OwnedFile(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!disk.folder_.is_open()) return disk.failed("opened", errno);
  if (::flock(disk.folder_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return disk.failed("locked", errno);
    return failure(Code::journal_unavailable,
                   "the journal " + path +
                       " is open already, here or in another process: close that one, or give "
                       "each process a folder of its own");
  }
  return disk;
}

Result<std::optional<std::string>> Disk::read() {
  ::unlinkat(folder_.get(), new_name, 0);  // Of a replacement that a crash has ended.
  file_ = OwnedFile(::openat(folder_.get(), name, O_RDWR | O_CLOEXEC));
  if (!file_.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    return failed("opened", errno);
  }
  struct stat about{};
  if (::fstat(file_.get(), &about) != 0) return failed("read", errno);
  if (!S_ISREG(about.st_mode)) return failed("read", EISDIR);
  if (static_cast<std::size_t>(about.st_size) > read_bytes_max) return failed("read", EFBIG);
  std::string bytes(static_cast<std::size_t>(about.st_size), unreadable);
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    read_block(std::span(bytes).subspan(at, std::min(block_bytes, bytes.size() - at)), at);
  }
  size_ = bytes.size();
  reserve(file_.get());
  // Whoever put the file in its place may have ended before that was safe.
  auto synced = step(Step::sync_folder, "made safe", [this] { return ::fsync(folder_.get()); });
  if (!synced) return std::unexpected(synced.error());
  return bytes;
}

// What the disk cannot read stays as it is: no frame, and no end of a file either.
void Disk::read_block(std::span<char> into, std::size_t at) const {
  if (seams_.before && seams_.before(Step::read) != 0) return;
  while (!into.empty()) {
    const ssize_t got = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    into = into.subspan(static_cast<std::size_t>(got));
    at += static_cast<std::size_t>(got);
  }
}

Result<void> Disk::append(std::string_view bytes) {
  auto written = step(Step::write, "written", [&] { return write_at(file_.get(), bytes, size_); });
  if (written) {
    size_ += bytes.size();
    return written;
  }
  in_doubt_ = ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0;
  reserve(file_.get());  // Cutting gives back what was reserved.
  return written;
}

Result<void> Disk::sync() {
  auto synced = step(Step::sync, "made safe", [this] { return ::fdatasync(file_.get()); });
  if (!synced) in_doubt_ = true;
  return synced;
}

Result<void> Disk::cut(std::size_t bytes) {
  auto done = step(Step::cut, "cut",
                   [this, bytes] { return ::ftruncate(file_.get(), static_cast<off_t>(bytes)); });
  if (!done) return done;
  size_ = bytes;
  reserve(file_.get());
  return sync();
}

Result<void> Disk::replace(std::string_view bytes) {
  auto done = make_new(bytes);
  if (done) {
    done = step(Step::rename_new, "renamed",
                [this] { return ::renameat(folder_.get(), new_name, folder_.get(), name); });
  }
  if (!done) {
    ::unlinkat(folder_.get(), new_name, 0);
    new_ = OwnedFile();
    return done;
  }
  file_ = std::exchange(new_, OwnedFile());
  size_ = bytes.size();
  done = step(Step::sync_folder, "made safe", [this] { return ::fsync(folder_.get()); });
  in_doubt_ = !done;  // A loss of power may bring the old file back.
  return done;
}

Result<void> Disk::make_new(std::string_view bytes) {
  auto done = step(Step::make_new, "made", [this] {
    new_ =
        OwnedFile(::openat(folder_.get(), new_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    return new_.is_open() ? 0 : -1;
  });
  if (!done) return done;
  reserve(new_.get());
  done = step(Step::write_new, "written", [&] { return write_at(new_.get(), bytes, 0); });
  if (!done) return done;
  return step(Step::sync_new, "made safe", [this] { return ::fsync(new_.get()); });
}

// A link, for then the name is never without a file; a copy where there are none.
Result<std::string> Disk::set_aside(std::string_view bytes, WallTime now) {
  const std::string base = std::string(name) + ".damaged-" + utc_text(now);
  std::string aside = base;
  auto done = step(Step::set_aside, "set aside", [&] {
    for (int i = 2; i <= names_max; ++i) {
      if (::linkat(folder_.get(), name, folder_.get(), aside.c_str(), 0) == 0) return 0;
      if (errno != EEXIST) break;
      aside = base + "-" + std::to_string(i);
    }
    const OwnedFile copy(
        ::openat(folder_.get(), aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    return copy.is_open() ? write_at(copy.get(), bytes, 0) : -1;
  });
  if (!done) return std::unexpected(done.error());
  return path_ + "/" + aside;
}

void Disk::close() {
  file_ = OwnedFile();
  folder_ = OwnedFile();
}

template <class Act>
Result<void> Disk::step(Step which, std::string_view verb, Act act) {
  if (const int error = seams_.before ? seams_.before(which) : 0; error != 0) {
    return failed(verb, error);
  }
  if (act() != 0) return failed(verb, errno);
  return {};
}

std::unexpected<Error> Disk::failed(std::string_view verb, int error) const {
  return failure(Code::journal_unavailable, "the journal " + path_ + " cannot be " +
                                                std::string(verb) + ": " +
                                                std::generic_category().message(error) + "; " +
                                                std::string(advice_for(error)));
}

int Disk::write_at(int file, std::string_view bytes, std::size_t at) const {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return -1;
    bytes.remove_prefix(static_cast<std::size_t>(put));
    at += static_cast<std::size_t>(put);
  }
  return 0;
}

// Beyond its end: its size stays what was written.
void Disk::reserve(int file) {
  unreserved_.clear();
  if (reserve_bytes_ == 0) return;
  const auto bytes = static_cast<off_t>(reserve_bytes_);
  if (::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0) return;
  if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return;  // Of the file system.
  unreserved_ = "the journal " + path_ +
                " has no room of its own: " + std::generic_category().message(errno) + "; " +
                std::string(advice_for(errno));
}

}  // namespace headrace::journals
