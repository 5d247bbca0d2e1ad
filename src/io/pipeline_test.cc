#include "io/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "headrace/sync.h"
#include "io/listener.h"
#include "io/loops.h"
#include "kit/eventually.h"

namespace headrace::io {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A reply is a line; one that begins with '>' is a push, and one with '!' no reply at all.
class Lines final : public Framing {
 public:
  Result<Found> first(std::string_view bytes) override {
    if (bytes.starts_with('!')) return failure(Code::damaged, "a line begins with '!'");
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return Found{};
    return Found{.bytes = end + 1, .is_push = bytes.starts_with('>')};
  }
};

// Answers each line that it reads with the same line, or as the line says:
//   "silence" nothing, "push X" a push first, "hang up", "garbage", "twice", "close after X".
class LineServer {
 public:
  explicit LineServer(Runtime& runtime, Address address = {"127.0.0.1", 0}) : runtime_(runtime) {
    listener_ = Listener::open(runtime, {.address = address}, [this](Connection connection) {
                  ++connections;
                  ++open_;
                  auto shared = std::make_shared<Connection>(std::move(connection));
                  {
                    const std::scoped_lock lock(mutex_);
                    kept_.push_back(shared);
                  }
                  start(serve(this, std::move(shared)), [this] { --open_; });
                }).value();
  }
  ~LineServer() {
    listener_.reset();
    hang_up();
    EXPECT_TRUE(eventually([this] { return open_ == 0; }));
  }
  void hang_up() {
    const std::scoped_lock lock(mutex_);
    for (const auto& one : kept_) one->close();
    kept_.clear();
  }
  [[nodiscard]] const Address& address() const { return listener_->address(); }
  [[nodiscard]] std::vector<std::string> heard() {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }
  std::atomic<int> connections = 0;
  std::atomic<int> reads = 0;

 private:
  static Task<void> serve(LineServer* self, std::shared_ptr<Connection> connection) {
    std::string unread;
    std::string room(64 << 10, ' ');
    const Instant deadline = self->runtime_.now() + seconds(20);
    for (;;) {
      const Result<std::size_t> got =
          co_await connection->read_some(room.data(), room.size(), deadline);
      if (!got || *got == 0) co_return;
      ++self->reads;
      unread.append(room, 0, *got);
      bool goes_on = true;
      const std::string answers = self->answer(unread, goes_on);
      const Result<void> wrote = co_await connection->write(answers, deadline);
      if (!wrote || !goes_on) {
        connection->close();
        co_return;
      }
    }
  }
  std::string answer(std::string& unread, bool& goes_on) {
    std::string answers;
    for (std::size_t end; (end = unread.find('\n')) != std::string::npos;) {
      const std::string line = unread.substr(0, end);
      unread.erase(0, end + 1);
      {
        const std::scoped_lock lock(mutex_);
        heard_.push_back(line);
      }
      if (line == "silence") continue;
      if (line == "hang up") goes_on = false;
      if (line == "hang up") break;
      if (line == "garbage") answers += "!";
      if (line.starts_with("push ")) answers += ">" + line.substr(5) + "\n";
      answers += line + "\n";
      if (line == "twice") answers += line + "\n";
    }
    return answers;
  }

  Runtime& runtime_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> kept_;
  std::vector<std::string> heard_;
  std::atomic<int> open_ = 0;
  std::unique_ptr<Listener> listener_;
};

class PipelineTest : public testing::Test {
 protected:
  ~PipelineTest() override {
    if (pipeline) pipeline->close();
    server.reset();
  }
  Pipeline::Options options() {
    return {.to = server->address(),
            .framing = [] { return std::make_unique<Lines>(); },
            .pushed =
                [this](std::string_view push) {
                  const std::scoped_lock lock(mutex);
                  pushes.emplace_back(push);
                },
            .lost = [this](std::uint64_t connection) { lost = connection; }};
  }
  void make(Pipeline::Options made) {
    pipeline = std::make_unique<Pipeline>(runtime, std::move(made));
  }
  void make() { make(options()); }

