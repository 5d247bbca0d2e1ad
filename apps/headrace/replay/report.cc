#include "replay/report.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "replay/table.h"

namespace headrace::replay {

namespace {

using app::Colour;
using app::painted;
using app::short_time;
using app::with_commas;

constexpr double month_seconds = 30.0 * 24 * 3600;

double priced(std::uint64_t count, double per_100k) {
  return static_cast<double>(count) * per_100k / 100'000;
}

std::string first_line(const Report& report, bool colours) {
  const std::string speed =
      report.speed == 1 ? "" : fmt::format(" at {:g} times the speed", report.speed);
  const std::string actors =
      report.total.actors > 0 ? fmt::format("{:g} actors, ", report.total.actors) : "";
  return fmt::format("{}{}: {:.1f} s{}, {}{} users, {} lists, seed {}\n",
                     painted(report.name, Colour::bold, colours),
                     report.interrupted ? " (interrupted)" : "", report.seconds, speed, actors,
                     with_commas(report.population.users), with_commas(report.population.lists),
                     report.seed);
}

void add_workload(Table& table, const Figures& figures) {
  table.raw(fmt::format("  {:<24}{:>12}{:>13}{:>11}{:>10}{:>9}{:>8}{:>12}\n", figures.workload,
                        with_commas(figures.reads), with_commas(figures.documents),
                        with_commas(figures.billed), percent(figures.avoided()),
                        with_commas(figures.writes), with_commas(figures.errors),
                        with_commas(figures.violations())));
}

void add_workloads(Table& table, const Report& report) {
  table.head(
      "Workloads                  reads asked    documents     billed   avoided   writes  errors"
      "  violations");
  for (const Figures& figures : report.workloads) add_workload(table, figures);
  add_workload(table, report.total);
}

// What is to be said of the two counts.
std::string compared(const Report& report) {
  if (!report.counts_agree()) return ": THE COUNTS DIFFER";
  if (report.counts_compare()) return "";
  return fmt::format("; not compared, for {} reads of the source failed",
                     with_commas(report.failed_at_source));
}

void add_reads(Table& table, const Report& report) {
  const Figures& all = report.total;
  const auto per_second = [&report](std::uint64_t count) {
    const double rate = report.seconds > 0 ? static_cast<double>(count) / report.seconds : 0;
    return fmt::format("{:.0f} per s", rate);
  };
  table.head("Reads");
  table.line("asked", with_commas(all.reads), per_second(all.reads));
  table.line("answered from memory", with_commas(all.from_memory),
             share_of(all.from_memory, all.reads));
  table.line("answered from the store", with_commas(all.from_store),
             share_of(all.from_store, all.reads));
  table.line("waited for the source", with_commas(all.from_source),
             share_of(all.from_source, all.reads));
  table.line("absent or empty", with_commas(all.absent));
  table.line("errors", with_commas(all.errors), all.errors > 0 ? report.first_error : "",
             all.errors > 0 ? Colour::red : Colour::none);
  table.head("What the source bills");
  table.line("documents without Headrace", with_commas(all.documents), per_second(all.documents));
  table.line("documents with Headrace", with_commas(all.billed), "counted by " + report.counted_by);
  if (report.billed_outside) {
    table.line("the same, from outside", with_commas(*report.billed_outside),
               fmt::format("counted by {}{}", report.counted_outside_by, compared(report)),
               report.counts_agree() ? Colour::none : Colour::red);
  }
  table.line("avoided", percent(all.avoided()), {}, Colour::green);
  if (report.warm_up > 0) {
    table.line("before that, in the warm-up", with_commas(all.warm_billed),
               fmt::format("of {}; {:g} s, which count in nothing above",
                           with_commas(all.warm_documents), report.warm_up));
  }
}

void add_remarks(Table& table, const Figures& figures) {
  if (figures.remarks.empty()) return;
  table.head(figures.workload);
  for (const Remark& remark : figures.remarks) {
    table.line(remark.name, remark.figure, remark.text);
  }
}

void add_money(Table& table, const Report& report) {
  const double before = report.reads_before();
  const double after = report.reads_after();
  table.head("Money per month, at this rate");
  table.line("reads without Headrace", dollars(report.per_month(before)),
             fmt::format("at $ {:g} per 100,000 documents", report.prices.per_100k_reads));
  table.line("reads with Headrace", dollars(report.per_month(after)));
  table.line("saved", dollars(report.per_month(before - after)), {}, Colour::green);
  table.line("writes and deletes", dollars(report.per_month(report.writes())),
             fmt::format("the same with and without: at $ {:g} and $ {:g} per 100,000",
                         report.prices.per_100k_writes, report.prices.per_100k_deletes));
}

std::string kinds_of_violations(const Figures& figures) {
  if (figures.violations() == 0) return "must be 0";
  return fmt::format(
      "{} resurrected, {} never written, {} wrongly absent, {} incomplete, {} overspent, {} late, "
      "{} at the end",
      figures.verdicts.resurrected, figures.verdicts.uncommitted, figures.verdicts.wrong_absences,
      figures.verdicts.incomplete, figures.verdicts.overspent, figures.verdicts.late,
      figures.wrong_after);
}

void add_truth(Table& table, const Report& report) {
  const Figures& all = report.total;
  table.head("Truth");
  table.line("writes", with_commas(all.writes),
             all.write_failures > 0 ? fmt::format("{} failed", all.write_failures) : "");
  const auto troubled = all.invalidations_pending + all.invalidation_failures;
  table.line("invalidations", with_commas(all.invalidations),
             troubled > 0 ? fmt::format("{} pending, {} failed", all.invalidations_pending,
                                        all.invalidation_failures)
                          : "");
  table.line("violations", with_commas(all.violations()), kinds_of_violations(all),
             all.violations() > 0 ? Colour::red : Colour::green);
  if (!report.first_error.empty() && all.errors == 0) {
    table.line("the first fault", "", report.first_error);
  }
  table.line("edited values read again", with_commas(all.checked_after),
             "after the replay, when all was quiet");
  for (std::size_t i = 0; i < staleness_buckets; ++i) {
    table.line(fmt::format("{} {}", i == 0 ? "staleness:" : "          ", staleness_names[i]),
               with_commas(all.verdicts.staleness[i]),
               i == 0 ? share_of(all.verdicts.staleness[0], all.verdicts.reads) : "");
  }
  const bool any_stale = all.verdicts.stalest > Duration::zero();
  const char* why =
      all.verdicts.resurrected > 0
          ? "when its read began"
          : "when its read began; its invalidation, or a refresh, was not through yet";
  table.line("stalest answer", any_stale ? short_time(all.verdicts.stalest) : "-",
             any_stale ? why : "");
}

}  // namespace

double Figures::avoided() const noexcept {
  if (documents == 0) return 0;
  return 1.0 - static_cast<double>(billed) / static_cast<double>(documents);
}

double Report::reads_before() const noexcept {
  return priced(total.documents, prices.per_100k_reads);
}
double Report::reads_after() const noexcept {
  return priced(total.billed, prices.per_100k_reads);
}
double Report::writes() const noexcept {
  return priced(total.writes - total.deletes, prices.per_100k_writes) +
         priced(total.deletes, prices.per_100k_deletes);
}
double Report::per_month(double money) const noexcept {
  const double simulated = seconds * speed;
  return simulated > 0 ? money / simulated * month_seconds : 0;
}

std::string to_text(const Report& report, bool colours) {
  Table table(colours);
  table.raw(first_line(report, colours));
  table.raw(fmt::format("  {}\n", report.target));
  if (report.workloads.size() > 1) add_workloads(table, report);
  add_reads(table, report);
  add_money(table, report);
  add_truth(table, report);
  for (const Figures& figures : report.workloads) add_remarks(table, figures);
  table.head("Latency         count        p50        p90        p99      p99.9        max");
  table.latency("hits", report.total.hits);
  table.latency("all reads", report.total.all);
  if (report.behind > std::chrono::milliseconds(100)) {
    table.raw(
        fmt::format("\n  The replay itself was up to {} behind its own time-table: this "
                    "machine is the limit.\n",
                    short_time(report.behind)));
  }
  if (!report.note.empty()) table.raw("\n  " + report.note + "\n");
  return table.take();
}

std::string comparison_text(const Report& headrace, const Report& plain, bool colours) {
  Table table(colours);
  table.raw(first_line(headrace, colours));
  table.raw(
      fmt::format("  Headrace: {}\n  TTL: {}\n  The same seed, traffic and edits, one after "
                  "the other, each on a source of its own.\n",
                  headrace.target, plain.target));
  const Figures& a = headrace.total;
  const Figures& b = plain.total;
  const auto counts = [&table](std::string_view name, std::uint64_t left, std::uint64_t right) {
    table.pair(name, with_commas(left), with_commas(right));
  };
  table.head("                                        Headrace               TTL");
  counts("reads asked", a.reads, b.reads);
  counts("documents without a cache", a.documents, b.documents);
  counts("documents billed", a.billed, b.billed);
  table.pair("avoided", percent(a.avoided()), percent(b.avoided()));
  table.pair("reads per month", dollars(headrace.per_month(headrace.reads_after())),
             dollars(plain.per_month(plain.reads_after())));
  table.pair("saved per month",
             dollars(headrace.per_month(headrace.reads_before() - headrace.reads_after())),
             dollars(plain.per_month(plain.reads_before() - plain.reads_after())));
  counts("writes", a.writes, b.writes);
  counts("errors", a.errors, b.errors);
  const auto colour = [](const Figures& figures) {
    return figures.violations() > 0 ? Colour::red : Colour::green;
  };
  table.pair("violations", with_commas(a.violations()), with_commas(b.violations()), colour(a),
             colour(b));
  counts("  resurrected", a.verdicts.resurrected, b.verdicts.resurrected);
  counts("  never written", a.verdicts.uncommitted, b.verdicts.uncommitted);
  counts("  wrongly absent", a.verdicts.wrong_absences, b.verdicts.wrong_absences);
  counts("  incomplete", a.verdicts.incomplete, b.verdicts.incomplete);
  counts("  at the end, when all was quiet", a.wrong_after, b.wrong_after);
  for (std::size_t i = 0; i < staleness_buckets; ++i) {
    counts(fmt::format("{} {}", i == 0 ? "staleness:" : "          ", staleness_names[i]),
           a.verdicts.staleness[i], b.verdicts.staleness[i]);
  }
  table.pair("stalest answer", short_time(a.verdicts.stalest), short_time(b.verdicts.stalest));
  table.pair("read, p50", short_time(a.all.p50), short_time(b.all.p50));
  table.pair("read, p99", short_time(a.all.p99), short_time(b.all.p99));
  if (!plain.first_error.empty()) table.raw("\n  TTL, the first: " + plain.first_error + "\n");
  if (!headrace.first_error.empty()) {
    table.raw("\n  Headrace, the first: " + headrace.first_error + "\n");
  }
  return table.take();
}

}  // namespace headrace::replay
