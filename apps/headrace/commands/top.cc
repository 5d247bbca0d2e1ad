// The command `top`: what a server does and costs, on one screen.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "commands/commands.h"
#include "commands/remote.h"
#include "interrupts.h"
#include "terminal.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

constexpr int look_every_ms = 1000;
constexpr double month_seconds = 30 * 86400;
constexpr std::size_t lines_besides = 8;  // Of the screen, beside the policies.

std::uint64_t count_of(const json::value& object, std::string_view name) {
  return static_cast<std::uint64_t>(number_of(object, name));
}

json::value member_of(const json::value& object, std::string_view name) {
  const json::value* found = object.is_object() ? object.as_object().if_contains(name) : nullptr;
  return found == nullptr ? json::value() : *found;
}

// What one policy, or all of them, came to.
struct Row {
  std::string name{};
  std::string rollout{};
  double reads = 0;
  double kept = 0;
  double errors = 0;
  double found = 0;
  double missing = 0;
  double empty = 0;
  double writes = 0;
  double spent = 0;
  double saved = 0;

  [[nodiscard]] double billed() const noexcept { return found + missing + empty; }
  void add(const Row& other) {
    reads += other.reads;
    kept += other.kept;
    errors += other.errors;
    found += other.found;
    missing += other.missing;
    empty += other.empty;
    writes += other.writes;
    spent += other.spent;
    saved += other.saved;
  }
};

Row row_of(const json::value& policy) {
  Row row{.name = text_of(policy, "name"), .rollout = text_of(policy, "rollout")};
  if (row.rollout == "percentage") {
    row.rollout = fmt::format("{:g} %", number_of(policy, "percentage"));
  }
  row.reads = number_of(policy, "reads");
  row.kept = number_of(policy, "kept_answers");
  row.errors = number_of(policy, "errors");
  row.found = number_of(policy, "source_found");
  row.missing = number_of(policy, "source_missing");
  row.empty = number_of(policy, "source_empty");
  row.writes = number_of(policy, "source_writes") + number_of(policy, "source_deletes");
  row.spent = number_of(policy, "spent");
  row.saved = number_of(policy, "saved");
  return row;
}

// The server's document, taken apart.
struct Screen {
  json::value all{};
  double uptime = 0;
  std::string currency{};
  std::vector<Row> rows{};  // The dearest first.
  Row total{.name = "total"};
};

std::optional<Screen> screen_of(const std::string& body) {
  auto all = json_of(body);
  if (!all || !all->is_object()) return std::nullopt;
  Screen screen{.all = *std::move(all)};
  screen.uptime = number_of(screen.all, "uptime");
  screen.currency = text_of(screen.all, "currency");
  const json::value policies = member_of(screen.all, "policies");
  if (policies.is_array()) {
    for (const json::value& policy : policies.as_array()) {
      screen.rows.push_back(row_of(policy));
      screen.total.add(screen.rows.back());
    }
  }
  std::ranges::sort(screen.rows, [](const Row& a, const Row& b) {
    return std::tuple(-a.spent, -a.billed(), std::string_view(a.name)) <
           std::tuple(-b.spent, -b.billed(), std::string_view(b.name));
  });
  return screen;
}

std::string share(double part, double whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f} %", 100 * part / whole);
}

std::string whole(double number) {
  return with_commas(static_cast<std::uint64_t>(number));
}

// Four digits where it is small, cents where it is not.
std::string money(double amount) {
  return amount != 0 && amount < 1 ? fmt::format("{:.4f}", amount) : fmt::format("{:.2f}", amount);
}

// What it would come to in 30 days that are like the time since the server started.
std::string per_month(double amount, double uptime) {
  return uptime < 1 ? "-" : money(amount * month_seconds / uptime);
}

using Lines = std::vector<std::string>;

std::string line_of(const Row& row, double uptime) {
  return fmt::format("{:20.20} {:10} {:>11} {:>7} {:>10} {:>8} {:>7} {:>8} {:>10} {:>10} {:>11}",
                     row.name, row.rollout, whole(row.reads), share(row.kept, row.reads),
                     whole(row.found), whole(row.missing), whole(row.empty), whole(row.writes),
                     money(row.spent), money(row.saved), per_month(row.spent, uptime));
}

// Nothing if the store does not count what it holds.
std::string filling_of(const json::value& store) {
  if (!store.is_object() || !store.as_object().contains("entries")) return {};
  return fmt::format(" {} of {}, {} entries", short_bytes(count_of(store, "bytes")),
                     short_bytes(count_of(store, "bytes_max")),
                     with_commas(count_of(store, "entries")));
}

