// commands/replay_source.h: where a replay's source comes from.
//
// Threads:   belongs to one thread.
// Errors:    returned; invalid_argument is the command line's fault.
// Lifetimes: temporary files are gone when this is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/commands.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "replay/backend.h"
#include "replay/workload.h"

namespace headrace::app {

// A folder that is made when it is first asked for, and is gone when this is.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  // The full name of a file in it.
  [[nodiscard]] Result<std::string> file(std::string_view name);
  // The full name of a folder in it, which this makes.
  [[nodiscard]] Result<std::string> folder(std::string_view name);

 private:
  std::string path_;
};

// Makes a SQLite source, with a bar to show how far it is.
[[nodiscard]] Result<void> make_sqlite_source(const std::string& path,
                                              const replay::Population& population,
                                              const std::vector<replay::Collection>& collections);

// What the command line says of the source: a SQLite file, a new one, or a Firestore emulator.
class ReplaySource {
 public:
  // Sets the mix's population to that of a file which is named.
  [[nodiscard]] static Result<ReplaySource> of(const ReplayCommand& command, replay::Mix& mix,
                                               TemporaryFolder& folder);

  // A source in the state in which it is at the start: the first is that which was named or made,
  // each later one a copy of its own.
  [[nodiscard]] Result<std::unique_ptr<replay::Backend>> next(Runtime& runtime);

 private:
  ReplaySource(const ReplayCommand& command, const replay::Mix& mix)
      : command_(&command), mix_(&mix) {}
  [[nodiscard]] Result<std::unique_ptr<replay::Backend>> next_firestore(Runtime& runtime);

  const ReplayCommand* command_;
  const replay::Mix* mix_;
  std::vector<std::string> files_{};  // Of SQLite, not used yet.
  std::uint64_t made_ = 0;
};

}  // namespace headrace::app
