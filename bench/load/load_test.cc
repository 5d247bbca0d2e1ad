#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "load/client.h"
#include "load/latencies.h"
#include "load/reply.h"

namespace headrace::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(ReplySize, KnowsWhereRepliesEnd) {
  EXPECT_EQ(reply_size("$3\r\nabc\r\n+OK\r\n"), 9U);
  EXPECT_EQ(reply_size("$-1\r\n"), 5U);
  EXPECT_EQ(reply_size(":12\r\n:1"), 5U);
  EXPECT_EQ(reply_size("HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH: 2\r\n\r\nabH"), 46U);
  EXPECT_EQ(reply_size("HTTP/1.1 304 Not Modified\r\n\r\n"), 29U);
}

TEST(ReplySize, WaitsForTheRest) {
  for (const std::string whole :
       {"$3\r\nabc\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "+OK\r\n"}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(reply_size(whole.substr(0, size)), 0U);
    }
    EXPECT_EQ(reply_size(whole), whole.size());
  }
}

TEST(ReplySize, RefusesWhatItCannotRead) {
  EXPECT_FALSE(reply_size("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(reply_size("*1\r\n"));
}

TEST(Replies, FollowTheLengthWhenItChanges) {
  const std::string nine = "HTTP/1.1 200 OK\r\nAge: 9\r\nContent-Length: 2\r\n\r\nab";
  const std::string ten = "HTTP/1.1 200 OK\r\nAge: 10\r\nContent-Length: 2\r\n\r\nab";
  Replies replies("HTTP/1.1 200");
  EXPECT_EQ(replies.next(nine), nine.size());
  EXPECT_EQ(replies.next(nine + nine), nine.size());
  EXPECT_EQ(replies.next(ten), ten.size());
  EXPECT_EQ(replies.next(ten + nine), ten.size());
  EXPECT_EQ(replies.next(nine + ten), nine.size());
  EXPECT_EQ(replies.next(nine.substr(0, 20)), 0U);
}

TEST(Replies, RefuseAnother) {
  Replies replies("+OK");
  EXPECT_EQ(replies.next("+OK\r\n"), 5U);
  EXPECT_FALSE(replies.next("-ERR\r\n"));
}

TEST(Latencies, AreRightWithinAHundredth) {
  Latencies all;
  EXPECT_EQ(all.quantile(0.5), nanoseconds(0));
  for (int us = 1; us <= 1000; ++us) all.add(microseconds(us));
  EXPECT_EQ(all.total(), 1000U);
  EXPECT_EQ(all.longest(), microseconds(1000));
  EXPECT_NEAR(static_cast<double>(all.quantile(0.5).count()), 501'000, 501'000 * 0.016);
  EXPECT_NEAR(static_cast<double>(all.quantile(0.99).count()), 991'000, 991'000 * 0.016);
  EXPECT_EQ(all.quantile(1), microseconds(1000));
  all.add(nanoseconds::max());  // Has a counter, too.
  EXPECT_EQ(all.quantile(1), nanoseconds::max());
}

// Takes one connection, and answers each byte with "+OK"; a greeting at once, what comes next after
// `pause`.
class Server {
 public:
  explicit Server(std::chrono::milliseconds pause) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at);
    ::listen(listener_, 1);
    thread_ = std::thread([this, pause] { serve(pause); });
  }
  ~Server() {
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
  }

 private:
  void serve(std::chrono::milliseconds pause) const {
    const int client = ::accept(listener_, nullptr, nullptr);
    char room[64];
    int taken = 0;
    for (ssize_t size = 0; (size = ::recv(client, room, sizeof room, 0)) > 0; ++taken) {
      const auto until = std::chrono::steady_clock::now() + pause;
      while (taken == 1 && std::chrono::steady_clock::now() < until) {
      }
      std::string out;
      for (; size > 0; --size) out += "+OK\r\n";
      ::send(client, out.data(), out.size(), MSG_NOSIGNAL);
    }
    ::close(client);
  }

  int listener_;
  std::thread thread_;
};

TEST(Load, SendsAsManyAsItIsTold) {
  Server server(std::chrono::milliseconds(0));
  const auto figures = load({.port = server.port(),
                             .request = "a",
                             .expected = "+OK",
                             .connections = 1,
                             .depth = 4,
                             .requests = 10});
  ASSERT_TRUE(figures) << figures.error();
  EXPECT_EQ(figures->latencies.total(), 10U);
}

// Of ten requests that are due a millisecond apart the first is answered after a hundred: the last
// has waited for ninety of them, though it was sent when the server was quick again.
TEST(Load, TimesFromWhenARequestWasDue) {
  Server server(std::chrono::milliseconds(100));
  const auto figures = load({.port = server.port(),
                             .request = "a",
                             .expected = "+OK",
                             .connections = 1,
                             .requests = 10,
                             .rate = 1000});
  ASSERT_TRUE(figures) << figures.error();
  EXPECT_EQ(figures->latencies.total(), 10U);
  EXPECT_GE(figures->latencies.quantile(0), std::chrono::milliseconds(90));
}

TEST(Load, SaysWhatIsWrong) {
  Server server(std::chrono::milliseconds(0));
  const auto figures =
      load({.port = server.port(), .request = "a", .expected = "-", .connections = 1});
  ASSERT_FALSE(figures);
  EXPECT_NE(figures.error().find("not the reply that was expected"), std::string::npos);
}

}  // namespace
}  // namespace headrace::bench
