// headrace/feed_cover.h: a feed's changes as invalidations, and how far policies may trust it.
//
// It joins a feed with an engine: what the feed tells is invalidated, and acknowledged once the
// store has confirmed that; what the feed has proved covers the policies for `bound`.  Behind that
// a covered policy is answered by its source, and nothing of it is kept, until the feed has caught
// up; or, where that is chosen, by what is kept within its own times.  Where there is a bus it
// takes a bus_bound longer, in which what others were told meanwhile is heard.
//
// Threads:   as FeedListener.
// Errors:    an invalidation that is not confirmed is not acknowledged: the feed tells again.
// Lifetimes: borrows the engine, which must outlive the feed that calls it.
#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "headrace/engine.h"
#include "headrace/feed.h"

namespace headrace {

struct FeedCoverOptions {
  std::string database{};  // As SourceChange::database.
  // Those that are answered from what is kept only while the feed proves that it has told of all.
  std::vector<std::string> policies{};
  Duration bound = std::chrono::seconds(2);  // Since the last moment that the feed has proved.
  enum class Behind : unsigned char { bypass, own_bound };
  Behind when_behind = Behind::bypass;
  // Tags that a change outdates; in braces the names of SourceChange::values, and {__name__} for
  // SourceChange::entity.  A tag whose values
  // a change does not tell counts as all policies that have one which it may be.
  struct Tags {
    std::string table{};  // In SQL's spelling, with its schema or without.
    std::vector<std::string> tags{};

    friend bool operator==(const Tags&, const Tags&) = default;
  };
  std::vector<Tags> tables{};

  friend bool operator==(const FeedCoverOptions&, const FeedCoverOptions&) = default;
};

class FeedCover final : public FeedListener {
 public:
  FeedCover(Engine& engine, FeedCoverOptions options)
      : engine_(engine), options_(std::move(options)) {}

  // From now on, and until the first proof, the policies are not covered.  Before the feed begins.
  void begin() { cover(Instant::min()); }

  [[nodiscard]] Task<Result<void>> changed(std::vector<SourceChange> changes) override;
  [[nodiscard]] Task<Result<void>> lost(std::string database) override;
  void proved(Instant at) override;

  // The last moment that was proved; Instant::min(): none was.
  [[nodiscard]] Instant last_proved() const noexcept { return last_proved_.load(); }
  // The feed will not prove any more, and the policies do without: once it has been closed.
  void uncover();

 private:
  void cover(Instant until, Instant told = Instant::min());
  void add_tags(Invalidation& what, const SourceChange& change) const;
  // Those with a tag that `text`, filled in somehow, may be.
  void add_policies_tagged(Invalidation& what, std::string_view text) const;
  // Those which any tag may stand for.
  void add_tagged_policies(Invalidation& what) const;
  [[nodiscard]] Task<Result<void>> invalidate(Invalidation what);

  Engine& engine_;
  const FeedCoverOptions options_;
  std::atomic<Instant> last_proved_{Instant::min()};
};

}  // namespace headrace
