// replay/target.h: what a replay asks: an engine in this process, a server over HTTP, or, for
// comparison, a plain cache with a time to live.
//
// Threads:   any member may be called from any thread.
// Errors:    returned.
// Lifetimes: a target must outlive its tasks; a backend must outlive its targets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/answer.h"
#include "headrace/engine.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "replay/backend.h"
#include "replay/workload.h"

namespace headrace::replay {

// What a read was answered with.
struct Seen {
  std::uint64_t version = 0;    // Of a list: that of its newest document.
  std::uint32_t documents = 0;  // 0: absent, or an empty list.
  Origin origin = Origin::source;
  bool garbage = false;  // Not this entity's value, or one without a version.
};

// How an edit is made known.
enum class Naming : std::uint8_t {
  keys,  // The key of each policy that asks for the edited collection.
  tags,  // "user:{id}", which every policy of the collection carries.
};

class Target {
 public:
  virtual ~Target() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  // `question` is an index into the questions that the target was made for.
  [[nodiscard]] virtual Task<Result<Seen>> read(std::size_t question, std::uint64_t number) = 0;
  [[nodiscard]] virtual Task<Result<Held>> invalidate(Entity entity, Naming naming) = 0;
  // Voids all that is kept for its questions, so that a replay begins cold.
  [[nodiscard]] virtual Task<Result<Held>> invalidate_all() = 0;

  // Reads that the source has billed since the target was made, and who counted them.
  struct Bill {
    std::vector<std::uint64_t> documents{};  // For each question.
    std::uint64_t failed = 0;  // Of all; each counts as one, whatever was billed for it.
    std::string counted_by{};
    // All of them, if somebody outside this program has counted them too.
    std::optional<Backend::OutsideCount> outside{};
  };
  [[nodiscard]] virtual Result<Bill> bill() = 0;

  // Ends all work.  Idempotent.
  virtual void close() = 0;
};

// What a value says about itself: its version, its documents, and whether it is this entity's.
[[nodiscard]] Seen seen_in(std::string_view json, Entity entity, Origin origin);

struct EngineTargetOptions {
  std::string store_path{};  // Empty: memory alone.
  Engine::Limits limits{};
  double speed = 1;  // Divides the policies' ages.
};

// Builds an engine in this process around the backend's sources, with the embedded store if named.
// May return: source_unavailable, store_unavailable, invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Target>> make_engine_target(std::vector<Question> questions,
                                                                 EngineTargetOptions options,
                                                                 Backend& backend,
                                                                 Runtime& runtime);

// The same around a store that the caller has made, for tests; `store` may be null.
[[nodiscard]] Result<std::unique_ptr<Target>> make_engine_target(std::vector<Question> questions,
                                                                 EngineTargetOptions options,
                                                                 Backend& backend, Runtime& runtime,
                                                                 std::unique_ptr<Store> store);

struct TtlTargetOptions {
  Duration ttl = std::chrono::seconds(60);
  double speed = 1;                     // Divides it.
  std::size_t entries_max = 1'000'000;  // Kept at once.
};

// The plain cache of bench/ttl_cache.h around the same sources: what is read is kept for `ttl`, and
// a writer deletes the keys of what it has changed after its commit.
// May return: source_unavailable, invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Target>> make_ttl_target(std::vector<Question> questions,
                                                              TtlTargetOptions options,
                                                              Backend& backend, Clock& clock);

struct HttpTargetOptions {
  // One, or several that share a store and a bus: reads and edits go to each in its turn, and an
  // edit is known when it holds in all of them.
  std::vector<std::string> urls{};
  std::string api_key{};
  std::size_t connections_max = 1024;  // Kept; as many as there are lanes.
};

// May return: invalid_argument (the URL), source_unavailable (nothing listens there).
[[nodiscard]] Result<std::unique_ptr<Target>> make_http_target(std::vector<Question> questions,
                                                               HttpTargetOptions options,
                                                               Runtime& runtime);

}  // namespace headrace::replay
