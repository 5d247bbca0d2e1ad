// cache/policy_state.h: one policy as the engine runs it: its declaration, its switches, its
// counts.
//
// What a memory hit needs stands in one atomic word, the dial: the scope, which changes whenever
// everything under the policy becomes outdated, and what the switches say.  All else is a compiled
// declaration that is replaced whole.
//
// Threads: any member from any thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/admission.h"
#include "cache/gather.h"
#include "cache/verification.h"
#include "core/hash.h"
#include "headrace/engine.h"

namespace headrace {

// A policy, made ready.  Immutable.
struct Compiled {
  Policy policy{};
  std::uint32_t version = 1;
  Key::Scope key_scope{};
  std::shared_ptr<const ValueCodec> codec{};
  std::shared_ptr<Source> source{};
  std::shared_ptr<Admission> budget{};      // Of the source.
  std::shared_ptr<Gatherer> gatherer{};     // If the source has batches.
  std::array<WatermarkId, 3> watermarks{};  // Cache, namespace, policy: those of every key.
  std::array<std::string, 3> watermark_names{};
  std::vector<Dependency> dependencies{};  // What the source says that its answers are made of.

  // The policy's tags for an entity.
  [[nodiscard]] std::vector<std::string> tags_of(std::string_view entity) const;
  [[nodiscard]] std::vector<std::string> tag_names(std::string_view entity) const;
  // All watermarks of a key: the fixed ones, then the tags, in the policy's order.
  [[nodiscard]] std::vector<WatermarkId> watermarks_of(std::string_view entity) const;
  [[nodiscard]] bool is_storable() const noexcept { return codec && codec->encode != nullptr; }
};

inline constexpr std::size_t tag_bytes_max = 256 + entity_bytes_max;

// The full names behind watermark ids.  No two differ only by where a part ends: a tenant's and a
// policy's name hold no slash.
[[nodiscard]] std::string namespace_watermark(std::string_view tenant);
[[nodiscard]] std::string policy_watermark(std::string_view tenant, std::string_view policy);
[[nodiscard]] std::string tag_watermark(std::string_view tenant, std::string_view tag);
// Of one key, and of this instance alone: the store keeps none.
[[nodiscard]] std::string key_watermark(std::string_view policy, std::string_view entity);
inline constexpr std::string_view cache_watermark = "cache";

// How a read of an entity goes, by the switches.
enum class Route : std::uint8_t { cached, strict, shadow, off, sampled_out };

class PolicyState : public std::enable_shared_from_this<PolicyState> {
 public:
  PolicyState(std::shared_ptr<const Compiled> compiled, std::uint32_t scope, bool reads_on);

  // One word for the hit path.
  struct Dial {
    std::uint32_t scope = 0;
    std::uint16_t share = 0;  // Of 10,000: entities that are cached.
    bool shadow = false;
    bool strict = false;
  };
  [[nodiscard]] Dial dial() const noexcept {
    const std::uint64_t word = dial_.load(std::memory_order_acquire);
    return {.scope = static_cast<std::uint32_t>(word >> 32),
            .share = static_cast<std::uint16_t>(word & 0xffff),
            .shadow = (word & shadow_bit) != 0,
            .strict = (word & strict_bit) != 0};
  }
  // Whether a feed is known to have told of all that was changed until little before `at`.
  [[nodiscard]] bool is_covered(Instant at) const noexcept {
    return at.time_since_epoch().count() < covered_until_ns_.load(std::memory_order_acquire);
  }
  // A feed has proved at `now` that it is so until `until`, and that it has told of all that could
  // be read at `told`.  What others have outdated before is heard of here `heard_within` later at
  // most: after a gap the proof counts only from then on.
  void cover(Instant until, Instant told, Instant now, Duration heard_within);
  // Of all that could be read at that moment a feed has told; Instant::min(): none has told at all.
  [[nodiscard]] Instant told_until() const noexcept {
    return told_until_.load(std::memory_order_acquire);
  }
  // The same of all that this engine has heard, which on a bus takes its time; Instant::min(): of
  // nothing.
  [[nodiscard]] Instant heard_until() const noexcept {
    return heard_until_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t scope() const noexcept { return dial().scope; }
  [[nodiscard]] static Route route(const Dial& dial, std::string_view entity) noexcept {
    const bool plain = dial.share == 10000 && !dial.shadow && !dial.strict;
    return plain ? Route::cached : route_by_switches(dial, entity);
  }
  [[nodiscard]] static std::uint64_t hash_of(std::uint32_t scope,
                                             std::string_view entity) noexcept {
    return headrace::hash_of(scope, entity);
  }

  // The declaration and the scope that belongs to it, together.
  struct Snapshot {
    std::shared_ptr<const Compiled> compiled;
    std::uint32_t scope = 0;
  };
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] PolicyView view() const;

