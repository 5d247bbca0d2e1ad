// headrace/policy.h: the named, versioned declaration of what is cached and how.
//
// Threads:   values.
// Errors:    check() returns every fault at once, in words.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/time.h"

namespace headrace {

// How far a policy is rolled out.
enum class Rollout : std::uint8_t {
  off,         // Every read goes to the source; nothing is kept.  Invalidations still work.
  shadow,      // Every read goes to the source, and waits for nothing else.  Behind it the cache is
               // filled as if it were on, with loads of its own, and what it would have answered is
               // compared with what the source says; for a stable share of the entities.
  percentage,  // As `on` for a stable share of the entities, as `off` for the others.
  on,
};

// What a read may be answered with.
enum class Level : std::uint8_t {
  bounded,  // From memory while its watermarks are those that this instance knows.
  strict,   // From memory only after the store has confirmed it; a load that lost its race is
            // made again instead of being answered.
  // As strict; and whatever is written through the engine is written under a guard, so that reads
  // and guarded writes of one entity are those of one register.  Nothing is put.
  linearizable,
  // As linearizable; and what invalidates a key first leaves a marker on it in the store, which
  // stands for as long as anything read before could be kept: until then the source answers, and
  // nothing is kept, whatever else the store forgets or is given late.  And a load whose value was
  // kept asks for the marker once more before it answers.  For what must not be granted after it
  // was revoked.
  critical,
};

struct Policy {
  std::string name{};
  std::string tenant = "default";
  std::uint32_t version = 1;

  // The projection.  For the built-in sources it must not be empty.
  std::vector<std::string> fields{};

  // What may be changed through the policy: these fields, which need not be among those that it
  // keeps; none: nothing.  To remove an entity is to lose its other fields too, those of other
  // policies among them, so that it is allowed apart and never by a list of fields.
  std::vector<std::string> writable{};
  bool removable = false;

  // Names of watermarks besides those of the policy and the cache; "{entity}" stands for the
  // entity.
  std::vector<std::string> tags{};

  Rollout rollout = Rollout::on;
  double percentage = 100.0;  // For percentage and shadow; 0 to 100, to two decimals.
  Level level = Level::bounded;

  // Ages, counted from the start of the source read.
  Duration fresh_for = std::chrono::minutes(5);    // Answered as it is.
  Duration stale_for = Duration::zero();           // Answered while one refresh runs behind it.
  Duration stale_if_error_for = Duration::zero();  // Answered only if a load has just failed.
  Duration absent_for = Duration::zero();          // For known absence; zero: absence is not kept.
  double jitter = 0.1;  // Share by which fresh_for may be shortened; of each fill its own, which is
                        // the same on all instances.

  // Times of a load.
  Duration fetch_within = std::chrono::seconds(2);  // The longest that a caller waits.
  Duration load_within = std::chrono::seconds(10);  // The longest that a load lives; its lease too.
  Duration retry_after = std::chrono::seconds(1);   // Pause after a failed refresh; doubles ...
  Duration retry_after_max = std::chrono::minutes(1);  // ... up to this.

  // How many calls of the source run at once; later ones wait for their turn.  Policies that name
  // the same budget share it, and what the last of them to be declared says of it; empty: a budget
  // of the policy's own.  A batch is one call.  A fetch that itself reads through a policy of its
  // own budget may wait for itself, until its deadline.
  std::string budget{};
  std::size_t source_calls_max = 256;

  // Gathering of single reads into batches, where the source has batches.
  Duration gather_within = std::chrono::milliseconds(1);  // Zero: never gather.
  std::size_t batch_max = 100;

  std::size_t value_bytes_max = 1 << 20;  // A larger value is answered and not kept.

  // Verification: this share of the answers that come from what is kept is compared with the
  // policy's own source, behind the reader's back.
  double verify_share = 0;  // 0: none; to 1: all.
  // What the source may bill for it, one by one or as many at once as an hour brings; 0: anything.
  double verify_reads_per_day = 0;
  // More mismatches than this within the window switch the policy to shadow; none: nothing does.
  std::optional<std::size_t> mismatches_max{};
  Duration mismatch_window = std::chrono::hours(1);
  bool violation_switches = true;  // One mismatch that no bound allows does so at once.

  // What a fingerprint of the question to the source must cover besides `fields`: table, query,
  // URL.  A change of it makes other keys.
  std::string question{};

  friend bool operator==(const Policy&, const Policy&) = default;
};

inline constexpr std::size_t tags_max = 16;
inline constexpr std::size_t fields_max = 256;
// A critical policy's marker stands for as long as its bound, and no longer than a guard may.
inline constexpr Duration critical_bound_max = std::chrono::hours(24);
inline constexpr std::size_t source_calls_most = 100'000;
inline constexpr std::size_t mismatches_most = 10'000;

// Every fault of `policy`, each a sentence that begins with the field's name; none if it is sound.
[[nodiscard]] std::vector<std::string> faults_of(const Policy& policy);

// The largest age that an answer of this kind may have: the policy's promise.
[[nodiscard]] Duration bound_of(const Policy& policy) noexcept;

// "off", "shadow", "percentage", "on".
[[nodiscard]] std::string_view name_of(Rollout rollout) noexcept;
[[nodiscard]] std::string_view name_of(Level level) noexcept;

}  // namespace headrace
