// server/http/feeds.h: feeds of sources' changes, as reports see them.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "headrace/feed.h"
#include "headrace/time.h"

namespace headrace::http {

struct FeedView {
  std::string name{};
  FeedHealth health{};
  std::optional<Duration> proved_ago{};  // None: nothing has been proved yet.
  bool is_behind = true;                 // Its bound.
};
using FeedViews = std::function<std::vector<FeedView>()>;

}  // namespace headrace::http