  void replace(std::shared_ptr<const Compiled> compiled, std::uint32_t scope);
  // Everything kept under the old scope can no longer be found.
  void set_scope(std::uint32_t scope);
  // By a person: what mismatches have switched is forgiven.
  void set_rollout(Rollout rollout, double percentage);
  // By mismatches.  False: it answers from nothing that is kept anyway.
  bool switch_to_shadow(std::string why, WallTime wall);
  void set_reads(bool on);
  void set_defined(bool defined);
  [[nodiscard]] bool is_defined() const;

  // Counters.  Each thread has its own block, so that counting moves no cache line between cores.
  enum class Count : std::uint8_t {
    errors,
    collapsed,
    loads,
    load_failures,
    source_missing,  // Before their sum, so that a snapshot never sees more parts than sum.
    source_empty,
    source_reads,
    source_writes,
    source_deletes,
    avoided_besides,
    source_unchanged,
    fills_kept,
    fills_fenced,
    publishes_refused,
    invalidations,
    shadow_matches,
    shadow_mismatches,
    would_hits,
    dry_reads,  // Billed for readers in shadow.
    behind_reads,
    checks,  // Before what came of them, for the same reason as below.
    check_matches,
    check_within_bound,
    check_violations,
    check_undecided,
    check_failures,
    check_reads,
    checks_over_budget,
    checks_busy,
    switched,
    oversize,
    last,
  };
  void count(Count what, std::uint64_t by = 1) noexcept {
    raise([what](Block& block) -> auto& { return block.counts[static_cast<std::size_t>(what)]; },
          by);
  }
  void count_answer(Origin origin, Reason reason) noexcept {
    raise(
        [origin, reason](Block& block) -> auto& {
          return block.answers[static_cast<std::size_t>(origin)][static_cast<std::size_t>(reason)];
        },
        1);
  }
  // Counts a fresh answer from memory.  True if it may be drawn for verification: ask is_drawn().
  [[nodiscard]] bool count_hit() noexcept {
    const std::size_t mine = block_of_this_thread();
    const std::uint64_t hits = raise_in(mine, hits_in(blocks_[mine]), 1);
    return hits >= blocks_[mine].draw_at.load(std::memory_order_relaxed);
  }
  // Whether that answer is drawn.  Each is, with the chance of the policy's share.
  [[nodiscard]] bool is_drawn(double share, std::uint64_t chance) noexcept;
  [[nodiscard]] Verification& verification() noexcept { return verification_; }

  // Reads that the source billed, by what came of them.
  void count_billed(Kind kind, bool empty, std::uint64_t reads) noexcept {
    count(Count::source_reads, reads);
    if (empty) {
      count(Count::source_empty, reads);
    } else if (kind == Kind::absent) {
      count(Count::source_missing, reads);
    }
  }
  // An answer of this entry made more than one source read needless.
  void count_kept(const Entry& entry) noexcept {
    if (entry.billed() > 1) count(Count::avoided_besides, entry.billed() - 1);
  }
  // Reads that the source has billed for a load on average, at least one.
  [[nodiscard]] std::uint32_t mean_billed() const noexcept;
  // A shadow read found something of this age that the source does not say any more.
  void count_mismatch(Duration age);
  // The same of an answer.
  void count_mismatch(MismatchClass kind, Duration age);
  // A reader is answered in shadow.
  void note_dry_read(Instant now);
  [[nodiscard]] PolicyStats stats(Instant now = {}) const;

