// journals/file/disk.h: the journal's folder, locked, and the one file in it.
//
// Threads:   belongs to one thread at a time.
// Errors:    journal_unavailable, with the path, what went wrong and what would help.
// Lifetimes: the folder stays locked until close(), or to the end of the Disk.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/result.h"
#include "headrace/time.h"
#include "journals/file/seams.h"

namespace headrace::journals {

class OwnedFile {
 public:
  OwnedFile() = default;
  explicit OwnedFile(int file) noexcept : file_(file) {}
  OwnedFile(OwnedFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  OwnedFile& operator=(OwnedFile&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~OwnedFile();

  [[nodiscard]] bool is_open() const noexcept { return file_ >= 0; }
  [[nodiscard]] int get() const noexcept { return file_; }

 private:
  int file_ = -1;
};

class Disk {
 public:
  // Makes the folder if there is none, and locks it.
  [[nodiscard]] static Result<Disk> open(const FileJournalOptions& options, const Seams& seams);

  // All bytes of the file; none if there is no file.  What the disk cannot read is no frame.
  [[nodiscard]] Result<std::optional<std::string>> read();

  // Writes behind the last byte; all of it, or nothing.
  [[nodiscard]] Result<void> append(std::string_view bytes);
  // Makes safe what was appended.
  [[nodiscard]] Result<void> sync();
  // Takes all behind the first `bytes` away.
  [[nodiscard]] Result<void> cut(std::size_t bytes);

  // Puts a new file that holds `bytes` in the place of the old one, which stays if that fails.
  [[nodiscard]] Result<void> replace(std::string_view bytes);
  // Gives the file, which holds `bytes`, a second name, and returns that.
  [[nodiscard]] Result<std::string> set_aside(std::string_view bytes, WallTime now);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Whether nobody knows what the disk has kept of it: nothing is appended until replace() works.
  [[nodiscard]] bool is_in_doubt() const noexcept { return in_doubt_; }
  void doubt() noexcept { in_doubt_ = true; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // What could not be set aside of the disk for the file, in words; empty if nothing is wrong.
  [[nodiscard]] const std::string& unreserved() const noexcept { return unreserved_; }

  void close();

 private:
  Disk(const FileJournalOptions& options, const Seams& seams)
      : path_(options.path), reserve_bytes_(options.reserve_bytes), seams_(seams) {}

  // Calls `act`, which returns -1 and sets errno if it fails, unless a test has it fail.
  template <class Act>
  [[nodiscard]] Result<void> step(Step which, std::string_view verb, Act act);
  [[nodiscard]] std::unexpected<Error> failed(std::string_view verb, int error) const;
  [[nodiscard]] Result<void> make_new(std::string_view bytes);
  [[nodiscard]] int write_at(int file, std::string_view bytes, std::size_t at) const;
  void read_block(std::span<char> into, std::size_t at) const;
  void reserve(int file);

  std::string path_;
  std::size_t reserve_bytes_ = 0;
  Seams seams_{};
  OwnedFile folder_{};
  OwnedFile file_{};
  OwnedFile new_{};
  std::size_t size_ = 0;
  bool in_doubt_ = false;
  std::string unreserved_{};
};

}  // namespace headrace::journals
