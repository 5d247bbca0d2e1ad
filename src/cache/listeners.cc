#include "cache/listeners.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <string_view>
#include <utility>

namespace headrace {

namespace {

constexpr std::size_t turn_max = 64;  // Calls of one listener before others have a turn.

std::size_t names_in(const Invalidation& what) {
  return what.keys.size() + what.tags.size() + what.policies.size() + (what.everything ? 1 : 0);
}

bool matches(std::string_view name, const Topic& topic) {
  return topic.is_prefix ? name.starts_with(topic.name) : name == topic.name;
}

}  // namespace

Invalidation part_of(const Invalidation& what, const Topic& topic) {
  if (topic.of == Topic::Of::all) return what;
  Invalidation part{.everything = what.everything};
  if (topic.of == Topic::Of::tag) {
    std::ranges::copy_if(what.tags, std::back_inserter(part.tags),
                         [&topic](const std::string& tag) { return matches(tag, topic); });
    return part;
  }
  std::ranges::copy_if(what.keys, std::back_inserter(part.keys),
                       [&topic](const Invalidation::KeyName& key) {
                         return key.policy == topic.policy && matches(key.entity, topic);
                       });
  if (std::ranges::find(what.policies, topic.policy) != what.policies.end()) {
    part.policies.push_back(topic.policy);
  }
  return part;
}

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(Topic topic, OnInvalidated call, const ListenerOptions& options, Executor& executor)
      : topic_(std::move(topic)),
        call_(std::move(call)),
        names_max_(options.names_max),
        executor_(options.executor != nullptr ? *options.executor : executor) {}

  void tell(const Invalidation& what) {
    Invalidation part = part_of(what, topic_);
    if (part.is_empty()) return;
    const std::size_t names = names_in(part);
    const std::scoped_lock lock(mutex_);
    if (names_ + names > names_max_) {
      miss();
      return;
    }
    names_ += names;
    queue_.push_back(std::move(part));
    turn_soon();
  }

  void missed() {
    const std::scoped_lock lock(mutex_);
    miss();
  }

  // It is not called any more, but for a call that is under way.
  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    queue_.clear();
  }

 private:
  // All three: REQUIRES: mutex_ is held.
  void miss() {
    queue_.clear();
    names_ = 0;
    missed_ = true;
    turn_soon();
  }
  void turn_soon() {
    if (!std::exchange(turns_, true)) post_turn();
  }
  void post_turn() {
    executor_.post([weak = weak_from_this()] { turn(weak); });
  }

  static void turn(const std::weak_ptr<Listener>& weak) {
    for (std::size_t i = 0; i < turn_max; ++i) {
      const auto self = weak.lock();
      if (!self) return;
      News news;
      if (!self->take(news)) return;
      self->call(news);
    }
    const auto self = weak.lock();
    if (!self) return;
    const std::scoped_lock lock(self->mutex_);
    self->post_turn();
  }

  // False: there is nothing that it has to be told.
  bool take(News& news) {
    const std::scoped_lock lock(mutex_);
    turns_ = !ended_ && (missed_ || !queue_.empty());
    if (!turns_) return false;
    news.missed = std::exchange(missed_, false);
    news.missed = std::exchange(has_thrown_, false) || news.missed;
    if (queue_.empty()) return true;
    news.names = std::move(queue_.front());
    queue_.pop_front();
    names_ -= names_in(news.names);
    return true;
  }

  // The one line at which what a listener throws is caught.
  void call(const News& news) {
    try {
      call_(news);
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      has_thrown_ = true;
    }
  }

  const Topic topic_;
  const OnInvalidated call_;
  const std::size_t names_max_;
  Executor& executor_;
  std::mutex mutex_;
  std::deque<Invalidation> queue_;  // Of up to names_max names.
  std::size_t names_ = 0;
  bool missed_ = false;
  // Its last call: the next one says so.  It is not called for that alone, or one that always
  // throws would be called for ever.
  bool has_thrown_ = false;
  bool turns_ = false;  // A turn is due, or under way.
  bool ended_ = false;
};

namespace {

// What the user holds.
class Hold {
 public:
  explicit Hold(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~Hold() { listener_->end(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  const std::shared_ptr<Listener> listener_;
};

}  // namespace

Listening Listeners::add(Topic topic, OnInvalidated call, const ListenerOptions& options,
                         Executor& executor) {
  auto listener = std::make_shared<Listener>(std::move(topic), std::move(call), options, executor);
  const std::scoped_lock lock(mutex_);
  std::erase_if(listeners_, [](const auto& one) { return one.expired(); });
  if (listeners_.size() >= listeners_max_) return nullptr;
  listeners_.push_back(listener);
  any_.store(true);
  return std::make_shared<Hold>(std::move(listener));
}

// Whoever lives; nobody is called, or destroyed, under the lock.
std::vector<std::shared_ptr<Listener>> Listeners::all() {
  std::vector<std::shared_ptr<Listener>> alive;
  if (!any_.load()) return alive;
  const std::scoped_lock lock(mutex_);
  for (const auto& weak : listeners_) {
    if (auto one = weak.lock()) alive.push_back(std::move(one));
  }
  return alive;
}

void Listeners::tell(const Invalidation& what) {
  for (const auto& listener : all()) listener->tell(what);
}

void Listeners::missed() {
  for (const auto& listener : all()) listener->missed();
}

}  // namespace headrace
