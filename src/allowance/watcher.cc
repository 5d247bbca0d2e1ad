#include "allowance/watcher.h"

#include <algorithm>
#include <utility>

namespace headrace {

void Board::show(const Purse::View& view) {
  std::vector<std::shared_ptr<GateWatcher>> watchers;
  {
    const std::scoped_lock lock(mutex_);
    if (view_ == view) return;
    view_ = view;
    for (const auto& weak : watchers_) {
      if (auto one = weak.lock()) watchers.push_back(std::move(one));
    }
  }
  for (const auto& one : watchers) one->notice();
}

Purse::View Board::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

GateState Board::state() const {
  const Purse::View now = view();
  return {.left = now.left, .open = now.open, .cursor = {.row = row_, .changes = now.changes}};
}

std::shared_ptr<GateWatcher> Board::watch(GateOptions options, Executor& executor) {
  auto watcher = std::make_shared<GateWatcher>(shared_from_this(), std::move(options), executor);
  const std::scoped_lock lock(mutex_);
  std::erase_if(watchers_, [](const auto& one) { return one.expired(); });
  watchers_.push_back(watcher);
  return watcher;
}

bool Board::is_watched() const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(watchers_, [](const auto& one) { return !one.expired(); });
}

GateWatcher::GateWatcher(std::shared_ptr<Board> board, GateOptions options, Executor& executor)
    : board_(std::move(board)),
      options_(std::move(options)),
      executor_(options_.executor != nullptr ? *options_.executor : executor) {
  const Purse::View now = board_->view();
  looked_at_ = now.changes;
  told_ = told_by(now);
}

bool GateWatcher::look() {
  const std::uint64_t changes = board_->view().changes;
  const std::scoped_lock lock(mutex_);
  if (changes <= looked_at_) return false;
  looked_at_ = changes;
  return true;
}

GateWatcher::Told GateWatcher::told_by(const Purse::View& view) const {
  const auto* const left = std::get_if<Amount>(&view.left);
  return {.open = view.open,
          .below = left != nullptr && *left < options_.below,
          .changes = view.changes};
}

void GateWatcher::notice() {
  if (!options_.on_gate && !options_.on_below && !options_.on_change) return;
  const std::scoped_lock lock(mutex_);
  again_ = true;
  if (!std::exchange(turns_, true)) post_turn();
}

// REQUIRES: mutex_ is held.
void GateWatcher::post_turn() {
  executor_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->turn();
  });
}

void GateWatcher::turn() {
  Told before;
  Purse::View view;
  {
    const std::scoped_lock lock(mutex_);
    again_ = false;
    view = board_->view();
    before = std::exchange(told_, told_by(view));
  }
  tell(before, view);
  const std::scoped_lock lock(mutex_);
  turns_ = again_;
  if (turns_) post_turn();
}

// The one line at which what a callback throws is caught.
void GateWatcher::tell(const Told& before, const Purse::View& view) const {
  const Told now = told_by(view);
  try {
    if (options_.on_gate && now.open != before.open) options_.on_gate(now.open);
    if (options_.on_change && now.changes != before.changes) options_.on_change();
    if (options_.on_below && now.below && !before.below) options_.on_below(view.left);
  } catch (...) {
    return;  // It ends that call alone.
  }
}

bool AllowanceGate::is_open() const {
  return watcher_->view().open;
}
Balance AllowanceGate::left() const {
  return watcher_->view().left;
}
bool AllowanceGate::changed_since_last_look() {
  return watcher_->look();
}
GateState AllowanceGate::state() const {
  return watcher_->state();
}

}  // namespace headrace
