#include "sim/search.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "core/marks.h"
#include "sim/world.h"

namespace headrace::sim {

namespace {

using RealClock = std::chrono::steady_clock;

// What a worker says of a world; small enough that a pipe takes it in one piece.
struct Report {
  enum class Kind : std::uint8_t { begins, ended, violated };
  Kind kind = Kind::begins;
  std::uint64_t seed = 0;
  std::uint64_t events = 0;
  std::uint64_t answers = 0;
  std::int64_t simulated_ns = 0;
  std::uint64_t marks = 0;
  char violation[400] = {};
};
static_assert(sizeof(Report) <= 512);

struct Worker {
  pid_t process = -1;
  int pipe = -1;
  std::uint64_t at = 0;  // The seed that it has begun.
};

void say(int pipe, const Report& report) {
  if (write(pipe, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) _exit(3);
}

[[noreturn]] void work(const Search& search, unsigned job, int pipe, RealClock::time_point end) {
  for (std::uint64_t i = job; i < search.worlds; i += search.jobs) {
    if (search.within && RealClock::now() >= end) break;
    const std::uint64_t seed = search.first + i;
    say(pipe, {.kind = Report::Kind::begins, .seed = seed});
    const World::Outcome outcome = World::run(plan_of(seed), false);
    Report report{.kind = outcome.violation ? Report::Kind::violated : Report::Kind::ended,
                  .seed = seed,
                  .events = outcome.events,
                  .answers = outcome.answers,
                  .simulated_ns = outcome.simulated.count(),
                  .marks = marks_reached()};
    if (outcome.violation) {
      std::strncpy(report.violation, outcome.violation->c_str(), sizeof report.violation - 1);
    }
    say(pipe, report);
    if (outcome.violation) break;
  }
  _exit(0);
}

void found(Searched& searched, std::uint64_t seed, std::string violation) {
  if (searched.seed && *searched.seed <= seed) return;
  searched.seed = seed;
  searched.violation = std::move(violation);
}

// Reads one report; false at the end of the worker.
bool hear(Worker& worker, Searched& searched, bool stopping) {
  Report report;
  const ssize_t got = read(worker.pipe, &report, sizeof report);
  if (got != static_cast<ssize_t>(sizeof report)) {
    int status = 0;
    waitpid(worker.process, &status, 0);
    if (!stopping && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
      found(searched, worker.at,
            WIFSIGNALED(status)
                ? fmt::format("the process was ended by signal {}: an assertion, or a fault",
                              WTERMSIG(status))
                : std::string("the process ended by itself"));
    }
    close(worker.pipe);
    worker.pipe = -1;
    return false;
  }
  worker.at = report.seed;
  if (report.kind == Report::Kind::begins) return true;
  ++searched.worlds;
  searched.events += report.events;
  searched.answers += report.answers;
  searched.simulated += Duration(report.simulated_ns);
  searched.marks |= report.marks;
  if (report.kind == Report::Kind::violated) found(searched, report.seed, report.violation);
  return true;
}

}  // namespace

Searched search(const Search& search, const std::function<void(const Searched&)>& progress) {
  const auto began = RealClock::now();
  const auto end = began + search.within.value_or(std::chrono::seconds(0));
  std::vector<Worker> workers(search.jobs);
  for (unsigned job = 0; job < search.jobs; ++job) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    workers[job].process = fork();
    if (workers[job].process == 0) {
      close(ends[0]);
      work(search, job, ends[1], end);
    }
    close(ends[1]);
    workers[job].pipe = ends[0];
  }
  Searched searched;
  auto told = began;
  std::size_t running = workers.size();
  bool stopping = false;
  while (running > 0) {
    std::vector<pollfd> waiting;
    for (const Worker& worker : workers) waiting.push_back({worker.pipe, POLLIN, 0});
    poll(waiting.data(), waiting.size(), 500);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (workers[i].pipe >= 0 && waiting[i].revents != 0 &&
          !hear(workers[i], searched, stopping)) {
        --running;
      }
    }
    const auto now = RealClock::now();
    searched.seconds = std::chrono::duration<double>(now - began).count();
    if (searched.seed && !stopping) {
      stopping = true;
      for (const Worker& worker : workers) {
        if (worker.pipe >= 0) kill(worker.process, SIGKILL);
      }
    }
    if (now - told > std::chrono::milliseconds(500)) {
      told = now;
      progress(searched);
    }
  }
  progress(searched);
  return searched;
}

}  // namespace headrace::sim
