// What an instance has on top of its engine: each of it real code, as a program has it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "sim/cells.h"
#include "sim/instance.h"

namespace headrace::sim {

namespace {

// A plan is sound, or it is a fault of its making.
[[noreturn]] void refuse(const char* what, const Error& error) {
  std::fprintf(stderr, "simulate: a plan's %s is refused: %s\n", what, error.what.c_str());
  std::abort();
}

}  // namespace

PolicyHandle Instance::defined(const Policy& policy, std::shared_ptr<Source> source) {
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](const ValueCodec*) {});
  auto made = engine_->define(policy, std::move(codec), std::move(source));
  if (!made) refuse("policy", made.error());
  return *std::move(made);
}

void Instance::make_snapshot(const Surroundings& around, std::uint64_t seed) {
  const SnapshotPlan& plan = around.plan.snapshot;
  builds_ = std::make_unique<HostBuilds>(around.snapshot_judge, id());
  SnapshotOptions options{.name = "s",
                          .stale_for = plan.stale_for,
                          .check_within = plan.check_within,
                          .retry_after = plan.policy.retry_after,
                          .retry_after_max = plan.policy.retry_after_max};
  for (std::size_t i = 0; i < plan.sections.size(); ++i) {
    Policy policy = plan.policy;
    policy.name = "s" + std::to_string(i);
    const SectionSource::Section section{
        .number = i, .parts = plan.sections[i], .takes_max = plan.build_takes_max};
    options.sections.push_back(
        {.name = policy.name,
         .policy = defined(policy, nullptr),
         .source = std::make_shared<SectionSource>(around.tables, to_source_, host_, *builds_,
                                                   section, errands_, seed + 8 + i),
         .parts = plan.sections[i]});
  }
  auto revisions = std::make_shared<TableRevisions>(around.tables, to_source_, errands_);
  auto made = Snapshot::make(std::move(options), {*engine_, host_, host_}, std::move(revisions));
  if (!made) refuse("snapshot", made.error());
  snapshot_ = *std::move(made);
}

void Instance::make_view(const Surroundings& around) {
  for (const Policy& policy : around.plan.merged.policies) {
    (void)defined(policy,
                  std::make_shared<CellSource>(around.truth, to_source_, around.plan.entities));
  }
  auto made = MergedView::make(*engine_, view_of_cells());
  if (!made) refuse("view", made.error());
  view_ = *std::move(made);
}

void Instance::open_allowances(const Surroundings& around) {
  const AllowancePlan& plan = around.plan.allowance;
  (void)defined(plan.balance, std::make_shared<MeterSource>(around.meter, to_source_));
  auto opened =
      Allowances::open(*engine_, {host_, host_, host_, store(around.plan)}, plan.policy, metered);
  if (!opened) refuse("allowance", opened.error());
  allowances_ = *std::move(opened);
  while (gates_.size() < readers) {
    auto gate = allowances_->watch("0");
    if (!gate) refuse("gate", gate.error());
    gates_.push_back(*std::move(gate));
  }
}

bool Instance::gates_are_open() const {
  return std::ranges::all_of(gates_, [](const AllowanceGate& gate) { return gate.is_open(); });
}

std::size_t Instance::changes_seen() {
  std::size_t seen = 0;
  for (AllowanceGate& gate : gates_) seen += gate.changed_since_last_look() ? 1 : 0;
  return seen;
}

Task<void> Instance::close_all() {
  if (allowances_) {
    auto closing = allowances_->close();
    co_await std::move(closing);
  }
  auto closing = engine_->close();
  co_await std::move(closing);
}

}  // namespace headrace::sim
