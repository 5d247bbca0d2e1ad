#include "io/connection.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <string_view>

#include "headrace/sync.h"
#include "io/listener.h"
#include "io/loops.h"
#include "kit/blocking_socket.h"
#include "kit/eventually.h"

namespace headrace::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using kit::eventually;

// Lets time pass, to see that nothing happens.
void pass(Runtime& runtime, Duration time) {
  std::promise<void> over;
  runtime.post_at(runtime.now() + time, [&over] { over.set_value(); });
  over.get_future().wait();
}

Task<void> echo(std::shared_ptr<Connection> connection, Instant deadline) {
  std::string room(64 << 10, ' ');
  for (;;) {
    const Result<std::size_t> got =
        co_await connection->read_some(room.data(), room.size(), deadline);
    if (!got || *got == 0) co_return;
    const std::string_view bytes(room.data(), *got);
    const auto wrote = co_await connection->write(bytes, deadline);
    if (!wrote) co_return;
  }
}

Task<Result<std::string>> ask(std::shared_ptr<Connection> connection, std::string question,
                              Instant deadline) {
  const auto wrote = co_await connection->write(question, deadline);
  if (!wrote) co_return std::unexpected(wrote.error());
  std::string answer;
  std::string room(1000, ' ');
  while (answer.size() < question.size()) {
    const Result<std::size_t> got =
        co_await connection->read_some(room.data(), room.size(), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) break;
    answer.append(room, 0, *got);
  }
  co_return answer;
}

Task<Result<std::size_t>> read_once(std::shared_ptr<Connection> connection, Instant deadline) {
  char room[16];
  const Result<std::size_t> got = co_await connection->read_some(room, sizeof room, deadline);
  co_return got;
}

Task<Result<void>> write_all(std::shared_ptr<Connection> connection, std::string bytes,
                             Instant deadline) {
  const Result<void> wrote = co_await connection->write(bytes, deadline);
  co_return wrote;
}

Task<bool> quiet(std::shared_ptr<Connection> connection) {
  co_await connection->home();
  co_return connection->is_quiet();
}

class ConnectionTest : public testing::Test {
 protected:
  ~ConnectionTest() override {
    listener.reset();
    for (const auto& one : kept) one->close();
    kept.clear();
    EXPECT_TRUE(eventually([this] { return open_handlers == 0; }));
  }

  void listen(Listener::Accepted accepted, std::size_t connections_max = 100) {
    listener = Listener::open(runtime,
                              {.address = {"127.0.0.1", 0},
                               .connections_max = connections_max,
                               .rest = milliseconds(5)},
                              std::move(accepted))
                   .value();
  }
  void listen_echo(std::size_t connections_max = 100) {
    listen(
        [this](Connection connection) {
          ++open_handlers;
          start(echo(std::make_shared<Connection>(std::move(connection)), soon()),
                [this] { --open_handlers; });
        },
        connections_max);
  }
  [[nodiscard]] Instant soon() const { return runtime.now() + seconds(20); }
  std::shared_ptr<Connection> connect_here() {
    return std::make_shared<Connection>(
        wait(connect(runtime, listener->address(), nullptr, soon())).value());
  }

  Runtime runtime{{.threads = 2}};
  std::atomic<int> open_handlers = 0;
  std::vector<std::shared_ptr<Connection>> kept;
  std::unique_ptr<Listener> listener;
};

TEST_F(ConnectionTest, CarriesBytesBothWays) {
  listen_echo();
  const auto connection = connect_here();
  const std::string big(3 << 20, 'x');  // More than the kernel buffers: writes must wait for reads.
  EXPECT_EQ(wait(ask(connection, "hello", soon())).value(), "hello");
  auto writing = std::async(std::launch::async,
                            [&] { return wait(write_all(connection, big, soon())).has_value(); });
  std::size_t got = 0;
  while (got < big.size()) got += wait(read_once(connection, soon())).value();
  EXPECT_TRUE(writing.get());
  EXPECT_EQ(got, big.size());
}

