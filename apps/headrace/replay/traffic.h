// replay/traffic.h: the events that follow from the figures of a mix.
//
// The same mix and seed give the same visits and the same edits on every machine.
//
// Threads:   generators belong to one thread at a time; a Popularity may be shared.
// Errors:    none.
// Lifetimes: generators copy what they need of their mix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include "headrace/time.h"
#include "replay/workload.h"

namespace headrace::replay {

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

// Which entity is asked for: a few often, most of them seldom, some that do not exist.
class Popularity {
 public:
  Popularity(std::uint64_t entities, double zipf, double missing_share);
  [[nodiscard]] std::uint64_t number(Chance& chance) const;
  // As number(), but sometimes of an entity beyond those that may exist.
  [[nodiscard]] std::uint64_t number_or_missing(Chance& chance) const;

 private:
  std::uint64_t entities_;
  std::uint64_t missing_;
  double missing_share_;
  std::vector<double> up_to_;  // Share of all reads that go to this rank or a more popular one.
};

// The popularities of a mix, in the order of its workloads.
using Popularities = std::vector<std::shared_ptr<const Popularity>>;
[[nodiscard]] Popularities popularities_of(const Mix& mix);

// One coming of one actor: reads for one number, at once or one after the other.
struct Visit {
  Duration at{0};
  std::size_t workload = 0;
  std::uint64_t number = 0;
  std::vector<std::uint8_t> questions{};  // Indices into Workload::questions, or names.
};

// The visits of one workload.
class Visits {
 public:
  Visits(Workload workload, std::shared_ptr<const Popularity> popularity, std::uint64_t seed);
  [[nodiscard]] Visit next();

 private:
  struct Stream {
    Duration at{0};
    Duration ends{0};
    Duration interval{0};
    std::uint64_t number = 0;
    bool operator>(const Stream& other) const noexcept { return at > other.at; }
  };

  [[nodiscard]] std::uint64_t choices() const;
  Visit next_of_streams();
  Visit next_connect();

  Workload workload_;
  Chance chance_;
  std::shared_ptr<const Popularity> popularity_;
  Duration now_{0};
  std::priority_queue<Stream, std::vector<Stream>, std::greater<>> streams_;
};

// The visits of all workloads of a mix, in the order of their times.
class Traffic {
 public:
  Traffic(const Mix& mix, const Popularities& popularities, std::uint64_t seed);
  [[nodiscard]] Visit next();

 private:
  std::vector<Visits> visits_;
  std::vector<Visit> ahead_;  // The next visit of each.
};

// A change of one entity to its next version.
struct Edit {
  Duration at{0};
  std::size_t workload = 0;
  std::size_t kind = 0;  // Index into Workload::edits.
  Entity entity{};
};

// The edits of a mix that one of `writers` makes.
class Edits {
 public:
  Edits(const Mix& mix, Popularities popularities, std::uint64_t seed, std::size_t writer,
        std::size_t writers);
  [[nodiscard]] Edit next();  // At Duration::max() if there are none.

 private:
  struct Kind {
    std::size_t workload = 0;
    std::size_t kind = 0;
    Collection collection = Collection::users;
    double up_to = 0;  // The rate of this and of all before it.
  };

  Popularities popularities_;
  std::vector<Kind> kinds_;
  double per_second_ = 0;
  Chance chance_;
  Duration now_{0};
};

}  // namespace headrace::replay
