// sim/snapshot_judge.h: judges every answer of a snapshot, section by section.
//
// What a section says was true at one moment, until the next commit of any of its parts; so it can
// be said of each answer:
//
//   section        it is a build of this section, of this entity;
//   revision       what is not `stale` was true when the read began, or later;
//   stale          what is was true at most `outdated_for` before, and that is at most stale_for;
//   state          the state of the whole, its age and its bound are those of its sections;
//   generated      it says when the build of each began, by the builder's calendar;
//   one build      an instance builds a section of an entity once at a time, if nobody forces it;
//   steady         and with changes that never stop, and no faults, every read is answered;
//   rebuilt        with none, and no faults, nothing is built that is kept.
//
// The last two are asked of a healed world (snapshot_traffic.cc).
#pragma once

#include <map>
#include <tuple>

#include "headrace/revision.h"
#include "sim/oracle.h"
#include "sim/plan.h"
#include "sim/tables.h"

namespace headrace::sim {

class SnapshotJudge {
 public:
  SnapshotJudge(Oracle& oracle, const Tables& tables, const SnapshotPlan& plan)
      : oracle_(oracle), tables_(tables), plan_(plan) {}

  struct Read {
    HostId host = 0;
    EntityNumber entity = 0;
    Instant began{};
  };
  void answered(const Read& read, const SnapshotAnswer& answer);

  void build_began(HostId host, std::size_t section, EntityNumber entity);
  void build_ended(HostId host, std::size_t section, EntityNumber entity);
  // That have begun so far.
  [[nodiscard]] std::uint64_t builds() const noexcept { return builds_; }

 private:
  void judge(const Read& read, std::size_t number, const SectionAnswer& section);

  Oracle& oracle_;
  const Tables& tables_;
  const SnapshotPlan& plan_;
  std::map<std::tuple<HostId, std::size_t, EntityNumber>, int> building_;
  std::uint64_t builds_ = 0;
};

// Tells of the builds of one host.
class HostBuilds final : public BuildWatch {
 public:
  HostBuilds(SnapshotJudge& judge, HostId host) : judge_(judge), host_(host) {}

  void build_began(std::size_t section, EntityNumber entity) override {
    judge_.build_began(host_, section, entity);
  }
  void build_ended(std::size_t section, EntityNumber entity) override {
    judge_.build_ended(host_, section, entity);
  }

 private:
  SnapshotJudge& judge_;
  const HostId host_;
};

}  // namespace headrace::sim
