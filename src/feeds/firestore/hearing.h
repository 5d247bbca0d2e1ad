// feeds/firestore/hearing.h: what Firestore says on one stream, made out.
//
// Firestore tells of documents one by one, and now and then that the stream is at a moment: then it
// has told of all that was committed until then.  What was heard up to there is a cut.
//
// It may say that it tells a target anew, as a whole (RESET).  Then what is newer than the last
// time that it did has changed; and if documents are gone, which is known only where they were
// counted then, nobody can say which.  The same holds for an existence filter.  Then the cut is a
// loss.
//
// Threads:   belongs to one thread at a time.
// Errors:    trouble().
// Lifetimes: borrows the targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "feeds/firestore/targets.h"
#include "firestore/moment.h"
#include "headrace/feed.h"
#include "headrace/time.h"

namespace headrace::firestore::feed {

struct Cut {
  std::vector<SourceChange> changes{};  // Each document once.
  bool is_loss = false;                 // Anything may have changed; and there are no changes.
  Position until{};
  Duration delay{0};   // From the oldest of the changes to `until`, by Firestore's clock.
  Instant heard_at{};  // The first of what is in it.
};

class Hearing {
 public:
  // Firestore is asked to go on from there.  `is_loss`: nothing is known of what was before.
  enum class Begins : std::uint8_t { where_it_ended, with_loss };
  Hearing(const Targets& targets, Position from, Begins begins, std::size_t changes_max);

  // True if it is worth a look.
  bool take(const api::ListenResponse& response, Instant now);
  // What has been heard since the last one was taken; none: it is at no moment after that.
  [[nodiscard]] std::optional<Cut> take_cut();

  // Firestore has told of all until then.
  [[nodiscard]] Moment reached() const noexcept { return reached_; }
  [[nodiscard]] bool has_cut() const noexcept { return has_cut_; }  // It has reached any.
  [[nodiscard]] bool is_lost() const noexcept { return is_lost_ || whole_.is_loss; }
  // Firestore will not go on with the targets as they were asked for; why, in its words.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return heard_.size(); }
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }

 private:
  struct Target {
    bool is_current = false;
    bool is_anew = false;  // It is told as a whole, until it is current.
    Moment anew_as_of{};
    std::size_t told = 0;  // Of its documents then, ...
    std::size_t made = 0;  // ... and of those who are newer than `as_of`.
    // All of it until then is known; and how many documents there were, where they were counted.
    Moment as_of{};
    std::optional<std::size_t> documents{};
  };

  [[nodiscard]] Target& target(std::int32_t number);
  template <class Gone>
  [[nodiscard]] Moment seen_at(const Gone& gone) const;
  void change(const api::TargetChange& change);
  static void begin_anew(Target& target, const api::TargetChange& change);
  void end_anew(Target& target);
  void tell(const api::DocumentChange& change);
  void tell(const std::string& name, Moment at);
  void lose();
  bool reach(const api::TargetChange& change);
  [[nodiscard]] bool is_current() const;

  const Targets& targets_;
  const std::size_t changes_max_;
  std::vector<Target> all_;
  Target nobody_;  // Of numbers that were not asked for.
  Moment reached_;
  std::string token_;
  bool has_cut_ = false;
  bool is_lost_;  // What is behind the last cut cannot be told.
  bool is_ready_ = false;
  Cut whole_;                              // Until `reached_`, and what was heard since.
  std::unordered_set<std::string> heard_;  // The names of what is in it.
  std::optional<Moment> oldest_;
  std::string trouble_;
  std::uint64_t reads_ = 0;
};

}  // namespace headrace::firestore::feed
