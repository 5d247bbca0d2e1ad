#include "kit/server_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "kit/blocking_socket.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/valkey_server.h"

namespace headrace::kit {
namespace {

// A process that nobody reaps still has a name, but no life.
bool lives(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text[name_end + 2] != 'Z';
}

TEST(ServerProcess, OneThatIsMissingIsSaidToBe) {
  const Result<std::string> found = find_server("no-such-server", "no-such-group");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::source_unavailable);
  EXPECT_EQ(found.error().what, "no no-such-server: run ./dev setup");
}

TEST(ServerProcess, OneThatEndsAtOnceTellsWhatItSaid) {
  ServerProcess process;
  const Result<void> started = process.start(
      {.name = "grumbler", .command = {"/bin/sh", "-c", "echo I will not; exit 3"}, .answers = [] {
         return false;
       }});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::source_failed);
  EXPECT_EQ(started.error().what, "grumbler did not start: I will not\n");
  EXPECT_FALSE(process.running());
}

TEST(ServerProcess, OneThatDoesNotAnswerInTimeIsEnded) {
  ServerProcess process;
  const Result<void> started = process.start({.name = "mute",
                                              .command = {"/bin/sleep", "1000"},
                                              .answers = [] { return false; },
                                              .start_within = std::chrono::seconds(0)});
  ASSERT_FALSE(started);
  EXPECT_FALSE(process.running());
}

TEST(ServerProcess, StopTellsHowItEnded) {
  ServerProcess process;
  const auto ready = [&process] { return process.said().contains("ready"); };
  ASSERT_TRUE(process.start(
      {.name = "polite",
       .command = {"/bin/sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do :; done"},
       .answers = ready}));
  EXPECT_EQ(process.stop(), 7);
  EXPECT_FALSE(process.stop()) << "it was stopped before";
}

TEST(ServerProcess, KillTakesTheChildrenAlong) {
  ServerProcess process;
  const auto ready = [&process] { return process.said().contains("ready"); };
  ASSERT_TRUE(process.start({.name = "parent",
                             .command = {"/bin/sh", "-c", "sleep 1000 & echo $! ready; wait"},
                             .answers = ready}));
  const pid_t child = std::stoi(process.said());
  EXPECT_TRUE(lives(child));
  process.kill();
  EXPECT_FALSE(lives(child));
}

TEST(ServerProcess, ItEndsWithItsObject) {
  pid_t was = 0;
  {
    KIT_START(server, ValkeyServer::start());
    was = server->process().process();
    EXPECT_TRUE(lives(was));
  }
  EXPECT_FALSE(lives(was));
}

TEST(ServerProcess, ItEndsWithATestThatDies) {
  const TemporaryFolder folder;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t test = ::fork();
  if (test == 0) {
    ::setenv("TMPDIR", folder.path().c_str(), 1);  // It tidies nothing up.
    ServerProcess process;
    const auto ready = [&process] { return process.said().contains("ready"); };
    const Result<void> started =
        process.start({.name = "orphan",
                       .command = {"/bin/sh", "-c", "echo ready; exec sleep 1000"},
                       .answers = ready});
    const pid_t server = started ? process.process() : 0;
    if (::write(ends[1], &server, sizeof server) != sizeof server) ::_exit(1);
    ::raise(SIGKILL);
  }
  pid_t server = 0;
  ASSERT_EQ(::read(ends[0], &server, sizeof server), static_cast<ssize_t>(sizeof server));
  ::waitpid(test, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_GT(server, 0);
  EXPECT_TRUE(eventually([server] { return !lives(server); }));
}

TEST(LoopbackPort, NoTwoAreTheSame) {
  std::vector<LoopbackPort> ports(20);
  std::vector<int> numbers;
  for (const LoopbackPort& port : ports) numbers.push_back(port.number());
  std::ranges::sort(numbers);
  EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end());
  const Result<BlockingSocket> nobody = BlockingSocket::connect(numbers[0]);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::source_unavailable);
}

}  // namespace
}  // namespace headrace::kit
