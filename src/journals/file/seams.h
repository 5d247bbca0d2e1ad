// journals/file/seams.h: what tests replace; every other opener takes the defaults.
//
// Threads:   `before_group` is called on the writer thread; `before` on that of the opener too.
// Errors:    none.
// Lifetimes: copied into the journal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "headrace/journals/file.h"

namespace headrace::journals {

// What is done to the disk, one after the other.
enum class Step : std::uint8_t {
  read,         // A block of the file.
  write,        // Frames, at the end of the file ...
  sync,         // ... which makes them safe.
  cut,          // The end of the file goes.
  set_aside,    // The damaged file gets its second name.
  make_new,     // Another file is made ...
  write_new,    // ... and written ...
  sync_new,     // ... and made safe ...
  rename_new,   // ... and takes the first one's place ...
  sync_folder,  // ... safely.
};

struct Seams {
  std::function<void()> before_group{};  // When a group has been taken from the queue.
  // Before each step; returns the errno with which it is to fail, or 0.
  std::function<int(Step)> before{};
};

[[nodiscard]] Result<std::unique_ptr<Journal>> open(FileJournalOptions options, Seams seams,
                                                    Clock& clock, Executor& executor);

}  // namespace headrace::journals
