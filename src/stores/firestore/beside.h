// stores/firestore/beside.h: what stands beside a slot: the guards and the floors of its key.
//
// Entries stand one behind the other: 1 kind ('G' guard, 'F' floor), 8 when it ends, by Firestore's
// clock in microseconds, 2 the length, then the guard's token or the floor's revision.
//
// Threads:   values.
// Errors:    bytes that are none of ours count as a guard that stands, and go with the next change.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firestore/server_time.h"
#include "headrace/store.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace::firestore {

struct Beside {
  bool guarded = false;
  std::vector<std::string> floors{};  // The oldest first.
};
// What stands at `now`.
[[nodiscard]] Beside read_stands(std::string_view bytes, Moment now);

// What is to become of one key.
struct BesideChange {
  Token guard{};  // None: no guard is added.
  Duration guard_lasts{0};
  Token unguard{};  // None: no guard is taken away.
  std::vector<std::pair<std::string, Duration>> floors{};
  bool empties = true;  // The slot.
};
// `bytes` with the change, and without what has ended: what is there keeps its place, and the later
// of its ends.  REQUIRES: `now` spans the moment of the call.
[[nodiscard]] std::string changed(std::string_view bytes, const BesideChange& change,
                                  const ServerTime::Bounds& now);

}  // namespace headrace::firestore
