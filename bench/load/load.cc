// Sends one request again and again to a server on this machine, and prints as JSON how many were
// answered a second and how long they took:
//
//   load PORT REQUEST EXPECTED [--connections 50] [--depth 1] [--requests 100000] [--rate 0]
//
// REQUEST is what is sent, byte for byte, and EXPECTED how each reply begins.  With a rate requests
// are due at even times and timed from them, else the next one is sent when the last is answered.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "load/client.h"

namespace headrace::bench {
namespace {

constexpr int words = 4;  // The program, the port, the request, what is expected.

bool take_option(Plan& plan, std::string_view name, const char* value) {
  if (name == "--connections")
    plan.connections = std::strtoull(value, nullptr, 10);
  else if (name == "--depth")
    plan.depth = std::strtoull(value, nullptr, 10);
  else if (name == "--requests")
    plan.requests = std::strtoull(value, nullptr, 10);
  else if (name == "--rate")
    plan.rate = std::strtod(value, nullptr);
  else
    return false;
  return true;
}

std::optional<Plan> plan_of(int argc, char** argv) {
  if (argc < words || argc % 2 != 0) return std::nullopt;
  Plan plan{.port = static_cast<std::uint16_t>(std::atoi(argv[1])),
            .request = argv[2],
            .expected = argv[3]};
  for (int i = words; i < argc; i += 2) {
    if (!take_option(plan, argv[i], argv[i + 1])) return std::nullopt;
  }
  const bool is_sound = plan.port > 0 && !plan.request.empty() && !plan.expected.empty() &&
                        plan.connections > 0 && plan.requests > 0 && plan.rate >= 0 &&
                        (plan.rate > 0 ? plan.depth == 1 : plan.depth > 0);
  return is_sound ? std::optional(plan) : std::nullopt;
}

double us(Latencies::Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

int run(int argc, char** argv) {
  const auto plan = plan_of(argc, argv);
  if (!plan) {
    std::fputs(
        "usage: load PORT REQUEST EXPECTED [--connections 50] [--depth 1]\n"
        "            [--requests 100000] [--rate 0]     (a rate wants a depth of 1)\n",
        stderr);
    return 2;
  }
  const auto figures = load(*plan);
  if (!figures) {
    std::fprintf(stderr, "load: %s\n", figures.error().c_str());
    return 1;
  }
  const Latencies& took = figures->latencies;
  std::printf(
      "{\"requests\": %llu, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_us\": %.1f, "
      "\"p99_us\": %.1f, \"p999_us\": %.1f, \"longest_us\": %.1f, \"idle\": %.3f}\n",
      static_cast<unsigned long long>(took.total()), figures->seconds,
      static_cast<double>(took.total()) / figures->seconds, us(took.quantile(0.5)),
      us(took.quantile(0.99)), us(took.quantile(0.999)), us(took.longest()), figures->idle);
  return 0;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  return headrace::bench::run(argc, argv);
}
