// firestore_proxy: the counting proxy as a program, for demos.
//
//   firestore_proxy --listen 127.0.0.1:8081 --upstream 127.0.0.1:8080 --latency 5ms..20ms
//
// Prints one line of JSON with the address once it listens; one with its counts for each SIGUSR1,
// and at its end, which SIGTERM or SIGINT brings.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kit/firestore_proxy.h"

namespace {

using headrace::kit::FirestoreProxy;
using std::chrono::microseconds;

// "5ms" or "250us".
std::optional<microseconds> duration_of(std::string_view text) {
  long number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  if (fault != std::errc() || number < 0) return std::nullopt;
  if (unit == "us") return microseconds(number);
  if (unit == "ms") return microseconds(number * 1000);
  return std::nullopt;
}

bool take_latency(const std::string& text, FirestoreProxy::Options& options) {
  const std::size_t dots = text.find("..");
  const auto low = duration_of(std::string_view(text).substr(0, dots));
  const auto high = dots == std::string::npos ? low : duration_of(text.substr(dots + 2));
  if (!low || !high || *low > *high) return false;
  options.latency_min = *low;
  options.latency_max = *high;
  return true;
}

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Counts what passes between a client and a Firestore");
  FirestoreProxy::Options options;
  std::string latency;
  app.add_option("--listen", options.listen, "Where to listen; port 0 takes a free one");
  app.add_option("--upstream", options.upstream, "HOST:PORT of a Firestore emulator")->required();
  app.add_option("--latency", latency, "Added to each read: 10ms, or 5ms..20ms");
  CLI11_PARSE(app, argc, argv);
  if (!latency.empty() && !take_latency(latency, options)) {
    std::fputs("firestore_proxy: --latency wants 10ms, 250us or 5ms..20ms\n", stderr);
    return 2;
  }
  // Blocked before any thread starts, so that only this one takes them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<FirestoreProxy> proxy = FirestoreProxy::start(options);
  if (!proxy) {
    std::fputs("firestore_proxy: cannot listen there; is the port taken?\n", stderr);
    return 1;
  }
  say("{\"listening\":\"" + proxy->address() + "\"}");
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGUSR1) say(proxy->counts().json());
  say(proxy->counts().json());
  return 0;
}
