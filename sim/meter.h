// sim/meter.h: the source of balances: what each entity may spend in all, and what was reported of
// it so far.
//
// The application that was granted something reports it, late and whatever becomes of the instance
// that granted it.
#pragma once

#include <string>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/source.h"
#include "sim/link.h"
#include "sim/truth.h"

namespace headrace::sim {

class Meter {
 public:
  Meter(Timeline& timeline, std::size_t entities, Amount first)
      : timeline_(timeline), plans_(entities, first), reported_(entities) {}

  void top_up(EntityNumber entity, Amount more) { plans_.at(entity) += more; }
  void report(EntityNumber entity, Amount used, Duration delay) {
    timeline_.after(delay, the_world, [this, entity, used] { reported_.at(entity) += used; });
  }

  [[nodiscard]] std::size_t entities() const noexcept { return plans_.size(); }
  [[nodiscard]] Amount plan(EntityNumber entity) const { return plans_.at(entity); }
  // What a read of it says.
  [[nodiscard]] Amount figure(EntityNumber entity) const {
    return plans_.at(entity) - reported_.at(entity);
  }

 private:
  Timeline& timeline_;
  std::vector<Amount> plans_;
  std::vector<Amount> reported_;
};

// What the answer of such a read says.
[[nodiscard]] Result<Balance> metered(const AnyAnswer& answer);

// The meter as one host sees it.
class MeterSource final : public Source {
 public:
  MeterSource(const Meter& meter, Link& link) : meter_(meter), link_(link) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;

 private:
  const Meter& meter_;
  Link& link_;
};

}  // namespace headrace::sim