TEST_F(ConnectionTest, ManyConnectionsReachEveryLoop) {
  listen_echo();
  for (int i = 0; i < 40; ++i) kept.push_back(connect_here());
  for (const auto& one : kept) EXPECT_EQ(wait(ask(one, "x", soon())).value(), "x");
  EXPECT_EQ(listener->connections(), 40U);
  for (const auto& one : kept) one->close();
  EXPECT_TRUE(eventually([this] { return listener->connections() == 0; }));
}

TEST_F(ConnectionTest, TheEndOfTheStreamIsNoError) {
  listen([](Connection) {});  // Hangs up.
  EXPECT_EQ(wait(read_once(connect_here(), soon())).value(), 0U);
}

// The kernel tells of both at once, and then of nothing more.
TEST_F(ConnectionTest, TheEndThatCameWithTheLastBytesIsFound) {
  listen([this](Connection connection) {
    kept.push_back(std::make_shared<Connection>(std::move(connection)));
  });
  {
    auto client = kit::BlockingSocket::connect(listener->address().port).value();
    ASSERT_TRUE(client.send("last words"));
  }
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  listener->close();  // What it has accepted is in `kept`.
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(wait(read_once(kept[0], soon())).value(), 10U);
  EXPECT_EQ(wait(read_once(kept[0], runtime.now() + seconds(2))).value_or(99), 0U);
}

