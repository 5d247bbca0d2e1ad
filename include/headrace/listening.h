// headrace/listening.h: being told what is invalidated, here or on the bus.
//
//   const auto listening = engine.on_invalidated(
//       {.of = Topic::Of::key, .policy = "user", .name = "42"},
//       [](const News& news) { ... });
//
// A listener is told after this engine has let go of what is named: a read that starts then is not
// answered with anything older.  It is told what was named, and nothing that hangs on it: who keeps
// what a tag stands for listens to the tag.  It may be told of one change more than once, and
// before a guarded change is made as well as after it.
//
// Threads:   a listener is called on its executor, by one thread at a time, and none waits for it:
//            not the engine, not the bus, not other listeners.  One that takes long, or blocks,
//            has an executor of its own.
// Errors:    what a listener throws ends that call alone: its next call says `missed`.
// Lifetimes: a listener is called while a copy of its Listening lives, which may outlive the
//            engine; a call that is under way when the last one goes is not waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "headrace/executor.h"
#include "headrace/invalidation.h"

namespace headrace {

// What a listener hears of.
struct Topic {
  enum class Of : std::uint8_t {
    all,
    key,  // Of `policy`; the whole policy is heard of as well, and everything.
    tag,  // Everything is heard of as well.
  };
  Of of = Of::all;
  std::string policy{};    // Of a key: its policy, which need not be known.
  std::string name{};      // The entity, or the tag.
  bool is_prefix = false;  // All that begin with `name`.
};

struct News {
  Invalidation names{};  // Of what was invalidated, what the listener asked for.
  // More may have been that this listener was not told of: whatever it holds is to be read again.
  bool missed = false;
};
using OnInvalidated = std::function<void(const News& news)>;

struct ListenerOptions {
  // Names that wait for it.  What finds no room is missed, together with those that wait.
  std::size_t names_max = 4096;
  Executor* executor = nullptr;  // Which must outlive the Listening; none: the engine's.
};

using Listening = std::shared_ptr<void>;

}  // namespace headrace
