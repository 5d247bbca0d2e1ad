// allowance/watcher.h: what the gates of one entity show, and telling those who want to be told.
//
// A Board has the latest state, which is all that matters: there is no queue.  A watcher is told on
// its executor, one call at a time, of how the board differs from what it was told last; whoever
// blocks there holds up itself.
//
// Threads: any member from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "allowance/purse.h"
#include "headrace/allowance.h"

namespace headrace {

class Board : public std::enable_shared_from_this<Board> {
 public:
  // `row` is the name of the entity's row of changes.
  Board(Purse::View view, Token row) : row_(row), view_(view) {}

  void show(const Purse::View& view);
  [[nodiscard]] Purse::View view() const;
  [[nodiscard]] GateState state() const;
  [[nodiscard]] std::shared_ptr<GateWatcher> watch(GateOptions options, Executor& executor);
  [[nodiscard]] bool is_watched() const;

 private:
  const Token row_;
  mutable std::mutex mutex_;
  Purse::View view_;
  std::vector<std::weak_ptr<GateWatcher>> watchers_;  // No more than gates_max, with those of all.
};

// What the user's gate stands for.
class GateWatcher : public std::enable_shared_from_this<GateWatcher> {
 public:
  GateWatcher(std::shared_ptr<Board> board, GateOptions options, Executor& executor);

  [[nodiscard]] Purse::View view() const { return board_->view(); }
  [[nodiscard]] GateState state() const { return board_->state(); }
  [[nodiscard]] bool look();
  // The board shows something new.
  void notice();

 private:
  // What it was told last.
  struct Told {
    bool open = false;
    bool below = false;
    std::uint64_t changes = 0;

    friend bool operator==(const Told&, const Told&) = default;
  };

  [[nodiscard]] Told told_by(const Purse::View& view) const;
  void post_turn();
  void turn();
  void tell(const Told& before, const Purse::View& view) const;

  const std::shared_ptr<Board> board_;
  const GateOptions options_;
  Executor& executor_;
  std::mutex mutex_;
  std::uint64_t looked_at_;  // Of the changes, the last that was looked at.
  Told told_;
  bool turns_ = false;  // A turn is due, or under way ...
  bool again_ = false;  // ... and there is something new since it began.
};

}  // namespace headrace
