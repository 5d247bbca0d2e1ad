// The session alone, over real sockets, with a service that answers what it is told to.
#include "server/http/session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "headrace/runtime.h"
#include "io/listener.h"
#include "server/http/client_fixture.h"

namespace headrace::http {
namespace {

using std::chrono::milliseconds;

// GET /now/... is answered at once, all else by a task on another thread.
class Echo final : public Service {
 public:
  explicit Echo(Runtime& runtime) : runtime_(runtime) {}

  std::optional<Said> answer_now(const wire::Request& request, Visitor&,
                                 std::string& out) override {
    if (!request.target.starts_with("/now")) return std::nullopt;
    const wire::Response response{.body = request.target, .keep_alive = request.keep_alive};
    append_response(out, response);
    return Said{.keep_alive = request.keep_alive};
  }
  Task<Reply> answer(wire::Request request, std::string) override {
    Elsewhere elsewhere{runtime_};
    co_await elsewhere;
    Reply reply{.said = {.keep_alive = request.keep_alive}};
    const wire::Response response{.body = request.target + request.body,
                                  .keep_alive = request.keep_alive};
    append_response(reply.bytes, response);
    co_return reply;
  }
  Reply refuse(const wire::HttpFault& fault) override {
    Reply reply{.said = {.status = fault.status, .keep_alive = false}};
    const wire::Response response{.status = fault.status, .body = fault.what, .keep_alive = false};
    append_response(reply.bytes, response);
    return reply;
  }
  void count(const Said&, Duration took) override {
    EXPECT_GE(took.count(), 0);
    ++answers;
  }
  bool is_draining() const noexcept override { return draining; }

  std::atomic<int> answers = 0;
  std::atomic<bool> draining = false;

 private:
  struct Elsewhere {
    Runtime& runtime;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      runtime.post_at(runtime.now() + milliseconds(1), [awaiting] { awaiting.resume(); });
    }
    void await_resume() const noexcept {}
  };
  Runtime& runtime_;
};

class SessionTest : public testing::Test {
 protected:
  ~SessionTest() override {
    if (listener) listener->close();
    EXPECT_TRUE(eventually([this] { return live == 0; })) << "a session outlived its client";
    listener.reset();
  }
  Client client() {
    if (!listener) {
      listener = io::Listener::open(runtime, {.address = {"127.0.0.1", 0}},
                                    [this](io::Connection connection) { serve(connection); })
                     .value();
    }
    return Client(listener->address().port);
  }
  void serve(io::Connection& connection) {
    ++live;
    auto session = std::make_shared<Session>(std::move(connection), service, runtime, limits);
    start(Session::run(std::move(session)), [this] { --live; });
  }

  Runtime runtime{{.threads = 2}};
  Echo service{runtime};
  SessionLimits limits;
  std::atomic<int> live = 0;
  std::unique_ptr<io::Listener> listener;
};

std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

TEST_F(SessionTest, ServesManyRequestsOnOneConnection) {
  Client peer = client();
  for (int i = 0; i < 50; ++i) {
    const std::string target = (i % 2 == 0 ? "/now/" : "/later/") + std::to_string(i);
    EXPECT_EQ(peer.get(target).body, target);
  }
  EXPECT_EQ(service.answers, 50);
}

TEST_F(SessionTest, AnswersWhatWasSentAheadInItsOrder) {
  limits.pipeline_max = 4;
  Client peer = client();
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += get((i % 7 == 0 ? "/later/" : "/now/") + std::to_string(i));
  }
  ASSERT_TRUE(peer.send(all));
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(peer.receive().body, (i % 7 == 0 ? "/later/" : "/now/") + std::to_string(i));
  }
}

// One that sends and never reads must not make the server hold its answers.
TEST_F(SessionTest, AFloodIsHeldBackByTheKernelAndEndsInTime) {
  limits.write_within = milliseconds(100);
  Client peer = client();
  const std::string some = get("/now/" + std::string(4000, 'x'));
  std::string flood;
  for (int i = 0; i < 100; ++i) flood += some;
  bool accepted = true;
  for (int i = 0; i < 2000 && accepted; ++i) accepted = peer.send(flood);
  EXPECT_FALSE(accepted) << "800 MB were taken from a client that reads nothing";
}