 private:
  static constexpr std::uint64_t shadow_bit = 1ull << 16;
  static constexpr std::uint64_t strict_bit = 1ull << 17;
  static constexpr std::size_t blocks = 16;

  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  struct alignas(64) Block {
    std::atomic<std::uint64_t> draw_at{never};  // Fresh answers from memory, beside their count.
    std::array<std::array<std::atomic<std::uint64_t>, reason_count>, origin_count> answers{};
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Count::last)> counts{};
  };

  // The first threads of the process have a block each, which nobody else writes: they need no
  // locked instruction.  All later ones share the last.
  [[nodiscard]] static std::size_t block_of_this_thread() noexcept {
    constexpr std::size_t none = blocks;
    static constinit thread_local std::size_t mine = none;
    if (mine == none) [[unlikely]]
      mine = next_block();
    return mine;
  }
  [[nodiscard]] static std::size_t next_block() noexcept;
  template <class Pick>
  void raise(Pick pick, std::uint64_t by) noexcept {
    const std::size_t mine = block_of_this_thread();
    raise_in(mine, pick(blocks_[mine]), by);
  }
  static std::uint64_t raise_in(std::size_t mine, std::atomic<std::uint64_t>& counter,
                                std::uint64_t by) noexcept {
    if (mine == blocks - 1) return counter.fetch_add(by, std::memory_order_relaxed) + by;
    const std::uint64_t raised = counter.load(std::memory_order_relaxed) + by;
    counter.store(raised, std::memory_order_relaxed);
    return raised;
  }
  [[nodiscard]] static std::atomic<std::uint64_t>& hits_in(Block& block) noexcept {
    return block
        .answers[static_cast<std::size_t>(Origin::memory)][static_cast<std::size_t>(Reason::fresh)];
  }
  [[nodiscard]] static Route route_by_switches(const Dial& dial, std::string_view entity) noexcept;
  // REQUIRES: mutex_ is held, here and below.
  void note_proof(Instant told, Instant now, Duration heard_within);
  void turn_dial();
  // The next fresh answer of each thread may be drawn, or none.
  void begin_draw() noexcept;
  // What a dry run counts, from the beginning; `saved` is all that was billed for readers.
  [[nodiscard]] DryRun dry_counts() const noexcept;
  [[nodiscard]] DryRun dry_run(Instant now) const;
  [[nodiscard]] std::uint64_t sum_of(Count what) const noexcept;

  std::atomic<std::uint64_t> dial_{0};
  std::atomic<std::int64_t> covered_until_ns_{Instant::max().time_since_epoch().count()};
  mutable std::mutex mutex_;
  Instant proved_until_ = Instant::max();  // By a feed, whether or not it counts yet ...
  Instant heard_from_ = Instant::min();    // ... as it does from here on.
  struct Proof {
    Instant told{};
    Instant made{};
  };
  std::optional<Proof> proof_;  // That is not heard in full yet.
  std::shared_ptr<const Compiled> compiled_;
  std::uint32_t scope_;
  Rollout rollout_;
  double percentage_;
  bool reads_on_;
  bool defined_ = true;
  std::string switched_why_;  // By mismatches; empty: it was not.
  WallTime switched_wall_{};
  struct DryRunStart {
    Instant at{};
    DryRun counts{};
  };
  std::optional<DryRunStart> dry_run_;
  std::atomic<bool> dry_run_began_{false};
  std::atomic<Instant> told_until_{Instant::min()};
  std::atomic<Instant> heard_until_{Instant::min()};
  std::array<Block, blocks> blocks_{};
  mutable std::mutex ages_mutex_;
  MismatchAges mismatch_ages_{};
  MismatchAges check_ages_{};
  Verification verification_;
};

}  // namespace headrace
