#include "replay/report.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iterator>

#include "terminal.h"

namespace headrace::replay {

namespace {

using app::Colour;
using app::painted;
using app::short_time;
using app::with_commas;

constexpr double month_seconds = 30.0 * 24 * 3600;
constexpr const char* staleness_names[staleness_buckets] = {
    "current", "<= 1 ms", "<= 10 ms", "<= 100 ms", "<= 1 s", "<= 10 s", "more"};

// Lines of a table: a name, a figure that is aligned to the right, and a remark.
class Table {
 public:
  explicit Table(bool colours) : colours_(colours) {}

  void head(std::string_view text) {
    fmt::format_to(std::back_inserter(out_), "\n{}\n", painted(text, Colour::bold, colours_));
  }
  void line(std::string_view name, std::string_view figure, std::string_view remark = {},
            Colour colour = Colour::none) {
    const std::string aligned = fmt::format("{:>16}", figure);
    fmt::format_to(std::back_inserter(out_), "  {:<30}{}", name,
                   painted(aligned, colour, colours_));
    if (!remark.empty()) out_ += "   " + painted(remark, Colour::dim, colours_);
    out_ += '\n';
  }
  void latency(std::string_view name, const Latency& latency) {
    fmt::format_to(std::back_inserter(out_), "  {:<10}{:>12}{:>11}{:>11}{:>11}{:>11}{:>11}\n", name,
                   with_commas(latency.count), short_time(latency.p50), short_time(latency.p90),
                   short_time(latency.p99), short_time(latency.p999), short_time(latency.longest));
  }
  void raw(std::string_view text) { out_ += text; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool colours_;
};

std::string dollars(double money) {
  return fmt::format("$ {:.{}f}", money, money < 10 ? 4 : 2);
}

std::string share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.2f} %",
                                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string speed_of(const Report& report) {
  return report.speed == 1 ? "" : fmt::format(" at {:g} times the speed", report.speed);
}

void add_reads(Table& table, const Report& report) {
  const double rate = report.seconds > 0 ? static_cast<double>(report.reads) / report.seconds : 0;
  table.head("Reads");
  table.line("asked", with_commas(report.reads), fmt::format("{:.0f} per s", rate));
  table.line("answered from memory", with_commas(report.from_memory),
             share_of(report.from_memory, report.reads));
  table.line("answered from the store", with_commas(report.from_store),
             share_of(report.from_store, report.reads));
  table.line("waited for the source", with_commas(report.from_source),
             share_of(report.from_source, report.reads));
  table.line("absent", with_commas(report.absent));
  table.line("errors", with_commas(report.errors), report.first_error,
             report.errors > 0 ? Colour::red : Colour::none);
}

void add_bill(Table& table, const Report& report) {
  table.head("What the source bills");
  table.line("reads without Headrace", with_commas(report.reads));
  table.line("reads with Headrace", with_commas(report.billed), "counted by " + report.counted_by);
  table.line("avoided", fmt::format("{:.2f} %", report.avoided() * 100), {}, Colour::green);
  table.line("money without, per month", dollars(report.per_month(report.money_before())),
             fmt::format("at $ {} per 100,000 reads, at this rate", report.prices.per_100k_reads));
  table.line("money with, per month", dollars(report.per_month(report.money_after())));
}

void add_truth(Table& table, const Report& report) {
  table.head("Truth");
  table.line("writes", with_commas(report.writes),
             report.write_failures > 0 ? fmt::format("{} failed", report.write_failures) : "");
  const auto troubled = report.invalidations_pending + report.invalidation_failures;
  table.line("invalidations", with_commas(report.invalidations),
             troubled > 0 ? fmt::format("{} pending, {} failed", report.invalidations_pending,
                                        report.invalidation_failures)
                          : "");
  table.line("violations", with_commas(report.violations()),
             report.violations() > 0
                 ? fmt::format("{} resurrected, {} never written, {} wrongly absent, {} at the end",
                               report.verdicts.resurrected, report.verdicts.uncommitted,
                               report.verdicts.wrong_absences, report.wrong_after)
                 : "must be 0",
             report.violations() > 0 ? Colour::red : Colour::green);
  table.line("edited values read again", with_commas(report.checked_after),
             "after the replay, when all was quiet");
  for (std::size_t i = 0; i < staleness_buckets; ++i) {
    table.line(fmt::format("{} {}", i == 0 ? "staleness:" : "          ", staleness_names[i]),
               with_commas(report.verdicts.staleness[i]),
               i == 0 ? share_of(report.verdicts.staleness[0], report.verdicts.reads) : "");
  }
  const bool any_stale = report.verdicts.stalest > Duration::zero();
  table.line("stalest answer", any_stale ? short_time(report.verdicts.stalest) : "-",
             any_stale ? "when its read began; its invalidation was not through yet" : "");
}

boost::json::object json_of(const Latency& latency) {
  const auto us = [](Duration time) { return static_cast<double>(time.count()) / 1e3; };
  return {{"count", latency.count},      {"p50_us", us(latency.p50)},
          {"p90_us", us(latency.p90)},   {"p99_us", us(latency.p99)},
          {"p999_us", us(latency.p999)}, {"max_us", us(latency.longest)}};
}

boost::json::object truth_json(const Report& report) {
  boost::json::object staleness;
  for (std::size_t i = 0; i < staleness_buckets; ++i) {
    staleness[staleness_names[i]] = report.verdicts.staleness[i];
  }
  return {{"violations", report.violations()},
          {"resurrected", report.verdicts.resurrected},
          {"uncommitted", report.verdicts.uncommitted},
          {"wrong_absences", report.verdicts.wrong_absences},
          {"checked_after", report.checked_after},
          {"wrong_after", report.wrong_after},
          {"staleness", staleness},
          {"stalest_ms", static_cast<double>(report.verdicts.stalest.count()) / 1e6}};
}

}  // namespace

double Report::avoided() const noexcept {
  if (reads == 0) return 0;
  return 1.0 - static_cast<double>(billed) / static_cast<double>(reads);
}
double Report::money_before() const noexcept {
  return static_cast<double>(reads) * prices.per_100k_reads / 100'000;
}
double Report::money_after() const noexcept {
  return static_cast<double>(billed) * prices.per_100k_reads / 100'000;
}
double Report::per_month(double money) const noexcept {
  const double simulated = seconds * speed;
  return simulated > 0 ? money / simulated * month_seconds : 0;
}

std::string to_text(const Report& report, bool colours) {
  Table table(colours);
  table.raw(painted(report.workload, Colour::bold, colours));
  table.raw(fmt::format("{}: {:.1f} s{}, {:g} actors, {} users, seed {}\n  {}\n",
                        report.interrupted ? " (interrupted)" : "", report.seconds,
                        speed_of(report), report.actors, with_commas(report.users), report.seed,
                        report.target));
  add_reads(table, report);
  add_bill(table, report);
  add_truth(table, report);
  table.head("Latency         count        p50        p90        p99      p99.9        max");
  table.latency("hits", report.hits);
  table.latency("all reads", report.all);
  if (report.behind > std::chrono::milliseconds(100)) {
    table.raw(
        fmt::format("\n  The replay itself was up to {} behind its own time-table: this "
                    "machine is the limit.\n",
                    short_time(report.behind)));
  }
  if (!report.note.empty()) table.raw("\n  " + report.note + "\n");
  return table.take();
}

std::string to_json(const Report& report) {
  const boost::json::object all = {
      {"workload", report.workload},
      {"target", report.target},
      {"interrupted", report.interrupted},
      {"seed", report.seed},
      {"users", report.users},
      {"actors", report.actors},
      {"speed", report.speed},
      {"seconds", report.seconds},
      {"reads",
       {{"asked", report.reads},
        {"memory", report.from_memory},
        {"store", report.from_store},
        {"source", report.from_source},
        {"absent", report.absent},
        {"errors", report.errors}}},
      {"source",
       {{"reads_before", report.reads},
        {"reads_after", report.billed},
        {"avoided", report.avoided()},
        {"counted_by", report.counted_by}}},
      {"money",
       {{"per_100k_reads", report.prices.per_100k_reads},
        {"before", report.money_before()},
        {"after", report.money_after()},
        {"before_per_month", report.per_month(report.money_before())},
        {"after_per_month", report.per_month(report.money_after())}}},
      {"writes", report.writes},
      {"write_failures", report.write_failures},
      {"invalidations", report.invalidations},
      {"invalidations_pending", report.invalidations_pending},
      {"invalidation_failures", report.invalidation_failures},
      {"truth", truth_json(report)},
      {"latency", {{"hits", json_of(report.hits)}, {"all", json_of(report.all)}}},
      {"behind_ms", static_cast<double>(report.behind.count()) / 1e6},
      {"first_error", report.first_error},
      {"note", report.note}};
  return boost::json::serialize(all);
}

}  // namespace headrace::replay