TEST_F(SessionTest, TakesARequestInAnyPieces) {
  Client peer = client();
  const std::string bytes =
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde" + get("/now/2");
  for (const char c : bytes) ASSERT_TRUE(peer.send({&c, 1}));
  EXPECT_EQ(peer.receive().body, "/xabcde");
  EXPECT_EQ(peer.receive().body, "/now/2");
}

TEST_F(SessionTest, TakesALargeBody) {
  limits.http.body_bytes_max = 8 << 20;
  Client peer = client();
  const std::string body(5 << 20, 'b');
  const wire::Response response = peer.send_json("PUT", "/x", body);
  EXPECT_EQ(response.body.size(), body.size() + 2);
}

TEST_F(SessionTest, SaysContinueWhenAsked) {
  Client peer = client();
  peer.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.take_raw(), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("ok");
  EXPECT_EQ(peer.receive().body, "/xok");
}

TEST_F(SessionTest, ClosesWhenAskedTo) {
  Client peer = client();
  const auto response = peer.ask({.target = "/now/1", .headers = {{"Connection", "close"}}});
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_TRUE(peer.is_ended());
  Client old = client();
  old.send("GET /later HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().body, "/later");
  EXPECT_TRUE(old.is_ended());
}

TEST_F(SessionTest, ARefusalIsReadEvenByAClientThatIsStillSending) {
  limits.http.body_bytes_max = 1000;
  Client peer = client();
  peer.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n");
  peer.send(std::string(9'000'000, 'x'));
  const auto response = peer.receive();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_TRUE(peer.is_ended());
}

TEST_F(SessionTest, RefusesHugeHeadersAndGarbage) {
  Client large = client();
  large.send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(40000, 'x'));
  EXPECT_EQ(large.receive().status, 431);
  Client garbage = client();
  garbage.send("\x16\x03\x01\x02\r\n\r\n");
  EXPECT_EQ(garbage.receive().status, 400);
  EXPECT_TRUE(garbage.is_ended());
}

TEST_F(SessionTest, AnswersBeforeABrokenRequestAreStillGiven) {
  Client peer = client();
  peer.send(get("/now/1") + get("/later/2") + "nonsense\r\n\r\n");
  EXPECT_EQ(peer.receive().body, "/now/1");
  EXPECT_EQ(peer.receive().body, "/later/2");
  EXPECT_EQ(peer.receive().status, 400);
  EXPECT_TRUE(peer.is_ended());
}

TEST_F(SessionTest, ASlowHeaderEndsInTimeHoweverItDrips) {
  limits.header_within = milliseconds(50);
  Client peer = client();
  peer.send("GET / HTTP/1.1\r\n");
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) {
    std::promise<void> over;
    runtime.post_at(runtime.now() + milliseconds(5), [&over] { over.set_value(); });
    over.get_future().wait();
    refused = !peer.send("A: b\r\n") || service.answers == 1;
  }
  EXPECT_EQ(peer.receive().status, 408);
  EXPECT_TRUE(peer.is_ended());
}

TEST_F(SessionTest, ASlowBodyEndsInTime) {
  limits.body_within = milliseconds(50);
  Client peer = client();
  peer.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(peer.receive().status, 408);
}

TEST_F(SessionTest, AnIdleConnectionEndsWithoutAWord) {
  limits.idle_within = milliseconds(50);
  Client silent = client();
  EXPECT_TRUE(silent.is_ended());
  Client served = client();
  EXPECT_EQ(served.get("/now/1").body, "/now/1");
  EXPECT_TRUE(served.is_ended());
}

TEST_F(SessionTest, AClientThatLeavesIsForgotten) {
  {
    Client peer = client();
    peer.send("GET / HTT");
    Client asking = client();
    asking.send(get("/later"));
  }
  EXPECT_TRUE(eventually([this] { return live == 0; }));
}

TEST_F(SessionTest, WhileDrainingNoConnectionWaitsForMore) {
  Client peer = client();
  EXPECT_EQ(peer.get("/now/1").body, "/now/1");
  service.draining = true;
  // The connection may be at rest already, or may still answer this.
  peer.send(get("/now/2"));
  const auto last = peer.receive();
  EXPECT_TRUE(last.status == 0 || last.body == "/now/2");
  EXPECT_TRUE(peer.is_ended());
}

}  // namespace
}  // namespace headrace::http
