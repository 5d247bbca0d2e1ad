#include "kit/sentinel.h"

#include <poll.h>

#include <charconv>
#include <utility>

#include "kit/eventually.h"

namespace headrace::kit {

namespace {

constexpr int failover_timeout_ms = 3'000;
constexpr int look_every_ms = 20;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

Result<std::unique_ptr<Sentinel>> Sentinel::start(const ValkeyServer& master,
                                                  SentinelOptions options) {
  Result<std::string> program = find_valkey(master.options().program);
  if (!program) return std::unexpected(std::move(program.error()));
  auto sentinel = std::make_unique<Sentinel>(std::move(options));
  Sentinel* const raw = sentinel.get();
  const TemporaryFolder& folder = sentinel->process_.folder();
  // It writes what it learns into this file.
  const std::string file = folder.write("sentinel.conf", sentinel->settings(master));
  const auto answers = [raw] { return raw->master_port() != 0; };
  Result<void> started =
      sentinel->process_.start({.name = "sentinel of " + name_of(master.options().program),
                                .command = {*program, file, "--sentinel"},
                                .answers = answers});
  if (!started) return std::unexpected(std::move(started.error()));
  return sentinel;
}

std::string Sentinel::settings(const ValkeyServer& master) const {
  const std::string& name = options_.master_name;
  std::string lines = "port " + std::to_string(port()) + "\nbind 127.0.0.1\n";
  lines += "dir " + process_.folder().path().string() + "\n";
  lines += "sentinel monitor " + name + " 127.0.0.1 " + std::to_string(master.port()) + " 1\n";
  lines += "sentinel down-after-milliseconds " + name + " " +
           std::to_string(options_.down_after.count()) + "\n";
  lines += "sentinel failover-timeout " + name + " " + std::to_string(failover_timeout_ms) + "\n";
  const std::string& password = master.options().password;
  if (!password.empty()) lines += "sentinel auth-pass " + name + " " + password + "\n";
  for (const std::string& line : options_.lines) lines += line + "\n";
  return lines;
}

int Sentinel::master_port() {
  // "[127.0.0.1, 18123]"
  const std::string said = command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master_name});
  const std::size_t comma = said.find(", ");
  int number = 0;
  if (comma != std::string::npos) {
    std::from_chars(said.data() + comma + 2, said.data() + said.size(), number);
  }
  return number;
}

bool Sentinel::knows_replicas(std::size_t count) {
  return eventually([this, count] {
    const std::string said = command({"SENTINEL", "REPLICAS", options_.master_name});
    // One that is in trouble has more flags; one that has not been asked yet, no link.
    if (count_of(said, "flags, slave,") == count &&
        count_of(said, "master-link-status, ok") == count) {
      return true;
    }
    ::poll(nullptr, 0, look_every_ms);
    return false;
  });
}

void Sentinel::kill() {
  client_.close();
  process_.kill();
}

Result<void> Sentinel::restart() {
  client_.close();
  return process_.restart();
}

}  // namespace headrace::kit
