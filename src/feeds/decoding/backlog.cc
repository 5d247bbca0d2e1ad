#include "feeds/decoding/backlog.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace headrace::postgres::decoding {

void Backlog::add(Transaction transaction) {
  assert(waiting_.empty() || waiting_.back().commit < transaction.commit);
  if (transaction.changes.empty()) return;
  size_ += transaction.changes.size();
  waiting_.push_back(std::move(transaction));
}

std::vector<SourceChange> Backlog::next(const Snapshot& snapshot, std::size_t most) const {
  std::vector<SourceChange> changes;
  std::size_t from = done_of_front_;
  for (const Transaction& one : waiting_) {
    if (changes.size() == most || !snapshot.shows(one.number)) break;
    const std::size_t some = std::min(one.changes.size() - from, most - changes.size());
    const auto begin = one.changes.begin() + static_cast<std::ptrdiff_t>(from);
    changes.insert(changes.end(), begin, begin + static_cast<std::ptrdiff_t>(some));
    from = 0;
  }
  return changes;
}

std::optional<Backlog::Done> Backlog::acknowledged(std::size_t changes) {
  assert(changes <= size_);
  size_ -= changes;
  changes += done_of_front_;
  std::size_t gone = 0;
  while (gone < waiting_.size() && changes >= waiting_[gone].changes.size()) {
    changes -= waiting_[gone].changes.size();
    ++gone;
  }
  done_of_front_ = changes;
  if (gone == 0) return std::nullopt;
  const Done done{.first = waiting_.front().committed_at, .last = waiting_[gone - 1].committed_at};
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(gone));
  return done;
}

}  // namespace headrace::postgres::decoding
