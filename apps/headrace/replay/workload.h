// replay/workload.h: the traffic of workloads.md as figures, and the events that follow from them.
//
// The same profile and seed give the same visits and the same edits on every machine.
//
// Threads:   generators belong to one thread at a time.
// Errors:    profile_named() returns invalid_argument for a name that it does not know.
// Lifetimes: generators copy their profile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace::replay {

enum class Shape : std::uint8_t {
  streams,   // Each actor reads its user's document again and again.
  connects,  // Each actor comes, reads its user's document many times, and is gone.
};

struct PolicyUse {
  std::string name{};
  std::vector<std::string> fields{};
};

struct Profile {
  std::string id{};     // "W2"
  std::string title{};  // "frequency-setting"
  Shape shape = Shape::streams;
  double actors = 0;            // Streams at once, or connects per second.
  double reads_per_second = 1;  // Of a stream.
  std::size_t reads_min = 1;    // Of one connect ...
  std::size_t reads_max = 1;    // ... to.
  Duration stream_min{0};
  Duration stream_max{0};
  std::uint64_t users = 100'000;
  double zipf = 0.99;            // Exponent of the users' popularity; 0: all alike.
  double missing_share = 0;      // Of connects, and of edits: users without a document.
  double writes_per_second = 1;  // Edits of users that are being read.
  Duration source_min{0};        // What the source takes to answer ...
  Duration source_max{0};        // ... to.
  Duration fresh_for{0};         // Of the policies, where the replay makes them itself.
  std::vector<PolicyUse> policies{};
};

// "W2" or "frequency-setting"; "W5" or "session-start".
[[nodiscard]] Result<Profile> profile_named(std::string_view name);

// Fields that the policies of all profiles name together, in the order of the source's columns.
[[nodiscard]] const std::vector<std::string>& user_fields();

// What kind of chance the generators use: the same numbers everywhere.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : bits_(seed) {}
  [[nodiscard]] double unit() { return static_cast<double>(bits_() >> 11) * 0x1.0p-53; }
  [[nodiscard]] std::uint64_t below(std::uint64_t count) { return bits_() % count; }
  [[nodiscard]] Duration between(Duration low, Duration high);
  [[nodiscard]] Duration until_next(double per_second);  // Of events that know nothing of another.

 private:
  std::mt19937_64 bits_;
};

// Who is asked for: a few users often, most of them seldom, some that do not exist.
class Popularity {
 public:
  explicit Popularity(const Profile& profile);
  [[nodiscard]] std::uint64_t user(Chance& chance) const;
  // As user(), but sometimes one without a document: a number from `users` on.
  [[nodiscard]] std::uint64_t user_or_missing(Chance& chance) const;

 private:
  std::uint64_t users_;
  std::uint64_t missing_;
  double missing_share_;
  std::vector<double> up_to_;  // Share of all reads that go to this rank or a more popular one.
};

// One coming of one actor: reads of one user, one after the other.
struct Visit {
  Duration at{0};
  std::uint64_t user = 0;
  std::vector<std::uint8_t> policies{};  // Indices into Profile::policies.
};

class Visits {
 public:
  Visits(Profile profile, std::uint64_t seed);
  [[nodiscard]] Visit next();

 private:
  struct Stream {
    Duration at{0};
    Duration ends{0};
    std::uint64_t user = 0;
    bool operator>(const Stream& other) const noexcept { return at > other.at; }
  };

  Visit next_of_streams();
  Visit next_connect();

  Profile profile_;
  Chance chance_;
  Popularity popularity_;
  Duration now_{0};
  std::priority_queue<Stream, std::vector<Stream>, std::greater<>> streams_;
};

// A change of one user's row, or, for a user without one, its creation.
struct Edit {
  Duration at{0};
  std::uint64_t user = 0;
};

class Edits {
 public:
  Edits(const Profile& profile, std::uint64_t seed);
  [[nodiscard]] Edit next();

 private:
  double per_second_;
  Chance chance_;
  Popularity popularity_;
  Duration now_{0};
};

}  // namespace headrace::replay
