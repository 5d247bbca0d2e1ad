// migrate/state_file.h: how far a migration has come, in one small file.
//
// The name is at any moment that of a whole file: another takes its place once it is safe on the
// disk.  Whoever is killed loses what came after the last write, which is done again.
//
// Threads:   one at a time.
// Errors:    invalid_argument for a file that is none of these, or of other stores; refused where
//            the disk does not take it.  The text says what would help.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "headrace/result.h"
#include "stores/moving/backfill.h"

namespace headrace::app {

struct MigrationState {
  enum class Stage : std::uint8_t {
    emptying,  // The new store: from the start.
    copying,   // From progress.next on.
    copied,
  };
  std::string from{};  // What the stores are called; see stores_text() in the configuration.
  std::string to{};
  Stage stage = Stage::emptying;
  moving::BackfillProgress progress{};

  friend bool operator==(const MigrationState&, const MigrationState&) = default;
};

// Nothing where there is no such file.
[[nodiscard]] Result<std::optional<MigrationState>> read_state(const std::string& path);

// The same, and refuses the state of other stores.
[[nodiscard]] Result<std::optional<MigrationState>> read_state_of(const std::string& path,
                                                                  const std::string& from,
                                                                  const std::string& to);

[[nodiscard]] Result<void> write_state(const std::string& path, const MigrationState& state);

// Held by whoever works with a state, so that no other does at the same time: two would each
// write how far they have come, and the newer file would forget what the other left for later.
// Ends with its process, however that ends.
class StateLock {
 public:
  // Nothing while another holds it; refused where the file beside the state cannot be made.
  [[nodiscard]] static Result<std::optional<StateLock>> take(const std::string& path);

  StateLock(StateLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StateLock& operator=(StateLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~StateLock();

 private:
  explicit StateLock(int file) : file_(file) {}

  int file_;
};

}  // namespace headrace::app
