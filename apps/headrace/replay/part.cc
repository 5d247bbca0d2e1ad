#include "replay/part.h"

#include <fmt/format.h>

#include <algorithm>

namespace headrace::replay {

namespace {

void add(Verdicts& sum, const Verdicts& part) {
  sum.reads += part.reads;
  sum.resurrected += part.resurrected;
  sum.uncommitted += part.uncommitted;
  sum.wrong_absences += part.wrong_absences;
  sum.incomplete += part.incomplete;
  sum.overspent += part.overspent;
  sum.late += part.late;
  for (std::size_t i = 0; i < staleness_buckets; ++i) sum.staleness[i] += part.staleness[i];
  sum.stalest = std::max(sum.stalest, part.stalest);
}

}  // namespace

void Part::answered(const Judgement& judgement, const ReadDone& read) {
  const Phase phase = phase_;
  (phase == Phase::quiet ? after_ : during_).add(judgement);
  if (phase == Phase::warm_up) warm_documents_ += read.documents;
  if (phase != Phase::counted) return;
  ++reads_;
  documents_ += read.documents;
  ++origins_[static_cast<std::size_t>(read.origin)];
  if (read.absent) ++absent_;
  all_.record(read.took);
  if (read.origin != Origin::source) hits_.record(read.took);
}

void Part::failed(const std::string& what) {
  remember(what);
  if (phase_ == Phase::quiet) return;
  if (counts()) ++reads_;
  ++errors_;
}

void Part::wrote(bool removed) {
  if (!counts()) return;
  ++writes_;
  if (removed) ++deletes_;
}

void Part::write_failed(const std::string& what) {
  ++write_failures_;
  remember(what);
}

void Part::invalidated(bool pending) {
  if (pending) ++pending_;
  if (counts()) ++invalidations_;
}

void Part::invalidation_failed(const std::string& what) {
  ++invalidation_failures_;
  remember(what);
}

void Part::remember(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (first_error_.empty()) first_error_ = what;
}

std::string Part::first_error() const {
  const std::lock_guard lock(mutex_);
  return first_error_;
}

Figures Part::figures_of(const Workload& workload) const {
  const auto from = [this](Origin origin) {
    return origins_[static_cast<std::size_t>(origin)].load();
  };
  const Verdicts after = after_.verdicts();
  return {.workload = fmt::format("{} {}", workload.id, workload.title),
          .actors = workload.actors,
          .reads = reads_,
          .documents = documents_,
          .from_memory = from(Origin::memory),
          .from_store = from(Origin::store),
          .from_source = from(Origin::source),
          .absent = absent_,
          .errors = errors_,
          .warm_documents = warm_documents_,
          .writes = writes_,
          .deletes = deletes_,
          .write_failures = write_failures_,
          .invalidations = invalidations_,
          .invalidations_pending = pending_,
          .invalidation_failures = invalidation_failures_,
          .verdicts = during_.verdicts(),
          .checked_after = after.reads,
          .wrong_after = after.violations(),
          .hits = latency_of(hits_),
          .all = latency_of(all_)};
}

void Part::add_latencies(Histogram& hits, Histogram& all) const {
  hits.add(hits_);
  all.add(all_);
}

Latency latency_of(const Histogram& histogram) {
  return {.count = histogram.count(),
          .p50 = histogram.percentile(0.5),
          .p90 = histogram.percentile(0.9),
          .p99 = histogram.percentile(0.99),
          .p999 = histogram.percentile(0.999),
          .longest = histogram.longest()};
}

void add(Figures& sum, const Figures& part) {
  sum.reads += part.reads;
  sum.documents += part.documents;
  sum.from_memory += part.from_memory;
  sum.from_store += part.from_store;
  sum.from_source += part.from_source;
  sum.absent += part.absent;
  sum.errors += part.errors;
  sum.billed += part.billed;
  sum.warm_documents += part.warm_documents;
  sum.warm_billed += part.warm_billed;
  sum.writes += part.writes;
  sum.deletes += part.deletes;
  sum.write_failures += part.write_failures;
  sum.invalidations += part.invalidations;
  sum.invalidations_pending += part.invalidations_pending;
  sum.invalidation_failures += part.invalidation_failures;
  sum.checked_after += part.checked_after;
  sum.wrong_after += part.wrong_after;
  add(sum.verdicts, part.verdicts);
}

}  // namespace headrace::replay
