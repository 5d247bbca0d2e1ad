// The journal's port: what it does is asked of the writer, what stands is read from memory.
//
// Nothing that is wrong with the file alone keeps it from opening: who has no journal at all would
// not dare to ask the store.  What could be read stands; if the file cannot be mended now, it is in
// doubt, and mended before the next record is written.
#include "headrace/journals/file.h"

#include <utility>

#include "journals/file/disk.h"
#include "journals/file/frames.h"
#include "journals/file/scan.h"
#include "journals/file/seams.h"
#include "journals/file/writer.h"

namespace headrace {

namespace journals {

namespace {

class FileJournal final : public Journal {
 public:
  FileJournal(FileJournalOptions options, Seams seams)
      : options_(std::move(options)), seams_(std::move(seams)) {}
  ~FileJournal() override { close(); }

  // Once, before anything else.
  [[nodiscard]] Result<void> open(const Clock& clock, Executor& executor);

  Task<Result<std::uint64_t>> add(std::vector<StoreKey> keys, std::vector<WatermarkId> watermarks,
                                  std::vector<Store::Floor> floors) override;
  Task<Result<void>> strike(std::vector<std::uint64_t> numbers) override;
  Task<Result<std::vector<Record>>> read() override;
  void close() override {
    if (writer_) writer_->close();
  }

 private:
  void make(Disk& disk) const;
  void mend(Disk& disk, const Scan& scan, std::string_view bytes, const Clock& clock) const;
  void tell(std::string what) const {
    if (options_.notice) options_.notice(std::move(what));
  }
  // Goes on without what could not be done to the disk.
  void tell_of(Disk& disk, const Error& error) const {
    disk.doubt();
    tell(error.what);
  }

  const FileJournalOptions options_;
  const Seams seams_;
  std::unique_ptr<Writer> writer_;
};

Result<void> FileJournal::open(const Clock& clock, Executor& executor) {
  auto disk = Disk::open(options_, seams_);
  if (!disk) return std::unexpected(disk.error());
  const auto bytes = disk->read();
  if (!bytes) return std::unexpected(bytes.error());
  Scan found;
  if (*bytes) {
    found = scan(**bytes);
    mend(*disk, found, **bytes, clock);
  } else {
    make(*disk);
  }
  if (!disk->unreserved().empty()) tell(disk->unreserved());
  writer_ =
      std::make_unique<Writer>(std::move(*disk), std::move(found), options_, seams_, executor);
  writer_->begin();
  return {};
}

void FileJournal::make(Disk& disk) const {
  if (auto made = disk.replace(head_of(1)); !made) tell_of(disk, made.error());
}

void FileJournal::mend(Disk& disk, const Scan& scan, std::string_view bytes,
                       const Clock& clock) const {
  if (scan.found == Scan::Found::unfinished) {
    tell("the journal " + disk.path() + " was left in the middle of a write: " + scan.what +
         ", and are cut off");
    if (auto cut = disk.cut(scan.sound_bytes); !cut) tell_of(disk, cut.error());
  }
  if (scan.found != Scan::Found::damaged) return;
  const auto aside = disk.set_aside(bytes, clock.wall_now());
  tell("the journal " + disk.path() + " is damaged: " + scan.what + "; " +
       (aside ? "it is kept as " + *aside : "it could not be kept: " + aside.error().what) + "; " +
       std::to_string(scan.standing.size() - 1) +
       " invalidations can be read and stand; what cannot counts as one of everything");
  std::string sound = head_of(scan.next);
  for (const auto& [number, frame] : scan.standing) sound += frame;
  if (auto replaced = disk.replace(sound); !replaced) tell_of(disk, replaced.error());
}

Task<Result<std::uint64_t>> FileJournal::add(std::vector<StoreKey> keys,
                                             std::vector<WatermarkId> watermarks,
                                             std::vector<Store::Floor> floors) {
  Writer::Add work{.record = {.keys = std::move(keys),
                              .watermarks = std::move(watermarks),
                              .floors = std::move(floors)}};
  Writer::Turn turn(*writer_, std::move(work));
  auto number = co_await turn;
  co_return number;
}

Task<Result<void>> FileJournal::strike(std::vector<std::uint64_t> numbers) {
  Writer::Strike work{.numbers = std::move(numbers)};
  Writer::Turn turn(*writer_, std::move(work));
  auto done = co_await turn;
  if (!done) co_return std::unexpected(std::move(done.error()));
  co_return Result<void>();
}

Task<Result<std::vector<Journal::Record>>> FileJournal::read() {
  const auto frames = writer_->standing();
  if (!frames) co_return std::unexpected(frames.error());
  std::vector<Record> records;
  records.reserve(frames->size());
  for (const std::string& frame : *frames) records.push_back(std::move(read_frame(frame)->record));
  co_return records;
}

}  // namespace

Result<std::unique_ptr<Journal>> open(FileJournalOptions options, Seams seams, Clock& clock,
                                      Executor& executor) {
  if (options.path.empty() || options.bytes_max == 0 || options.queue_max == 0 ||
      options.group_max == 0) {
    return failure(Code::invalid_argument,
                   "the journal needs a path, and limits that are not zero");
  }
  auto journal = std::make_unique<FileJournal>(std::move(options), std::move(seams));
  if (auto opened = journal->open(clock, executor); !opened) {
    return std::unexpected(opened.error());
  }
  return journal;
}

}  // namespace journals

Result<std::unique_ptr<Journal>> open_file_journal(FileJournalOptions options, Clock& clock,
                                                   Executor& executor) {
  return journals::open(std::move(options), {}, clock, executor);
}

}  // namespace headrace
