// The reports for programs; the names are a contract with tools/demo and with tests.
#include <boost/json.hpp>

#include "replay/report.h"
#include "replay/table.h"

namespace headrace::replay {

namespace {

namespace json = boost::json;

json::object json_of(const Latency& latency) {
  const auto us = [](Duration time) { return static_cast<double>(time.count()) / 1e3; };
  return {{"count", latency.count},      {"p50_us", us(latency.p50)},
          {"p90_us", us(latency.p90)},   {"p99_us", us(latency.p99)},
          {"p999_us", us(latency.p999)}, {"max_us", us(latency.longest)}};
}

json::object truth_of(const Figures& figures) {
  json::object staleness;
  for (std::size_t i = 0; i < staleness_buckets; ++i) {
    staleness[staleness_names[i]] = figures.verdicts.staleness[i];
  }
  return {{"violations", figures.violations()},
          {"resurrected", figures.verdicts.resurrected},
          {"uncommitted", figures.verdicts.uncommitted},
          {"wrong_absences", figures.verdicts.wrong_absences},
          {"incomplete", figures.verdicts.incomplete},
          {"overspent", figures.verdicts.overspent},
          {"late", figures.verdicts.late},
          {"checked_after", figures.checked_after},
          {"wrong_after", figures.wrong_after},
          {"staleness", staleness},
          {"stalest_ms", static_cast<double>(figures.verdicts.stalest.count()) / 1e6}};
}

json::object remarks_of(const Figures& figures) {
  json::object remarks;
  for (const Remark& remark : figures.remarks) {
    remarks[remark.name] = {{"figure", remark.figure}, {"text", remark.text}};
  }
  return remarks;
}

json::object json_of(const Figures& figures) {
  return {{"workload", figures.workload},
          {"actors", figures.actors},
          {"reads",
           {{"asked", figures.reads},
            {"memory", figures.from_memory},
            {"store", figures.from_store},
            {"source", figures.from_source},
            {"absent", figures.absent},
            {"errors", figures.errors}}},
          {"source",
           {{"reads_before", figures.documents},
            {"reads_after", figures.billed},
            {"warm_up_before", figures.warm_documents},
            {"warm_up_after", figures.warm_billed},
            {"avoided", figures.avoided()}}},
          {"writes", figures.writes},
          {"deletes", figures.deletes},
          {"write_failures", figures.write_failures},
          {"invalidations", figures.invalidations},
          {"invalidations_pending", figures.invalidations_pending},
          {"invalidation_failures", figures.invalidation_failures},
          {"truth", truth_of(figures)},
          {"remarks", remarks_of(figures)},
          {"latency", {{"hits", json_of(figures.hits)}, {"all", json_of(figures.all)}}}};
}

json::object money_of(const Report& report) {
  const double before = report.reads_before();
  const double after = report.reads_after();
  return {{"per_100k_reads", report.prices.per_100k_reads},
          {"per_100k_writes", report.prices.per_100k_writes},
          {"per_100k_deletes", report.prices.per_100k_deletes},
          {"before", before},
          {"after", after},
          {"writes", report.writes()},
          {"before_per_month", report.per_month(before)},
          {"after_per_month", report.per_month(after)},
          {"saved_per_month", report.per_month(before - after)},
          {"writes_per_month", report.per_month(report.writes())}};
}

json::object object_of(const Report& report) {
  json::object all = json_of(report.total);
  all["workload"] = report.name;
  all["target"] = report.target;
  all["interrupted"] = report.interrupted;
  all["seed"] = report.seed;
  all["users"] = report.population.users;
  all["lists"] = report.population.lists;
  all["speed"] = report.speed;
  all["seconds"] = report.seconds;
  all["warm_up_seconds"] = report.warm_up;
  all["money"] = money_of(report);
  all["behind_ms"] = static_cast<double>(report.behind.count()) / 1e6;
  all["first_error"] = report.first_error;
  all["note"] = report.note;
  json::object& source = all["source"].as_object();
  source["counted_by"] = report.counted_by;
  source["failed"] = report.failed_at_source;
  if (report.billed_outside) {
    source["counts_compare"] = report.counts_compare();
    source["reads_after_outside"] = *report.billed_outside;
    source["counted_outside_by"] = report.counted_outside_by;
  }
  json::array workloads;
  for (const Figures& figures : report.workloads) workloads.push_back(json_of(figures));
  all["workloads"] = std::move(workloads);
  return all;
}

}  // namespace

std::string to_json(const Report& report) {
  return json::serialize(object_of(report));
}

std::string comparison_json(const Report& headrace, const Report& plain) {
  const json::object both = {{"headrace", object_of(headrace)}, {"ttl", object_of(plain)}};
  return json::serialize(both);
}

}  // namespace headrace::replay
