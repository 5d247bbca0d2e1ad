// replay/merged_judge.h: what a merged configuration must say, computed without Headrace.
//
// Settings are said for everybody (rank 0), for a domain (10, or 30 once an edit has raised it) and
// for a user (20).  Each fragment says its own version under its layer's name, and `by`: who speaks
// last.  So one merged value shows which version of each layer is in it, and in which order they
// were laid over each other.
//
// Threads:   any member may be called from any thread; one thing has one writer at a time.
// Errors:    none.
// Lifetimes: a Reading is a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "replay/versions.h"

namespace headrace::replay {

enum class Layer : std::uint8_t { everybody, domain, user, rank };
inline constexpr std::size_t layer_count = 4;

class MergedJudge {
 public:
  explicit MergedJudge(std::uint64_t names);

  // Domains of 10, 100, 1,000 and 10,000 users in turn.
  [[nodiscard]] static std::uint64_t domain_of(std::uint64_t user);
  [[nodiscard]] static std::uint64_t domain_size(std::uint64_t domain);
  // The number of a layer's row for this user and name.
  [[nodiscard]] std::uint64_t row_of(Layer layer, std::uint64_t user, std::uint64_t name) const;
  [[nodiscard]] static std::uint64_t thing_of(Layer layer, std::uint64_t row);
  // Of a row at the start; 0: there is none.
  [[nodiscard]] std::uint64_t first_version(Layer layer, std::uint64_t row) const;
  [[nodiscard]] static std::int64_t rank_at(std::uint64_t version);
  // {"domain":3,"by":"domain"}
  [[nodiscard]] static std::string fragment_of(Layer layer, std::uint64_t version);

  struct Reading {
    Versions::Reading everybody{};
    Versions::Reading domain{};
    Versions::Reading user{};
    Versions::Reading rank{};
  };
  [[nodiscard]] Reading read_begin(std::uint64_t user, std::uint64_t name, Instant at) const;
  [[nodiscard]] Judgement read_end(const Reading& reading,
                                   const std::optional<std::string>& merged) const;

  [[nodiscard]] Versions& versions() noexcept { return versions_; }

 private:
  std::uint64_t names_;
  Versions versions_;
};

}  // namespace headrace::replay