TEST_F(ConnectionTest, AReadEndsAtItsDeadlineAndTheConnectionCanStillBeWrittenTo) {
  listen_echo();
  const auto connection = connect_here();
  const auto late = wait(read_once(connection, runtime.now() + milliseconds(20)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_EQ(wait(ask(connection, "again", soon())).value(), "again");
  EXPECT_EQ(wait(read_once(connection, runtime.now() - seconds(1))).error().code, Code::timed_out)
      << "a deadline that has passed";
}

TEST_F(ConnectionTest, AnEarlierDeadlineAfterALaterOneIsKept) {
  listen_echo();
  const auto connection = connect_here();
  EXPECT_EQ(wait(ask(connection, "a", runtime.now() + seconds(3600))).value(), "a");
  const auto late = wait(read_once(connection, runtime.now() + milliseconds(20)));
  EXPECT_EQ(late.error().code, Code::timed_out);
}

TEST_F(ConnectionTest, AWriteNobodyReadsEndsAtItsDeadline) {
  listen([this](Connection connection) {
    kept.push_back(std::make_shared<Connection>(std::move(connection)));
  });
  const auto connection = connect_here();
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  const auto late =
      wait(write_all(connection, std::string(64 << 20, 'x'), runtime.now() + milliseconds(50)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_FALSE(wait(write_all(connection, "more", soon()))) << "half a message was sent";
  listener->close();
}

TEST_F(ConnectionTest, CloseEndsWhatIsAwaited) {
  listen_echo();
  const auto connection = connect_here();
  std::promise<Code> ended;
  start(read_once(connection, soon()), [&ended](const Result<std::size_t>& got) {
    ended.set_value(got ? Code::damaged : got.error().code);
  });
  connection->close();
  connection->close();
  EXPECT_EQ(ended.get_future().get(), Code::closed);
  EXPECT_EQ(wait(read_once(connection, soon())).error().code, Code::closed);
}

TEST_F(ConnectionTest, CloseEndsAWriteThatNobodyReads) {
  listen([this](Connection connection) {
    kept.push_back(std::make_shared<Connection>(std::move(connection)));
  });
  const auto connection = connect_here();
  std::promise<Code> ended;
  start(write_all(connection, std::string(64 << 20, 'x'), soon()),
        [&ended](const Result<void>& wrote) {
          ended.set_value(wrote ? Code::damaged : wrote.error().code);
        });
  connection->close();
  EXPECT_EQ(ended.get_future().get(), Code::closed);
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  listener->close();
}

Task<void> read_and_drop(std::shared_ptr<Connection> connection, std::shared_ptr<Connection>& other,
                         Instant deadline) {
  char room[16];
  (void)co_await connection->read_some(room, sizeof room, deadline);
  other.reset();
}

// Both have news when the loop looks, and who hears its own first ends the other: the address
// sanitizer sees it if that one is told still.
TEST_F(ConnectionTest, OneThatIsGoneIsToldNothing) {
  Runtime single({.threads = 1});
  std::vector<std::shared_ptr<Connection>> here;  // Of the loop alone.
  auto both = Listener::open(single, {.address = {"127.0.0.1", 0}}, [&](Connection connection) {
                here.push_back(std::make_shared<Connection>(std::move(connection)));
              }).value();
  auto first = kit::BlockingSocket::connect(both->address().port).value();
  auto second = kit::BlockingSocket::connect(both->address().port).value();
  ASSERT_TRUE(eventually([&] { return both->connections() == 2; }));
  std::promise<void> reads;
  std::promise<void> have_spoken;
  std::promise<void> dropped;
  single.post([&] {
    start(read_and_drop(here[0], here[1], soon()), [&dropped] { dropped.set_value(); });
    reads.set_value();
    have_spoken.get_future().wait();
  });
  reads.get_future().wait();
  EXPECT_TRUE(first.send("x"));
  EXPECT_TRUE(second.send("x"));
  have_spoken.set_value();
  dropped.get_future().wait();
  EXPECT_FALSE(second.read_some()) << "it was closed";
  single.post([&] { here.clear(); });
  EXPECT_TRUE(eventually([&] { return both->connections() == 0; }));
  both.reset();
}

TEST_F(ConnectionTest, ARestingConnectionKnowsWhetherItIsOfUse) {
  listen([this](Connection connection) {
    kept.push_back(std::make_shared<Connection>(std::move(connection)));
  });
  const auto connection = connect_here();
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  EXPECT_TRUE(wait(quiet(connection)));
  listener->close();
  kept.clear();
  EXPECT_TRUE(eventually([&] { return !wait(quiet(connection)); }));
}

TEST_F(ConnectionTest, NobodyThereIsSaidInWords) {
  Address nobody;
  {
    listen_echo();
    nobody = listener->address();
    listener.reset();
  }
  const auto refused = wait(connect(runtime, nobody, nullptr, soon()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::source_unavailable);
  EXPECT_NE(refused.error().what.find(to_string(nobody)), std::string::npos);
  const auto unknown = wait(connect(runtime, {"no-such-host.invalid", 80}, nullptr, soon()));
  EXPECT_EQ(unknown.error().code, Code::source_unavailable);
}

TEST_F(ConnectionTest, ConnectionsOverTheLimitWaitForTheirTurn) {
  listen_echo(1);
  auto first = connect_here();
  EXPECT_EQ(wait(ask(first, "1", soon())).value(), "1");
  ASSERT_TRUE(eventually([this] { return listener->connections() == 1; }));
  // At most one more for the second loop's accept that had begun before.
  kept = {connect_here(), connect_here(), connect_here()};
  pass(runtime, milliseconds(30));
  EXPECT_LE(listener->connections(), 2U);
  std::atomic<int> answered = 0;
  for (const auto& one : kept) {
    start(ask(one, "2", soon()), [&](const Result<std::string>& got) {
      EXPECT_EQ(got.value_or(""), "2");
      ++answered;
      one->close();
    });
  }
  first->close();
  EXPECT_TRUE(eventually([&] { return answered == 3; }));
}

TEST_F(ConnectionTest, RunningOutOfDescriptorsIsSurvived) {
  listen_echo();
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(client, 0);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(listener->address().port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected = ::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  pass(runtime, milliseconds(30));
  EXPECT_EQ(listener->connections(), 0U);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(connected, 0);
  EXPECT_TRUE(eventually([this] { return listener->connections() == 1; }));
  ::close(client);
}

TEST_F(ConnectionTest, AnAddressIsTakenByOneListenerAlone) {
  listen_echo();
  const auto second = Listener::open(runtime, {.address = listener->address()}, [](Connection) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::refused);
  const auto foreign = Listener::open(runtime, {.address = {"192.0.2.1", 0}}, [](Connection) {});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::invalid_argument);
  EXPECT_FALSE(Listener::open(runtime, {.address = {"no.name", 0}}, [](Connection) {}));
}

}  // namespace
}  // namespace headrace::io
