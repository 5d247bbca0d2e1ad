// serve/bindings.h: what a configuration asks for, opened: sources, each policy's question, and
// snapshots.
//
// Opening comes first and may fail without harm; applying comes second and changes the engine as a
// whole or not at all.  A source that reads like the one before is kept with its connections.
//
// Threads:   belongs to one thread at a time.
// Errors:    open() tells every fault with its place in the file.
// Lifetimes: sources live for as long as some policy of the engine asks them.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"
#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/source.h"
#include "server/http/snapshot_routes.h"

namespace headrace::app {

class Bindings {
 public:
  using Faults = std::vector<config::ConfigError>;

  // `file` is what faults call the configuration.
  [[nodiscard]] static std::expected<Bindings, Faults> open(const config::Config& config,
                                                            const std::string& file,
                                                            Runtime& runtime,
                                                            const Bindings* before);

  // Makes the engine's policies those of this configuration, in place of `before`.
  // May return: what Engine::define() does; then the engine is as it was.
  [[nodiscard]] Result<void> apply(Engine& engine, const Bindings* before) const;

  // By which a source's dependencies name its database; empty if it is none of SQLite or
  // PostgreSQL.
  [[nodiscard]] std::string identity_of(std::string_view source) const;
  // What a policy asks; null if there is none of that name.
  [[nodiscard]] std::shared_ptr<Source> source_of(std::string_view policy) const;
  // What there was before a reload.
  struct SnapshotsBefore {
    const std::vector<config::SnapshotConfig>& configs;
    const Bindings& bindings;
    const http::Snapshots& snapshots;
  };
  // The snapshots over the engine's policies.  One that is as before is kept, with what it knows of
  // when its sections held last.  REQUIRES: applied.
  [[nodiscard]] Result<http::Snapshots> snapshots(const config::Config& config, Engine& engine,
                                                  Runtime& runtime,
                                                  const SnapshotsBefore* before) const;

  [[nodiscard]] std::size_t policies() const noexcept { return bound_.size(); }
  [[nodiscard]] std::size_t sources() const noexcept { return opened_.size(); }
  // Of those, how many are the ones from before.
  [[nodiscard]] std::size_t kept() const noexcept { return kept_; }

 private:
  struct Opened {
    config::SourceConfig config{};
    std::variant<std::shared_ptr<SqliteDatabase>, std::shared_ptr<HttpOrigin>,
                 std::shared_ptr<FirestoreDatabase>, std::shared_ptr<PostgresDatabase>>
        where{};
  };
  // Of those of a snapshot the engine knows no source, so that nobody asks it by the way.
  enum class Role : std::uint8_t { policy, section, revisions };
  struct Bound {
    config::PolicyConfig config{};
    std::shared_ptr<Source> source{};
    Role role = Role::policy;
    [[nodiscard]] std::shared_ptr<Source> asked_by_engine() const {
      return role == Role::policy ? source : nullptr;
    }
  };

  [[nodiscard]] const Opened* find_opened(std::string_view name) const noexcept;
  [[nodiscard]] const Bound* find_bound(std::string_view name) const noexcept;
  Result<void> open_source(const config::SourceConfig& source, Runtime& runtime,
                           const Bindings* before);
  Result<void> bind(const config::PolicyConfig& policy, Role role, const Bindings* before);
  void bind_all(const config::Config& config, const std::string& file, const Bindings* before,
                Faults& faults);
  [[nodiscard]] std::shared_ptr<Revisions> revisions_of(std::string_view source) const;
  [[nodiscard]] bool binds_alike(const config::SnapshotConfig& snapshot,
                                 const Bindings& other) const;
  [[nodiscard]] Result<void> define_all(Engine& engine, const Bindings* before) const;

  std::vector<Opened> opened_;
  std::vector<Bound> bound_;
  std::size_t kept_ = 0;
};

}  // namespace headrace::app
