// server/http/metrics.h: what the engine, the store and the sessions counted, for Prometheus.
//
// Labels are closed sets, and the names of policies and of the eldest tenants; never an entity, an
// address or a key.
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
#include "headrace/tenant_book.h"
#include "server/http/allowance_routes.h"
#include "server/http/counters.h"
#include "server/http/feeds.h"
#include "server/http/migration.h"
#include "server/http/prices.h"
#include "server/http/snapshot_routes.h"

namespace headrace::http {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsInput {
  EngineStats engine{};
  std::optional<Store::Usage> store{};
  std::optional<MigrationView> migration{};
  const std::vector<std::unique_ptr<Counters>>& loops;
  std::size_t connections = 0;
  std::string version{};
  std::vector<PolicyView> policies{};
  std::shared_ptr<const Prices> prices{};  // REQUIRES: not null.
  std::vector<FeedView> feeds{};
  std::shared_ptr<const Snapshots> snapshots{};        // May be null.
  std::shared_ptr<const AllowanceTable> allowances{};  // May be null.
  std::optional<TenantBook::Stats> tenants{};
};

// The text exposition format 0.0.4.
[[nodiscard]] std::string metrics_text(const MetricsInput& input);

}  // namespace headrace::http
