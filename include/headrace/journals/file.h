// headrace/journals/file.h: the journal in one file of this machine, for one process.
//
// What is added survives a crash of the process and a loss of power, once acknowledged; a strike
// survives a crash, and may be undone by a loss of power, which costs an invalidation more.  What a
// crash has left half written was never acknowledged, and is cut off at the next opening.
//
// A file that is damaged elsewhere is set aside under a name that `notice` tells; all that can
// still be read is taken over into a new one, under its own numbers, together with a record that is
// `lost`: for what cannot be read may have named anything.  So it is where a bit of the last record
// has flipped, and where the file is of a version that is not known here.
//
// Threads:   as Journal.  One writer thread of its own, which makes many adds safe at once.
// Errors:    as Journal; the text says why: the journal is full, too much is waiting, the disk
//            refuses, it is closed.  A full disk takes no more adds than there is room set aside
//            for; strikes hold in this process all the same.
//            open_file_journal() returns journal_unavailable if the folder cannot be used at all:
//            no permission, or another process has it.
// Lifetimes: borrows clock and executor, which must outlive it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/journal.h"
#include "headrace/result.h"

namespace headrace {

struct FileJournalOptions {
  std::string path{};  // Of its folder; made if there is none, but the folder above it must exist.
  // Of what stands in it; more is refused.  What stands is held in memory too.  On the disk it is
  // at most twice that, with what was struck; and while that is cleared, what stands once more.
  std::size_t bytes_max = 16 << 20;
  std::size_t reserve_bytes = 1 << 20;        // Of the disk, set aside for when that is full.
  std::size_t queue_max = 16384;              // Adds and strikes waiting for the writer.
  std::size_t group_max = 1024;               // Of them, written at once.
  std::function<void(std::string)> notice{};  // Told, in a sentence, of anything odd.
};

[[nodiscard]] Result<std::unique_ptr<Journal>> open_file_journal(FileJournalOptions options,
                                                                 Clock& clock, Executor& executor);

}  // namespace headrace
