// server/http/api.h: the service behind every session: keys, request ids, routes and their answers.
//
// Threads:   any; count() on the loop whose counters it raises.
// Errors:    problems.
// Lifetimes: borrows what Parts names.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/engine.h"
#include "headrace/random.h"
#include "server/http/admission.h"
#include "server/http/allowance_routes.h"
#include "server/http/counters.h"
#include "server/http/guard_routes.h"
#include "server/http/invalidate_routes.h"
#include "server/http/merged_routes.h"
#include "server/http/migration_routes.h"
#include "server/http/policy_routes.h"
#include "server/http/read_routes.h"
#include "server/http/record_routes.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/session.h"
#include "server/http/snapshot_routes.h"
#include "server/http/tenant_routes.h"
#include "server/http/user_session_routes.h"
#include "server/http/write_routes.h"

namespace headrace::http {

class Api final : public Service {
 public:
  struct Parts {
    Engine& engine;
    Store* store;  // May be null.
    Random& random;
    const Clock& clock;
    Executor& executor;
    std::size_t loops;
    std::function<std::size_t()> current_loop;
    std::function<std::size_t()> connections;
    std::function<std::uint64_t()> handshakes_failed;
  };

  Api(const ServerOptions& options, Parts parts);

  [[nodiscard]] std::optional<Said> answer_now(const wire::Request& request, Visitor& visitor,
                                               std::string& out) override;
  [[nodiscard]] Task<Reply> answer(wire::Request request, std::string peer) override;
  [[nodiscard]] Reply refuse(const wire::HttpFault& fault) override;
  void count(const Said& said, Duration took) override;
  [[nodiscard]] bool is_draining() const noexcept override { return draining_; }

  // For all that is reported from here on.
  void set_prices(Prices prices);
  void set_snapshots(Snapshots snapshots) { snapshots_.set(std::move(snapshots)); }
  void set_merged(MergedViews views) { merged_.set_views(std::move(views)); }
  void set_allowances(AllowanceTable allowances) { allowances_.set(std::move(allowances)); }

  // From here on /readyz says 503.
  void announce_drain() noexcept { announced_ = true; }
  // From here on every answer is its connection's last.
  void drain() {
    announced_ = draining_ = true;
    guards_.drop_all();
    allowances_.drop_all();
  }

 private:
  [[nodiscard]] std::shared_ptr<const Prices> prices() const;

  // What of a request is needed once it is answered.
  struct Frame {
    std::string path{};
    std::string request_id{};
    bool head = false;
    std::string headers{};  // That every answer to who asks has, as they go out.
  };
  static void write(Reply& reply, Outcome<Answered> outcome, const Frame& frame);
  [[nodiscard]] std::optional<Said> read_now(const wire::Request& request, const IdentityRef& who,
                                             std::string& out);
  // Whether who asks may do this now; it is paid for from here on.
  [[nodiscard]] Outcome<void> permit(const IdentityRef& who, const Router::Entry& entry) const;
  [[nodiscard]] Task<Outcome<Answered>> handle(const Router::Entry* entry, Call call);
  [[nodiscard]] std::string request_id_of(const wire::Request& request) const;

  void add_record_routes();
  void add_health_routes();
  [[nodiscard]] Task<Outcome<Answered>> ready(Call call);
  [[nodiscard]] Task<Outcome<Answered>> metrics(Call call);
  [[nodiscard]] Task<Outcome<Answered>> stats(Call call);
  [[nodiscard]] Task<Outcome<Answered>> problem_page(Call call);
  [[nodiscard]] Task<Outcome<Answered>> index(Call call);
  [[nodiscard]] Task<Outcome<Answered>> document(Call call);

  ServerOptions options_;
  Parts parts_;
  Admission admission_;
  SnapshotRoutes snapshots_;
  ReadRoutes reads_;
  MergedRoutes merged_;
  AllowanceRoutes allowances_;
  InvalidateRoutes invalidations_;
  WriteRoutes writes_;
  GuardRoutes guards_;
  PolicyRoutes policies_;
  MigrationRoutes migration_;
  std::optional<UserSessionRoutes> user_sessions_;  // Where records of clients are kept.
  std::optional<RecordRoutes> records_;             // If the server keeps any.
  TenantRoutes tenants_;
  Router router_;
  std::once_flag document_made_;
  std::string document_;                             // openapi.json
  std::vector<std::unique_ptr<Counters>> counters_;  // One per loop.
  const Instant began_;
  mutable std::mutex prices_mutex_;
  std::shared_ptr<const Prices> prices_;
  std::atomic<bool> announced_{false};
  std::atomic<bool> draining_{false};
};

}  // namespace headrace::http