  Result<Pipeline::Answer> ask(std::string request, std::size_t replies = 1,
                               Duration within = seconds(20)) {
    return wait(pipeline->call(std::move(request), replies, within));
  }
  std::string text(std::string request, std::size_t replies = 1) {
    const auto answer = ask(std::move(request), replies);
    return answer ? answer->bytes : answer.error().what;
  }
  // Not waited for.
  std::future<Result<Pipeline::Answer>> begin(std::string request, Duration within = seconds(20)) {
    auto promise = std::make_shared<std::promise<Result<Pipeline::Answer>>>();
    start(pipeline->call(std::move(request), 1, within),
          [promise](Result<Pipeline::Answer> answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }

  Runtime runtime{{.threads = 2}};
  std::unique_ptr<LineServer> server = std::make_unique<LineServer>(runtime);
  std::mutex mutex;
  std::vector<std::string> pushes;
  std::atomic<std::uint64_t> lost = 0;
  std::unique_ptr<Pipeline> pipeline;
};

TEST_F(PipelineTest, ACallIsAnsweredAndTheConnectionKept) {
  make();
  EXPECT_EQ(text("a\n"), "a\n");
  EXPECT_EQ(text("b\nc\n", 2), "b\nc\n");
  EXPECT_EQ(server->connections, 1);
  EXPECT_EQ(ask("d\n")->connection, 1u);
}

TEST_F(PipelineTest, EachCallGetsItsOwnReply) {
  make();
  std::vector<std::future<Result<Pipeline::Answer>>> calls;
  for (int i = 0; i < 5000; ++i) calls.push_back(begin(std::to_string(i) + "\n"));
  for (int i = 0; i < 5000; ++i) {
    const auto answer = calls[i].get();
    ASSERT_TRUE(answer.has_value()) << answer.error().what;
    ASSERT_EQ(answer->bytes, std::to_string(i) + "\n");
  }
  EXPECT_EQ(server->connections, 1);
}

TEST_F(PipelineTest, WhatIsAskedInOneTurnIsWrittenTogether) {
  make();
  text("first\n");
  const int before = server->reads;
  std::promise<void> asked;
  std::vector<std::future<Result<Pipeline::Answer>>> calls;
  // On the pipeline's own loop, so that nothing is written before the turn is over.
  start(pipeline->call("here\n", 1), [&](const Result<Pipeline::Answer>&) {
    for (int i = 0; i < 100; ++i) calls.push_back(begin("x\n"));
    asked.set_value();
  });
  asked.get_future().wait();
  for (auto& call : calls) EXPECT_TRUE(call.get().has_value());
  EXPECT_EQ(server->reads, before + 2);
}

TEST_F(PipelineTest, ManyThreadsShareIt) {
  make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string line = std::to_string(t) + "." + std::to_string(i) + "\n";
        ASSERT_EQ(text(line), line);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PipelineTest, PushesAreHandedOverInTheirPlace) {
  make();
  std::size_t pushes_then = 0;
  std::promise<void> over;
  start(pipeline->call("push one\n", 1), [&](const Result<Pipeline::Answer>&) {
    const std::scoped_lock lock(mutex);
    pushes_then = pushes.size();
    over.set_value();
  });
  over.get_future().wait();
  EXPECT_EQ(pushes_then, 1u) << "what came before the reply was handed over before it";
  EXPECT_EQ(pushes.at(0), ">one\n");
}

TEST_F(PipelineTest, ThePeerIsGreetedFirstOnEachConnection) {
  Pipeline::Options made = options();
  std::atomic<std::uint64_t> greeted = 0;
  made.greeting = {.request = "hello\nwho\n",
                   .replies = 2,
                   .check = [&](const Pipeline::Greeted& peer) -> Result<void> {
                     EXPECT_EQ(peer.replies, "hello\nwho\n");
                     greeted = peer.connection;
                     return {};
                   }};
  make(std::move(made));
  EXPECT_EQ(text("a\n"), "a\n");
  EXPECT_EQ(greeted, 1u);
  server->hang_up();
  EXPECT_TRUE(eventually([this] { return lost == 1; }));
  EXPECT_EQ(text("b\n"), "b\n");
  EXPECT_EQ(greeted, 2u);
  EXPECT_THAT(server->heard(), testing::ElementsAre("hello", "who", "a", "hello", "who", "b"));
}

TEST_F(PipelineTest, WhoDoesNotGreetAsItShouldIsNotTalkedTo) {
  Pipeline::Options made = options();
  made.greeting = {.request = "hello\n", .replies = 1, .check = [](const Pipeline::Greeted&) {
                     return Result<void>(failure(Code::refused, "a wrong password"));
                   }};
  make(std::move(made));
  EXPECT_THAT(text("a\n"), HasSubstr("a wrong password"));
  EXPECT_THAT(server->heard(), testing::ElementsAre("hello"));
  EXPECT_EQ(lost, 0u);
}

TEST_F(PipelineTest, SilenceEndsTheConnectionAndAllItsCalls) {
  make();
  text("a\n");
  auto silent = begin("silence\n", milliseconds(30));
  auto more = begin("silence\n");
  EXPECT_TRUE(eventually([&] { return lost == 1; }));
  EXPECT_THAT(silent.get().error().what, HasSubstr("did not answer in time"));
  EXPECT_THAT(more.get().error().what, HasSubstr("did not answer in time"));
  EXPECT_TRUE(eventually([&] { return text("b\n") == "b\n"; }));
  EXPECT_EQ(server->connections, 2);
}

TEST_F(PipelineTest, AServerThatHangsCostsOneCallAtATimeItsTime) {
  make();
  EXPECT_THAT(ask("silence\n", 1, milliseconds(30)).error().what, HasSubstr("in time"));
  std::future<Result<Pipeline::Answer>> one;
  ASSERT_TRUE(eventually([&] {
    one = begin("silence\n");
    return one.wait_for(seconds(0)) != std::future_status::ready;
  }));
  EXPECT_TRUE(eventually([&] { return server->connections == 2; }));
  EXPECT_THAT(text("a\n"), HasSubstr("one call is trying it again"));
  server->hang_up();
  EXPECT_FALSE(one.get());
  EXPECT_EQ(text("b\n"), "b\n");  // Which has proved that it works again: now there may be many.
  std::vector<std::future<Result<Pipeline::Answer>>> many;
  for (int i = 0; i < 10; ++i) many.push_back(begin("c\n"));
  for (auto& call : many) EXPECT_TRUE(call.get());
}

TEST_F(PipelineTest, AHangUpFailsWhatIsUnderWayAndTheNextCallConnectsAnew) {
  make();
  text("a\n");
  EXPECT_THAT(text("hang up\n"), HasSubstr("hung up"));
  EXPECT_EQ(text("b\n"), "b\n");
  EXPECT_EQ(server->connections, 2);
}

TEST_F(PipelineTest, WhatIsMeantForOneConnectionIsSentOnNoOther) {
  make();
  const std::uint64_t first = ask("a\n").value().connection;
  const auto again = [&](std::uint64_t connection) {
    return wait(pipeline->call("only\n", 1, seconds(20), connection));
  };
  EXPECT_EQ(again(first).value().connection, first);
  EXPECT_EQ(again(first + 1).error().code, Code::cancelled);
  ASSERT_FALSE(ask("hang up\n"));
  EXPECT_EQ(again(first).error().code, Code::cancelled);
  const std::uint64_t second = ask("b\n").value().connection;
  EXPECT_EQ(again(first).error().code, Code::cancelled);
  EXPECT_EQ(again(second).value().bytes, "only\n");
  EXPECT_EQ(std::ranges::count(server->heard(), "only"), 2);
}

TEST_F(PipelineTest, ADroppedConnectionIsFollowedByAnother) {
  make();
  text("a\n");
  auto call = begin("silence\n");
  pipeline->drop();
  EXPECT_EQ(call.get().error().code, Code::store_unavailable);
  EXPECT_TRUE(eventually([this] { return text("b\n") == "b\n"; }));
  EXPECT_EQ(server->connections, 2);
}

TEST_F(PipelineTest, WhatIsNoReplyEndsTheConnection) {
  make();
  EXPECT_THAT(text("garbage\n"), HasSubstr("begins with '!'"));
  EXPECT_EQ(text("b\n"), "b\n");
}

TEST_F(PipelineTest, AReplyTooManyEndsTheConnection) {
  make();
  EXPECT_EQ(text("twice\n"), "twice\n");
  EXPECT_TRUE(eventually([this] { return lost == 1; }));
  EXPECT_EQ(text("b\n"), "b\n");
}

TEST_F(PipelineTest, WhereNobodyListensCallsFailAtOnceUntilItIsTriedAgain) {
  const Address gone = server->address();
  Pipeline::Options made = options();
  made.retry_after = made.retry_after_max = seconds(3600);
  server.reset();
  make(std::move(made));
  EXPECT_THAT(text("a\n"), HasSubstr("refused"));
  server = std::make_unique<LineServer>(runtime, gone);
  const auto again = ask("b\n");
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Code::store_unavailable);
  EXPECT_THAT(again.error().what, HasSubstr("tried again after 3600000 ms"));
  EXPECT_EQ(server->connections, 0);
}

TEST_F(PipelineTest, ItIsTriedAgain) {
  const Address gone = server->address();
  Pipeline::Options made = options();
  server.reset();
  made.retry_after = made.retry_after_max = milliseconds(1);
  pipeline = std::make_unique<Pipeline>(runtime, std::move(made));
  EXPECT_FALSE(ask("a\n").has_value());
  server = std::make_unique<LineServer>(runtime, gone);
  EXPECT_TRUE(eventually([this] { return text("b\n") == "b\n"; }));
}

TEST_F(PipelineTest, LimitsAreNamed) {
  Pipeline::Options made = options();
  made.calls_max = 2;
  make(std::move(made));
  auto first = begin("silence\n");
  auto second = begin("silence\n");
  EXPECT_THAT(text("a\n"), HasSubstr("calls_max"));
  pipeline->close();
  EXPECT_EQ(first.get().error().code, Code::closed);
  EXPECT_EQ(second.get().error().code, Code::closed);
  EXPECT_EQ(ask("a\n").error().code, Code::closed);
}

TEST_F(PipelineTest, AReplyThatIsTooLongEndsTheConnection) {
  Pipeline::Options made = options();
  made.reply_bytes_max = 100'000;
  make(std::move(made));
  EXPECT_EQ(text(std::string(90'000, 'x') + "\n").size(), 90'001u);
  EXPECT_THAT(text(std::string(400'000, 'x') + "\n"), HasSubstr("reply_bytes_max"));
}

// Between any two turns of its loop: before it connects, while it does, when it has, and later.
TEST_F(PipelineTest, ItEndsWhereverItIsClosed) {
  for (int turns = 0; turns < 20; ++turns) {
    make();
    auto call = begin("silence\n");
    std::function<void(int)> turn = [&](int left) {
      boost::asio::post(runtime.loops().at(0), [&turn, left, this] {
        if (left > 0) return turn(left - 1);
        pipeline->close();  // On its loop: it does not wait.
      });
    };
    turn(turns);
    EXPECT_EQ(call.get().error().code, Code::closed) << turns;
    auto closing = std::async(std::launch::async, [this] { pipeline->close(); });
    const bool has_ended = closing.wait_for(seconds(10)) == std::future_status::ready;
    EXPECT_TRUE(has_ended) << turns << ": nobody would ever end it";
    if (!has_ended) server = std::make_unique<LineServer>(runtime);  // Whose end does it.
  }
}

TEST_F(PipelineTest, ItMayBeDestroyedWhileCallsAreUnderWay) {
  make();
  auto call = begin("silence\n");
  pipeline.reset();
  EXPECT_EQ(call.get().error().code, Code::closed);
}

}  // namespace
}  // namespace headrace::io
