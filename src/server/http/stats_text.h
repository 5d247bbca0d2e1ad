// server/http/stats_text.h: what the server does and what it costs, in one JSON document.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/engine.h"
#include "headrace/stats.h"
#include "headrace/store.h"
#include "headrace/time.h"
#include "server/http/allowance_routes.h"
#include "server/http/feeds.h"
#include "server/http/prices.h"
#include "server/http/snapshot_routes.h"

namespace headrace::http {

struct StatsInput {
  EngineStats engine{};
  std::vector<PolicyView> policies{};
  std::shared_ptr<const Prices> prices{};  // REQUIRES: not null.
  std::vector<FeedView> feeds{};
  std::shared_ptr<const Snapshots> snapshots{};        // May be null.
  std::shared_ptr<const AllowanceTable> allowances{};  // May be null.
  std::optional<Store::Usage> store{};
  std::string version{};
  Duration uptime{0};
  std::size_t connections = 0;
  bool ready = true;
};

void append_stats(std::string& out, const StatsInput& input);

// The share of the entities that the policy caches now.
[[nodiscard]] double cached_percentage(const PolicyView& view) noexcept;

}  // namespace headrace::http
