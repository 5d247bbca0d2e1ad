// sim/truth.h: the source: what is true when, and what each of its reads was told.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/source.h"
#include "sim/chance.h"
#include "sim/link.h"
#include "sim/outbox.h"

namespace headrace::sim {

using Version = std::uint64_t;
using EntityNumber = std::size_t;

// A value that knows where it comes from, as it lies in the caches.
struct Told {
  Version version = 0;
  std::uint64_t read = 0;  // Which read of the source it was; see Truth::read_began().

  [[nodiscard]] std::string text() const;
  [[nodiscard]] static Told from(const std::string& text);
};

// What an update asks for, as it goes to the source: made of the version that its editor saw.
struct Increment {
  std::uint64_t update = 0;
  Version from = 0;  // None: there was no value.

  [[nodiscard]] std::string text() const;
  // None: the write is no update's.
  [[nodiscard]] static std::optional<Increment> of(const Write& write);
};

class Truth {
 public:
  // How far what is read may be behind what is committed.
  struct Delays {
    Duration lag_max{0};        // Of replicas; drawn for each read.
    Duration seen_late_max{0};  // From a commit, once acknowledged, until the primary shows it.
    std::uint64_t seed = 0;
  };
  // With `deletes` every third version of an entity is its absence.
  Truth(Timeline& timeline, std::size_t entities, bool deletes, const Delays& delays);
  Truth(Timeline& timeline, std::size_t entities, bool deletes)
      : Truth(timeline, entities, deletes, Delays{}) {}

  [[nodiscard]] std::size_t entities() const noexcept { return history_.size(); }
  [[nodiscard]] Version latest(EntityNumber entity) const { return history_.at(entity).size(); }
  // When this version was true from; REQUIRES: 0 < version <= latest().
  [[nodiscard]] Instant committed(EntityNumber entity, Version version) const {
    return history_.at(entity).at(version - 1).made;
  }
  Version commit(EntityNumber entity);
  // The latest that was true at `when`.
  [[nodiscard]] Version version_at(EntityNumber entity, Instant when) const;
  [[nodiscard]] Outbox& outbox() noexcept { return outbox_; }
  [[nodiscard]] bool is_absent(Version version) const noexcept {
    return deletes_ && version % 3 == 0;
  }

  // A read begins at whoever asks, and is answered here at some later moment: by the primary, or by
  // a replica, as of a moment that has passed.
  enum class From : std::uint8_t { primary, replica };
  [[nodiscard]] std::uint64_t begin_read(EntityNumber entity);
  [[nodiscard]] Told answer(EntityNumber entity, std::uint64_t read,
                            From from = From::primary) const;
  [[nodiscard]] Instant read_began(std::uint64_t read) const { return reads_.at(read).began; }
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_.size(); }

 private:
  struct Commit {
    Instant made{};
    Instant seen{};  // By the primary's readers; no sooner than the version before.
  };
  struct Read {
    Instant began{};
    Duration lag{0};
  };

  Timeline& timeline_;
  const bool deletes_;
  const Delays delays_;
  Chance chance_;
  Outbox outbox_;
  std::vector<std::vector<Commit>> history_;  // Of each entity: its versions.
  std::vector<Read> reads_;
};

// Who is told when a load begins and ends at one host, and what its updates have made.
class LoadWatch {
 public:
  virtual ~LoadWatch() = default;
  [[nodiscard]] virtual std::uint64_t load_began(EntityNumber entity) = 0;
  virtual void load_ended(EntityNumber entity, std::uint64_t ticket) = 0;
  // So many calls of the source are under way, with the one that begins.
  virtual void call_began(std::size_t under_way) = 0;
  virtual void updated(EntityNumber entity, Version made, Increment by) = 0;
};

// The source as one host sees it.
class SimSource final : public Source {
 public:
  struct Options {
    std::size_t batch_max = 1;
    bool says_unchanged = false;  // To who already holds what is true.
    bool shows_commits_late = false;
  };
  SimSource(Truth& truth, Link& link, LoadWatch& watch, Options options)
      : truth_(truth), link_(link), watch_(watch), options_(options) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;
  [[nodiscard]] std::size_t batch_max() const noexcept override { return options_.batch_max; }
  [[nodiscard]] std::vector<Dependency> dependencies() const override {
    return {{.database = "simulated", .collection = "entities"}};
  }
  [[nodiscard]] bool may_lag() const noexcept override { return true; }
  [[nodiscard]] bool covers(std::string_view revision, std::string_view floor) const override {
    return Told::from(std::string(revision)).version >= Told::from(std::string(floor)).version;
  }
  [[nodiscard]] bool shows_commits_late() const noexcept override {
    return options_.shows_commits_late;
  }
  [[nodiscard]] bool is_writable() const noexcept override { return true; }
  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override;
  Task<Result<Written>> write(Write write) override;

 private:
  [[nodiscard]] Fetched fetched(const Told& told, const std::string& known) const;
  // The name of the exact state that the entity is in; empty: it is absent.
  [[nodiscard]] std::string state_of(Version version) const;
  Written change(EntityNumber entity, const Write& write);

  Truth& truth_;
  Link& link_;
  LoadWatch& watch_;
  const Options options_;
  std::size_t calls_ = 0;
};

}  // namespace headrace::sim
