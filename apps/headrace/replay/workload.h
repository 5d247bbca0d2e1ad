// replay/workload.h: the traffic of workloads.md as figures.
//
// A Workload says who reads, what is asked, and which edits matter.  A Mix is what one replay
// plays: one workload, or several at once on one source.
//
// Threads:   values.
// Errors:    mix_named() returns invalid_argument for a name that it does not know.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/time.h"
#include "replay/catalog.h"

namespace headrace::replay {

enum class Shape : std::uint8_t {
  streams,   // Each actor reads its own entity again and again.
  connects,  // Each actor comes, reads its entity once or more, and is gone.
};

// By which way its readers come to the source.  All but the first have an Act (act.h).
enum class Through : std::uint8_t { policies, allowances, merged_view, snapshot };

// What is asked of the source for one entity of a collection, under a policy of its own.
struct Question {
  std::string name{};  // Of the policy.
  Collection collection = Collection::users;
  std::vector<std::string> fields{};
  Duration source_min{0};                      // What the source takes to answer ...
  Duration source_max{0};                      // ... to.
  Duration fresh_for = std::chrono::hours(1);  // Of the policy, where the replay makes it itself.

  friend bool operator==(const Question&, const Question&) = default;
};

// Edits of entities that are being read.
struct EditRate {
  Collection collection = Collection::users;  // Through policies.
  double per_second = 0;
};

struct Workload {
  std::string id{};     // "W2"
  std::string title{};  // "frequency-setting"
  Shape shape = Shape::streams;
  double actors = 0;                 // Streams at once, or connects per second.
  double reads_per_second = 1;       // Of a stream ...
  double busy_reads_per_second = 1;  // ... or of a busy one, ...
  double busy_share = 0;             // ... which this share of them is.
  std::size_t reads_min = 1;         // Of one connect ...
  std::size_t reads_max = 1;         // ... to.
  bool together = false;  // All that one coming asks is asked at once, and a stream asks all.
  Duration stream_min{0};
  Duration stream_max{0};
  double zipf = 0.99;        // Exponent of the entities' popularity; 0: all alike.
  double missing_share = 0;  // Of connects, and of edits: entities that are not there.
  std::vector<Question> questions{};
  std::vector<EditRate> edits{};

  // Where it is not through policies: how many things may be asked for one entity, what the source
  // would be billed for one read, and how long it takes to answer.
  Through through = Through::policies;
  std::uint8_t names = 1;
  double documents_per_read = 1;
  Duration source_min{0};
  Duration source_max{0};

  // What this workload chooses its entities of.
  [[nodiscard]] std::uint64_t entities(const Population& population) const;
  [[nodiscard]] double edits_per_second() const;
  // Reads of one question each, and the documents that the source would bill for them, per second,
  // if nothing was cached.
  [[nodiscard]] double reads_expected() const;
  [[nodiscard]] double documents_expected() const;
};

struct Mix {
  std::string name{};  // "W2 frequency-setting"
  Population population{};
  double speed = 1;  // At which it is played unless told.
  std::vector<Workload> workloads{};

  // All that is asked: the questions of each workload in turn.
  [[nodiscard]] std::vector<Question> questions() const;
  [[nodiscard]] std::vector<Collection> collections() const;  // Each once.
};

// "W2" or "frequency-setting", ...; "fleet" for the mix of all.
[[nodiscard]] Result<Mix> mix_named(std::string_view name);

// One workload: that many actors.  A mix: its actors times that, and its edits too.
void scale(Mix& mix, double scale);
// Takes out what is not through policies; returns their ids, as "W1, W10".
std::string leave_out_acts(Mix& mix);
// Edits per second of all, in the proportions that they have.
void set_edit_rate(Mix& mix, double per_second);

}  // namespace headrace::replay
