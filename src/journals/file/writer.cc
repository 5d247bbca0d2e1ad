// A strike holds as soon as its turn comes, in memory; on the disk it is written behind what is
// added with it, or with the next group if the disk refuses, and a file that is rewritten has none.
// Only adds are made safe from a loss of power.
//
// The file is rewritten once what was struck outweighs what stands, so that each byte is written
// twice at most on the average; and before anything else when it is in doubt.
#include "journals/file/writer.h"

#include <algorithm>

#include "journals/file/frames.h"

namespace headrace::journals {

namespace {

constexpr std::size_t struck_bytes_min = 64 << 10;  // Fewer are not worth a rewriting.

std::unexpected<Error> closed() {
  return failure(Code::journal_unavailable, "the journal is closed");
}

}  // namespace

Writer::Writer(Disk disk, Scan read, const FileJournalOptions& options, const Seams& seams,
               Executor& executor)
    : options_(options),
      seams_(seams),
      executor_(executor),
      disk_(std::move(disk)),
      next_(read.next),
      standing_(std::move(read.standing)) {
  for (const auto& [number, frame] : standing_) standing_bytes_ += frame.size();
  struck_bytes_max_ = std::min(struck_bytes_min, options_.bytes_max);
}

void Writer::begin() {
  thread_ = std::thread([this] { run(); });
}

void Writer::close() {
  const std::scoped_lock ending(ending_);
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  disk_.close();
}

Result<std::vector<std::string>> Writer::standing() const {
  const std::scoped_lock lock(mutex_);
  if (closing_) return closed();
  std::vector<std::string> frames;
  frames.reserve(standing_.size());
  for (const auto& [number, frame] : standing_) frames.push_back(frame);
  return frames;
}

bool Writer::enqueue(Turn& turn) {
  const std::scoped_lock lock(mutex_);
  if (closing_) {
    turn.outcome_ = closed();
    return false;
  }
  if (queue_.size() >= options_.queue_max) {
    turn.outcome_ =
        failure(Code::journal_unavailable, "the journal has " + std::to_string(queue_.size()) +
                                               " writes waiting (queue_max); its disk is too slow");
    return false;
  }
  queue_.push_back(&turn);
  wake_.notify_one();
  return true;
}

void Writer::run() {
  std::vector<Turn*> group;
  while (take(group)) {
    if (seams_.before_group) seams_.before_group();
    settle(group);
  }
}

// The next group; false at the end.
bool Writer::take(std::vector<Turn*>& group) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !queue_.empty() || closing_; });
  if (queue_.empty()) return false;
  const std::size_t count = std::min(queue_.size(), options_.group_max);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  group.assign(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  return true;
}

void Writer::settle(Group group) {
  apply_strikes(group);
  std::string frames;
  for (Turn* turn : group) prepare(*turn, frames);
  const bool adds = !frames.empty();
  if (!unwritten_.empty()) frames += frame_of_strikes(unwritten_);
  const Result<void> written = frames.empty() ? Result<void>() : write(frames, adds);
  if (!written) tell_of(written.error());
  if (written && !frames.empty()) troubled_ = false;
  finish(group, written);
  rewrite_if_due();
}

// First, for they make room.  None of them can name what is added in the same group.
void Writer::apply_strikes(Group group) {
  const std::scoped_lock lock(mutex_);
  for (const Turn* turn : group) {
    const auto* strike = std::get_if<Strike>(&turn->work_);
    if (strike == nullptr) continue;
    for (const std::uint64_t number : strike->numbers) {
      const auto at = standing_.find(number);
      if (at == standing_.end()) continue;
      standing_bytes_ -= at->second.size();
      standing_.erase(at);
      unwritten_.push_back(number);
    }
  }
}

void Writer::prepare(Turn& turn, std::string& frames) {
  auto* add = std::get_if<Add>(&turn.work_);
  if (add == nullptr) return;
  add->record.number = next_;
  std::string frame = frame_of(add->record);
  if (standing_bytes_ + frame.size() > options_.bytes_max) {
    Error error{.code = Code::journal_unavailable,
                .what = "the journal " + disk_.path() +
                        " is full: " + std::to_string(standing_bytes_) +
                        " bytes stand in it (bytes_max); they go once the store takes them"};
    if (!full_ && options_.notice) options_.notice(error.what);
    full_ = true;
    turn.outcome_ = std::unexpected(std::move(error));
    return;
  }
  full_ = false;
  ++next_;
  standing_bytes_ += frame.size();
  frames += frame;
  turn.frame_ = std::move(frame);
}

Result<void> Writer::write(const std::string& frames, bool adds) {
  const std::size_t bytes_max = head_bytes + (2 * options_.bytes_max);
  if (disk_.is_in_doubt() || disk_.size() + frames.size() > bytes_max) {
    if (auto rewritten = rewrite(); !rewritten) return rewritten;
  }
  if (auto appended = disk_.append(frames); !appended) return appended;
  unwritten_.clear();
  return adds ? disk_.sync() : Result<void>();
}

void Writer::finish(Group group, const Result<void>& written) {
  {
    const std::scoped_lock lock(mutex_);
    for (Turn* turn : group) {
      const auto* add = std::get_if<Add>(&turn->work_);
      if (add != nullptr && turn->frame_.empty()) continue;  // It was full.
      if (!written) {
        standing_bytes_ -= turn->frame_.size();
        turn->outcome_ = std::unexpected(written.error());
      } else if (add != nullptr) {
        turn->outcome_ = add->record.number;
        standing_.emplace(add->record.number, std::move(turn->frame_));
      }
    }
  }
  for (Turn* turn : group) {
    executor_.post([waiting = turn->waiting_] { waiting.resume(); });
  }
}

Result<void> Writer::rewrite() {
  std::string bytes = head_of(next_);
  for (const auto& [number, frame] : standing_) bytes += frame;
  const bool was_reserved = disk_.unreserved().empty();
  auto done = disk_.replace(bytes);
  if (!done) return done;
  unwritten_.clear();
  struck_bytes_max_ = std::min(struck_bytes_min, options_.bytes_max);
  if (was_reserved && !disk_.unreserved().empty() && options_.notice) {
    options_.notice(disk_.unreserved());
  }
  return done;
}

void Writer::rewrite_if_due() {
  const std::size_t needed = head_bytes + standing_bytes_;
  const std::size_t struck = disk_.size() > needed ? disk_.size() - needed : 0;
  if (struck <= standing_bytes_ || struck <= struck_bytes_max_) return;
  if (auto done = rewrite(); !done) {
    tell_of(done.error());
    struck_bytes_max_ = 2 * struck;
  }
}

void Writer::tell_of(const Error& error) {
  if (!std::exchange(troubled_, true) && options_.notice) options_.notice(error.what);
}

}  // namespace headrace::journals
