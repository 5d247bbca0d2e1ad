#include "chaos/run.h"

#include <algorithm>

#include <fmt/format.h>

#include "chaos/fleet.h"
#include "chaos/http_client.h"

namespace headrace::chaos {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration turn = milliseconds(100);
constexpr Duration warm_up = seconds(1);
constexpr seconds rests_within{60};
// Every beat has told what it has to tell, and every proof from before has run out.
constexpr Duration settles_for = milliseconds(1500);

class Run {
 public:
  Run(const FaultKind& kind, const RunOptions& options)
      : kind_(kind), options_(options), fault_(kind.make()), chance_(options.traffic.seed) {}

  Result<Outcome> play() {
    FleetOptions fleet_options{.instances = options_.instances,
                               .entities = options_.entities,
                               .program = options_.program,
                               .environment = options_.environment};
    kind_.prepare(fleet_options);
    auto started = Fleet::start(std::move(fleet_options));
    if (!started) return std::unexpected(std::move(started.error()));
    fleet_ = std::move(*started);
    Traffic traffic(*fleet_, options_.traffic);
    const Instant began = clock_now();
    have_spells(began);
    traffic.stop();
    outcome_.seconds = seconds_of(clock_now() - began);
    converge();
    return judged(traffic);
  }

 private:
  void wait_until(Instant when, bool is_spell) {
    while (clock_now() < when) {
      if (is_spell) fault_->go_on(*fleet_, chance_);
      options_.progress(std::min(1.0, (clock_now() - began_) / (1.0 * options_.length)));
      pass_until(std::min(when, clock_now() + turn));
    }
  }

  // The last one is over in time for the world to have some of its own after it.
  void have_spells(Instant began) {
    began_ = began;
    const Fault::Times times = options_.times.value_or(fault_->times());
    wait_until(began + warm_up, false);
    do {
      fault_->begin(*fleet_, chance_);
      wait_until(clock_now() + times.lasts, true);
      fault_->heal(*fleet_, chance_);
      wait_until(clock_now() + times.rests, false);
    } while (clock_now() + times.lasts + times.rests <= began + options_.length);
  }

  // All comes to rest; then everybody is asked for everything.
  void converge() {
    if (Result<void> rests = fleet_->come_to_rest(rests_within); !rests) {
      outcome_.complaints.push_back("does not come to rest: " + rests.error().what);
    }
    pass_until(clock_now() + settles_for);
    fleet_->note(What::quiet);
    Refusals refusals;
    for (std::size_t place = 0; place < fleet_->size(); ++place) {
      HttpClient client(fleet_->instance(place).port());
      for (std::uint32_t entity = 0; entity < fleet_->options().entities; ++entity) {
        for (const Kept kept : {Kept::bounded, Kept::strict}) {
          (void)read_one(*fleet_, place, client, kept, entity, fleet_->notes(), refusals);
        }
      }
    }
    const std::uint64_t unanswered = refusals.lost + refusals.refused;
    if (unanswered > 0) {
      outcome_.complaints.push_back(fmt::format(
          "{} reads were not answered after all was healed: {}", unanswered, refusals.first));
    }
  }

  Outcome judged(Traffic& traffic) {
    Notes notes = fleet_->origin().take_notes();
    for (Notes* more : {&traffic.notes(), &fleet_->notes()}) {
      notes.insert(notes.end(), more->begin(), more->end());
    }
    outcome_.fault = std::string(kind_.name);
    outcome_.verdict = judge({.entities = options_.entities,
                              .loads_are_alone = kind_.name == "calm",
                              .clocks_behind = coarse_clock_excess(),
                              .ages_hold = !kind_.steps_ages},
                             std::move(notes));
    outcome_.registers = judge_registers(traffic.registers());
    outcome_.registers_count = !kind_.loses_guards;
    outcome_.read_refusals = traffic.read_refusals();
    outcome_.write_refusals = traffic.write_refusals();
    if (outcome_.read_refusals.refused > 0 && !kind_.takes_patience) {
      outcome_.complaints.push_back(
          fmt::format("{} reads ended in an error, although the source answers: {}",
                      outcome_.read_refusals.refused, outcome_.read_refusals.first));
    }
    if (outcome_.verdict.from[static_cast<std::size_t>(From::store)] == 0) {
      outcome_.complaints.emplace_back("the store has answered nothing: so nothing was shown");
    }
    const auto& complaints = fault_->complaints();
    outcome_.complaints.insert(outcome_.complaints.end(), complaints.begin(), complaints.end());
    return std::move(outcome_);
  }

  const FaultKind& kind_;
  const RunOptions& options_;
  const std::unique_ptr<Fault> fault_;
  sim::Chance chance_;
  std::unique_ptr<Fleet> fleet_;
  Instant began_{};
  Outcome outcome_;
};

}  // namespace

std::string Outcome::why() const {
  if (!verdict.violation.empty()) return verdict.violation;
  if (registers_count && !registers.violation.empty()) return registers.violation;
  return complaints.empty() ? "" : complaints.front();
}

Result<Outcome> run_fault(const FaultKind& kind, const RunOptions& options) {
  return Run(kind, options).play();
}

Result<Outcome> run_burst(const RunOptions& options, std::size_t readers, bool killed) {
  auto started = Fleet::start({.instances = options.instances,
                               .entities = options.entities,
                               .registers = 0,
                               .source_takes = milliseconds(1000),
                               .readers_wait = seconds(20),
                               .program = options.program,
                               .environment = options.environment});
  if (!started) return std::unexpected(std::move(started.error()));
  Fleet& fleet = **started;
  if (Result<void> rests = fleet.come_to_rest(rests_within); !rests) {
    return std::unexpected(rests.error());
  }
  Outcome outcome{.fault = killed ? "one-load-killed" : "one-load"};
  constexpr seconds patience{30};
  std::vector<std::pair<std::size_t, HttpClient>> clients;
  for (std::size_t i = 0; i < readers * fleet.size(); ++i) {
    const std::size_t place = i % fleet.size();
    clients.emplace_back(place, HttpClient(fleet.instance(place).port(), patience));
    if (const auto there = clients.back().second.get("/livez"); !there) {
      return std::unexpected(there.error());
    }
  }
  const Instant began = clock_now();
  for (auto& [place, client] : clients) {
    if (const auto sent = client.send("GET", "/v1/read/bounded/7", ""); !sent) {
      return std::unexpected(sent.error());
    }
  }
  std::optional<std::size_t> dead;
  if (killed) {
    while (!fleet.origin().last_reader()) pass_until(clock_now() + milliseconds(5));
    dead = fleet.origin().last_reader();
    fleet.kill(*dead);
  }
  for (auto& [place, client] : clients) {
    const auto said = client.receive();
    const bool is_answered = said && said->status == 200;
    if (is_answered) ++outcome.verdict.reads;
    if (!is_answered && place != dead) {
      ++outcome.read_refusals.lost;
      outcome.complaints.push_back(said ? said->body : said.error().what);
    }
  }
  outcome.seconds = seconds_of(clock_now() - began);
  outcome.verdict.source_reads = fleet.origin().reads();
  const std::uint64_t most = killed ? 2 : 1;
  if (outcome.verdict.source_reads > most) {
    outcome.complaints.push_back(
        fmt::format("the source was read {} times, not {}", outcome.verdict.source_reads, most));
  }
  return outcome;
}

}  // namespace headrace::chaos
