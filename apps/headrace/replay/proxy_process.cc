#include "replay/proxy_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstring>

namespace headrace::replay {

namespace {

constexpr int answers_within_ms = 15'000;
constexpr std::size_t line_bytes_max = 64 << 10;

std::unexpected<Error> fault(std::string what) {
  return failure(Code::source_unavailable, "the program firestore_proxy " + std::move(what));
}

std::string micros(Duration duration) {
  return fmt::format("{}us",
                     std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

// A member of a line of JSON, if it is one.
Result<boost::json::value> member(const std::string& line, const char* name) {
  boost::system::error_code wrong;
  boost::json::value value = boost::json::parse(line, wrong);
  const auto* object = value.if_object();
  if (wrong || object == nullptr || !object->contains(name)) {
    return fault(fmt::format("said \"{}\", which has no \"{}\"", line.substr(0, 200), name));
  }
  return object->at(name);
}

}  // namespace

Result<std::unique_ptr<ProxyProcess>> ProxyProcess::start(const Options& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fault("cannot be given a pipe");
  std::array<std::string, 7> words = {
      options.program,
      "--listen",
      "127.0.0.1:0",
      "--upstream",
      options.upstream,
      "--latency",
      micros(options.latency_min) + ".." + micros(options.latency_max)};
  std::array<char*, words.size() + 1> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  // In a group of its own, so that Ctrl-C ends the replay first and the replay ends it.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t process = 0;
  const int wrong = ::posix_spawn(&process, options.program.c_str(), &actions, &attributes,
                                  arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (wrong != 0) {
    ::close(ends[0]);
    return fault(fmt::format("cannot be started: {}: {}", options.program, std::strerror(wrong)));
  }
  auto proxy = std::make_unique<ProxyProcess>(process, ends[0]);
  const Result<std::string> line = proxy->next_line();
  if (!line) return std::unexpected(line.error());
  const auto address = member(*line, "listening");
  if (!address) return std::unexpected(address.error());
  if (!address->is_string()) return fault("did not say where it listens");
  proxy->address_ = address->as_string();
  return proxy;
}

ProxyProcess::~ProxyProcess() {
  ::kill(process_, SIGTERM);
  ::close(lines_);
  ::waitpid(process_, nullptr, 0);
}

Result<std::uint64_t> ProxyProcess::billed_reads() {
  ::kill(process_, SIGUSR1);
  const Result<std::string> line = next_line();
  if (!line) return std::unexpected(line.error());
  const auto reads = member(*line, "reads");
  if (!reads) return std::unexpected(reads.error());
  boost::system::error_code wrong;
  const auto count = reads->to_number<std::uint64_t>(wrong);
  if (wrong) return fault("did not say a number of reads");
  return count;
}

Result<std::string> ProxyProcess::next_line() {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(answers_within_ms);
  while (!unread_.contains('\n')) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd wanted{.fd = lines_, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || unread_.size() > line_bytes_max) return fault("does not answer");
    if (::poll(&wanted, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<char, 4096> room{};
    const ssize_t size = ::read(lines_, room.data(), room.size());
    if (size == 0) return fault("has ended");
    if (size > 0) unread_.append(room.data(), static_cast<std::size_t>(size));
  }
  const std::size_t end = unread_.find('\n');
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

}  // namespace headrace::replay
