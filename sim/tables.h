// sim/tables.h: a source whose parts have revisions, and what snapshots are built from it.
//
// A commit changes rows of one table or of several at one moment, and with them the revision of
// every part that they belong to: of their tables, and of their entity's rows in these.  What a
// section is built from is read at one moment too, and says only which build it is: what that one
// has seen is known here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/revisions.h"
#include "headrace/source.h"
#include "sim/chance.h"
#include "sim/link.h"
#include "sim/truth.h"

namespace headrace::sim {

class Tables {
 public:
  struct Row {
    std::size_t table = 0;
    EntityNumber entity = 0;
  };
  struct Build {
    std::vector<Part> parts{};
    std::vector<std::size_t> changes{};  // Of each part, how many it had seen.
    WallTime generated_at{};
  };

  explicit Tables(Timeline& timeline) : timeline_(timeline) {}

  // All of it at once.
  void commit(const std::vector<Row>& rows);
  [[nodiscard]] std::string revision_of(const Part& part) const;

  // Of what is true now; returns its number.
  [[nodiscard]] std::uint64_t build(std::vector<Part> parts, WallTime generated_at);
  // Null: there was no such build.
  [[nodiscard]] const Build* find(std::uint64_t number) const;
  // Until when all that it has seen was true; none: it still is.
  [[nodiscard]] std::optional<Instant> true_until(const Build& build) const;

 private:
  Timeline& timeline_;
  std::map<Part, std::vector<Instant>> changed_;
  std::vector<Build> builds_;
};

// A table, or its rows of one entity; `{entity}` stands for the one that is asked for.
[[nodiscard]] Part part_of(std::size_t table, const std::string& entity = "");
[[nodiscard]] std::vector<Part> parts_for(std::vector<Part> parts, const std::string& entity);

// Counts what is under way in coroutines that nobody may leave behind.
class Errand {
 public:
  explicit Errand(int& under_way) : under_way_(under_way) { ++under_way_; }
  ~Errand() { --under_way_; }
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

 private:
  int& under_way_;
};

// The revisions as one host asks for them.
class TableRevisions final : public Revisions {
 public:
  TableRevisions(const Tables& tables, Link& link, int& errands)
      : tables_(tables), link_(link), errands_(errands) {}

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant deadline) override;

 private:
  const Tables& tables_;
  Link& link_;
  int& errands_;
};

// Who is told when one host begins to build a section, and when that has ended.
class BuildWatch {
 public:
  virtual ~BuildWatch() = default;
  virtual void build_began(std::size_t section, EntityNumber entity) = 0;
  virtual void build_ended(std::size_t section, EntityNumber entity) = 0;
};

// One section as one host builds it, which takes its time before it is read and afterwards.
class SectionSource final : public Source {
 public:
  struct Section {
    std::size_t number = 0;
    std::vector<Part> parts{};
    Duration takes_max{0};
  };
  SectionSource(Tables& tables, Link& link, Host& host, BuildWatch& watch, Section section,
                int& errands, std::uint64_t seed)
      : tables_(tables),
        link_(link),
        host_(host),
        watch_(watch),
        section_(std::move(section)),
        errands_(errands),
        chance_(seed) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;

 private:
  Tables& tables_;
  Link& link_;
  Host& host_;
  BuildWatch& watch_;
  const Section section_;
  int& errands_;
  Chance chance_;
};

}  // namespace headrace::sim