Lines lines_of(const Screen& screen, std::size_t rows_max) {
  const json::value memory = member_of(screen.all, "memory");
  const json::value store = member_of(screen.all, "store");
  Lines lines;
  lines.push_back(fmt::format(
      "headrace {}  up {}  {}  connections {}  loads {}  waiting {}{}",
      text_of(screen.all, "version"),
      short_time(Duration(static_cast<std::int64_t>(screen.uptime * 1e9))),
      text_of(screen.all, "ready") == "true" ? "ready" : "draining",
      count_of(screen.all, "connections"), count_of(screen.all, "flights"),
      count_of(screen.all, "waiters"),
      text_of(screen.all, "reads_on") == "true" ? "" : "  READS ARE OFF (global switch)"));
  lines.push_back(fmt::format(
      "memory {} of {}, {} entries{}", short_bytes(count_of(memory, "bytes")),
      short_bytes(count_of(memory, "bytes_max")), with_commas(count_of(memory, "entries")),
      store.is_null() ? std::string()
                      : fmt::format("   store{}{}", filling_of(store),
                                    text_of(store, "trouble").empty() ? "" : ", IN TROUBLE")));
  lines.emplace_back();
  lines.push_back(fmt::format(
      "{:20} {:10} {:>11} {:>7} {:>10} {:>8} {:>7} {:>8} {:>10} {:>10} {:>11}", "policy", "rollout",
      "reads", "hit", "found", "missing", "empty", "writes", "spent", "saved", "per month"));
  const std::size_t shown = std::min(screen.rows.size(), std::max<std::size_t>(rows_max, 1));
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(line_of(screen.rows[i], screen.uptime));
  if (shown < screen.rows.size()) {
    lines.push_back(fmt::format("... and {} more", screen.rows.size() - shown));
  }
  lines.push_back(line_of(screen.total, screen.uptime));
  lines.push_back(
      fmt::format("found, missing and empty are reads that the source billed; amounts "
                  "are {} since the start",
                  screen.currency));
  return lines;
}

void print_once(const Screen& screen) {
  for (const std::string& line : lines_of(screen, screen.rows.size())) fmt::print("{}\n", line);
}

void repaint(const Screen& screen) {
  const std::size_t height = lines_on(stdout);
  std::string text = "\033[H";
  for (const std::string& line :
       lines_of(screen, height > lines_besides ? height - lines_besides : 1)) {
    text += line + "\033[K\n";
  }
  fmt::print("{}\033[J", text);
}

// One line for the time between two looks.
void print_line(const Screen& before, const Screen& now) {
  const double seconds = std::max(now.uptime - before.uptime, 1e-3);
  const Row& then = before.total;
  const double reads = std::max(now.total.reads - then.reads, 0.0);
  fmt::print(
      "{:9.0f} reads/s {:>8} hit {:9.1f} source reads/s {:7.1f} writes/s  {} spent  {} in memory\n",
      reads / seconds, share(std::max(now.total.kept - then.kept, 0.0), reads),
      std::max(now.total.billed() - then.billed(), 0.0) / seconds,
      std::max(now.total.writes - then.writes, 0.0) / seconds,
      money(now.total.spent) + " " + now.currency,
      short_bytes(count_of(member_of(now.all, "memory"), "bytes")));
}

}  // namespace

int top(const TopCommand& command) {
  const std::atomic<bool>& stop = stop_on_interrupt();
  const bool paints = is_terminal(stdout) && !command.once && !command.remote.json;
  std::optional<Screen> before;
  while (!stop) {
    const auto response = ask(command.remote, {.target = "/v1/stats"});
    if (!response) return response.error();
    const auto screen = screen_of(response->body);
    if (response->status != 200 || !screen) {
      tell_problem(*response);
      return exit_unavailable;
    }
    if (command.remote.json) {
      fmt::print("{}\n", response->body);
    } else if (command.once) {
      print_once(*screen);
    } else if (paints) {
      if (!before) fmt::print("\033[2J");
      repaint(*screen);
    } else if (before) {
      print_line(*before, *screen);
    }
    std::fflush(stdout);
    if (command.once) return exit_ok;
    before = screen;
    // A signal ends the wait.
    (void)::poll(nullptr, 0, look_every_ms);
  }
  return exit_ok;
}

}  // namespace headrace::app
