// replay/target.h: what a replay asks: an engine in this process, or a server over HTTP.
//
// Threads:   any member may be called from any thread.
// Errors:    returned.
// Lifetimes: a target must outlive its tasks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/answer.h"
#include "headrace/engine.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "replay/workload.h"

namespace headrace::replay {

// What a read was answered with.
struct Seen {
  std::uint64_t version = 0;  // 0: absent.
  Origin origin = Origin::source;
  bool garbage = false;  // Not this entity's value, or one without a version.
};

// How an edit is made known.
enum class Naming : std::uint8_t {
  keys,  // The key of each policy of the workload.
  tags,  // "user:{id}", which every policy of the workload carries.
};

class Target {
 public:
  virtual ~Target() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  // `policy` is an index into the profile's policies.
  [[nodiscard]] virtual Task<Result<Seen>> read(std::uint8_t policy, std::uint64_t user) = 0;
  [[nodiscard]] virtual Task<Result<Held>> invalidate(std::uint64_t user, Naming naming) = 0;
  // Voids all that the workload's policies hold, so that a replay begins cold.
  [[nodiscard]] virtual Task<Result<Held>> invalidate_policies() = 0;

  // Reads that the source has billed since the target was made, and who counted them.
  struct Bill {
    std::uint64_t reads = 0;
    std::string counted_by{};
  };
  [[nodiscard]] virtual Result<Bill> bill() = 0;

  // Ends all work.  Idempotent.
  virtual void close() = 0;
};

// What a value says about itself: its version, and whether it is this user's.
[[nodiscard]] Seen seen_in(std::string_view json, std::uint64_t user, Origin origin);
[[nodiscard]] std::string tag_of(std::uint64_t user);
[[nodiscard]] std::string entity_of(std::uint64_t user);

struct EngineTargetOptions {
  std::string source_path{};
  std::string store_path{};  // Empty: memory alone.
  Engine::Limits limits{};
  double speed = 1;  // Divides the policies' ages.
  std::size_t source_threads = 16;
};

// Builds an engine in this process, with the SQLite source and, if named, the embedded store.
// May return: source_unavailable, store_unavailable, invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Target>> make_engine_target(const Profile& profile,
                                                                 EngineTargetOptions options,
                                                                 Runtime& runtime);

// The same around a store that the caller has made, for tests; `store` may be null.
[[nodiscard]] Result<std::unique_ptr<Target>> make_engine_target(const Profile& profile,
                                                                 EngineTargetOptions options,
                                                                 Runtime& runtime,
                                                                 std::unique_ptr<Store> store);

struct HttpTargetOptions {
  std::string url{};
  std::string api_key{};
  std::size_t connections_max = 1024;  // Kept; as many as there are lanes.
};

// May return: invalid_argument (the URL), source_unavailable (nothing listens there).
[[nodiscard]] Result<std::unique_ptr<Target>> make_http_target(const Profile& profile,
                                                               HttpTargetOptions options,
                                                               Runtime& runtime);

}  // namespace headrace::replay
