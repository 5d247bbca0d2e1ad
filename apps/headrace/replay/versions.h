// replay/versions.h: the versions of things that an act writes and reads: what was begun, what was
// committed, what is known everywhere, and when.
//
// A thing is named by a number and has a version, which each edit makes greater.  The floor of a
// read is taken when it begins, as in the Oracle (oracle.h), so that nobody is accused wrongly.
//
// Threads:   any member may be called from any thread; one thing has one writer at a time.
// Errors:    none.
// Lifetimes: a Reading is a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "headrace/time.h"
#include "replay/oracle.h"

namespace headrace::replay {

class Versions {
 public:
  // What a thing has at the start; 0 where there is nothing.
  using First = std::function<std::uint64_t(std::uint64_t thing)>;
  explicit Versions(First first) : first_(std::move(first)) {}

  // A writer's steps, in this order.  Returns the next version, or takes `version` for it.
  [[nodiscard]] std::uint64_t begin(std::uint64_t thing);
  void begin(std::uint64_t thing, std::uint64_t version);
  void committed(std::uint64_t thing, std::uint64_t version, Instant at);
  // From now on no read that begins may be answered with an older one.
  void known(std::uint64_t thing, std::uint64_t version);
  [[nodiscard]] std::uint64_t now(std::uint64_t thing) const;  // Committed.

  // A read that has begun.
  struct Reading {
    std::uint64_t thing = 0;
    std::uint64_t floor = 0;
    Instant began{};
  };
  [[nodiscard]] Reading read_begin(std::uint64_t thing, Instant at) const;
  // Who may be answered with what is superseded for `stale_max` is not held to the floor.
  [[nodiscard]] Judgement judge(const Reading& reading, std::uint64_t version,
                                std::optional<Duration> stale_max = {}) const;
  // Begun by anybody: the greatest version that a read that ends now may have seen.
  [[nodiscard]] std::uint64_t begun(std::uint64_t thing) const;

  static constexpr std::size_t history_max = 256;  // Commits remembered of each thing.

 private:
  struct Commit {
    std::uint64_t version = 0;
    Instant at{};
  };
  struct Record {
    std::uint64_t begun = 0;
    std::uint64_t committed = 0;
    std::uint64_t floor = 0;
    std::vector<Commit> history{};
  };
  Record& record_of(std::uint64_t thing);
  [[nodiscard]] const Record* find(std::uint64_t thing) const;

  First first_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Record> records_;  // Of what was written.
};

}  // namespace headrace::replay
