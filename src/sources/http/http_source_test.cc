#include "headrace/sources/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <thread>

#include "headrace/sync.h"
#include "kit/folder.h"
#include "kit/json_origin.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class HttpSourceTest : public testing::Test {
 protected:
  std::shared_ptr<HttpOrigin> open(HttpOriginOptions options = {}) {
    if (options.url.empty()) options.url = server_.url();
    options.retry_after = milliseconds(1);
    auto origin = open_http_origin(options, runtime_);
    EXPECT_TRUE(origin.has_value()) << origin.error().what;
    return origin.value_or(nullptr);
  }
  std::shared_ptr<Source> ask(std::string path, std::vector<std::string> fields = {"name"}) {
    return ask(open(), std::move(path), std::move(fields));
  }
  static std::shared_ptr<Source> ask(std::shared_ptr<HttpOrigin> origin, std::string path,
                                     std::vector<std::string> fields = {"name"}) {
    auto source =
        ask_http(std::move(origin), {.path = std::move(path), .fields = std::move(fields)});
    EXPECT_TRUE(source.has_value()) << source.error().what;
    return source.value_or(nullptr);
  }
  Fetch fetch_of(std::string entity, Duration within = seconds(20)) const {
    return {.entity = std::move(entity), .deadline = runtime_.now() + within};
  }
  Result<Fetched> read(Source& source, std::string entity) const {
    return wait(source.fetch(fetch_of(std::move(entity))));
  }
  static std::string shown(const Result<Fetched>& answer) {
    if (!answer) return std::string(name_of(answer.error().code)) + ": " + answer.error().what;
    if (answer->unchanged) return "unchanged";
    return answer->kind == Kind::value ? answer->payload : std::string(name_of(answer->kind));
  }
  // What the server counted, asked over a connection of its own.
  std::string counted(const std::string& what) {
    const std::string json = shown(read(*ask("/counts/{entity}", {what}), "x"));
    return json.substr(json.find(':') + 1, json.size() - json.find(':') - 2);
  }

  Runtime runtime_{{.threads = 2}};
  kit::JsonOrigin server_;
};

TEST_F(HttpSourceTest, TakesTheFields) {
  const auto source = ask("/ok/{entity}", {"address.city", "name", "none"});
  const Result<Fetched> answer = read(*source, "7");
  EXPECT_EQ(shown(answer), R"({"address.city":"Ulm","name":"name of 7"})");
  EXPECT_EQ(answer->billed, 1u);
  EXPECT_FALSE(answer->revision.empty());
  EXPECT_EQ(source->batch_max(), 1u);
  std::vector<Fetch> one = {fetch_of("8")};
  EXPECT_EQ(shown(wait(source->fetch_many(one)).at(0)),
            R"({"address.city":"Ulm","name":"name of 8"})");
}

TEST_F(HttpSourceTest, AbsentAndNull) {
  const auto source = ask("/ok/{entity}");
  EXPECT_EQ(shown(read(*source, "nobody")), "absent");
  EXPECT_EQ(shown(read(*source, "null")), "null");
  EXPECT_EQ(shown(read(*ask("/status-410/{entity}"), "x")), "absent");
}

TEST_F(HttpSourceTest, ACopyIsAskedForByItsEtag) {
  const auto source = ask("/ok/{entity}");
  Fetch fetch = fetch_of("7");
  fetch.revision = read(*source, "7")->revision;
  const Result<Fetched> same = wait(source->fetch(fetch));
  EXPECT_EQ(shown(same), "unchanged");
  EXPECT_EQ(same->revision, fetch.revision);
  EXPECT_EQ(counted("conditional"), "1");
  read(*ask("/set/7/{entity}"), "other");
  EXPECT_EQ(shown(wait(source->fetch(fetch))), R"({"name":"other"})");
}

TEST_F(HttpSourceTest, TheEntityStaysInItsSegmentAndTheHeadersAreSent) {
  HttpOriginOptions options;
  options.url = server_.url() + "/echo/";
  options.headers = {{"Authorization", "Bearer x"}};
  const auto source = ask(open(options), "/v/{entity}",
                          {"path", "headers.Authorization", "headers.Host", "headers.Accept"});
  EXPECT_EQ(shown(read(*source, "a/../b?c=d#é %")),
            R"({"path":"/echo/v/a%2F..%2Fb%3Fc%3Dd%23%C3%A9%20%25","headers.Authorization":)"
            R"("Bearer x","headers.Host":"127.0.0.1:)" +
                server_.port() + R"(","headers.Accept":"application/json"})");
}

TEST_F(HttpSourceTest, ConnectionsAreUsedAgain) {
  const auto source = ask("/ok/{entity}");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(read(*source, "7").has_value());
  EXPECT_EQ(counted("connections"), "2");  // One of them asks for this count.
}

TEST_F(HttpSourceTest, AConnectionThatWasClosedWhileItRestedIsReplaced) {
  const auto source = ask("/drop/{entity}");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(shown(read(*source, "7")), R"({"name":"name of 7"})");
  EXPECT_EQ(counted("requests"), "21");
}

TEST_F(HttpSourceTest, ARequestThatMeetsAClosedConnectionIsSentAgainAtOnce) {
  HttpOriginOptions options;
  options.tries_max = 1;
  const auto source = ask(open(options), "/once/{entity}");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(shown(read(*source, "7")), R"({"name":"name of 7"})");
  EXPECT_EQ(counted("requests"), "20");
}

TEST_F(HttpSourceTest, NoMoreConnectionsThanAllowed) {
  HttpOriginOptions options;
  options.connections_max = 3;
  const auto source = ask(open(options), "/slow/{entity}");
  std::atomic<int> right{0};
  std::vector<std::jthread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      std::vector<std::future<void>> waits;
      for (int i = 0; i < 10; ++i) {
        waits.push_back(std::async(std::launch::async, [&] {
          if (shown(read(*source, "7")) == R"({"name":"name of 7"})") ++right;
        }));
      }
    });
  }
  callers.clear();
  EXPECT_EQ(right, 40);
  EXPECT_EQ(counted("busy_max"), "3");
  EXPECT_EQ(counted("requests"), "42");
}

TEST_F(HttpSourceTest, ErrorsOfTheServerAreTriedAgain) {
  EXPECT_EQ(shown(read(*ask("/flaky-2/{entity}"), "a")), R"({"name":"name of a"})");
  EXPECT_THAT(shown(read(*ask("/flaky-3/{entity}"), "b")),
              AllOf(HasSubstr("source-failed: "), HasSubstr("status 500")));
  EXPECT_THAT(shown(read(*ask("/status-503/{entity}"), "x")), HasSubstr("status 503"));
  EXPECT_EQ(counted("requests"), "10");
}

TEST_F(HttpSourceTest, OtherStatusesAreFinal) {
  EXPECT_THAT(shown(read(*ask("/status-403/{entity}"), "x")),
              AllOf(HasSubstr("source-failed: "), HasSubstr("status 403"), HasSubstr("headers")));
  EXPECT_THAT(shown(read(*ask("/moved/{entity}"), "x")),
              AllOf(HasSubstr("status 302"), HasSubstr("redirects are not followed")));
  EXPECT_THAT(shown(read(*ask("/status-304/{entity}"), "x")), HasSubstr("status 304"));
  EXPECT_THAT(shown(read(*ask("/status-204/{entity}"), "x")), HasSubstr("status 204"));
  EXPECT_EQ(counted("requests"), "5");
}

TEST_F(HttpSourceTest, RetryAfterIsHonouredIfItFits) {
  const auto source = ask("/status-503/{entity}");
  const Instant begin = runtime_.now();
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("3600", seconds(5))))), HasSubstr("status 503"));
  EXPECT_LT(runtime_.now() - begin, seconds(4));
  EXPECT_EQ(counted("requests"), "2");
  const Instant second = runtime_.now();
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("1", milliseconds(1500))))),
              HasSubstr("status 503"));
  EXPECT_GE(runtime_.now() - second, seconds(1));
  EXPECT_EQ(counted("requests"), "5");
}

TEST_F(HttpSourceTest, GarbageIsToldWithItsPlace) {
  EXPECT_THAT(shown(read(*ask("/garbage/{entity}"), "x")),
              AllOf(HasSubstr("source-failed: the source answered garbage"), HasSubstr("byte 9")));
  EXPECT_THAT(shown(read(*ask("/array/{entity}"), "x")), HasSubstr("the JSON is no object"));
  EXPECT_THAT(shown(read(*ask("/nothttp/{entity}"), "x")), HasSubstr("source-failed: "));
  EXPECT_EQ(counted("requests"), "4");
}

TEST_F(HttpSourceTest, ABodyOverItsLimit) {
  HttpOriginOptions options;
  options.body_bytes_max = 1 << 20;
  const auto source = ask(open(options), "/huge/{entity}");
  EXPECT_THAT(shown(read(*source, "x")), HasSubstr("source-failed: "));
  EXPECT_EQ(counted("requests"), "2");
  EXPECT_GT(read(*ask("/huge/{entity}"), "x")->payload.size(), 4u << 20);
}

TEST_F(HttpSourceTest, AServerThatHangsUp) {
  EXPECT_THAT(shown(read(*ask("/cut/{entity}"), "x")),
              AllOf(HasSubstr("source-unavailable: "), HasSubstr("before its answer ended")));
  EXPECT_THAT(shown(read(*ask("/mute/{entity}"), "x")), HasSubstr("source-unavailable: "));
  EXPECT_EQ(counted("requests"), "7");
}

TEST_F(HttpSourceTest, AServerThatIsGone) {
  const auto source = ask("/ok/{entity}");
  EXPECT_TRUE(read(*source, "7").has_value());
  server_.stop();
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("source-unavailable: "));
}

TEST_F(HttpSourceTest, DeadlinesAreKept) {
  const auto source = ask("/hang/{entity}");
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("x", milliseconds(50))))),
              HasSubstr("timed-out: "));
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("x", -seconds(1))))), HasSubstr("timed-out: "));
}

TEST_F(HttpSourceTest, WaitingForAConnectionHasADeadlineAStopAndAnEnd) {
  HttpOriginOptions options;
  options.connections_max = 1;
  options.queue_max = 2;
  const auto source = ask(open(options), "/hang/{entity}");
  std::stop_source stop_first, stop_second;
  Fetch first = fetch_of("x"), second = fetch_of("x"), third = fetch_of("x", milliseconds(50));
  first.stop = stop_first.get_token();
  second.stop = stop_second.get_token();
  std::promise<std::string> ended[3];
  start(source->fetch(first), [&](const auto& answer) { ended[0].set_value(shown(answer)); });
  start(source->fetch(second), [&](const auto& answer) { ended[1].set_value(shown(answer)); });
  start(source->fetch(third), [&](const auto& answer) { ended[2].set_value(shown(answer)); });
  EXPECT_THAT(shown(read(*source, "x")), HasSubstr("refused: queue_max"));
  EXPECT_THAT(ended[2].get_future().get(),
              AllOf(HasSubstr("timed-out: "), HasSubstr("connections_max is 1")));
  stop_second.request_stop();
  EXPECT_THAT(ended[1].get_future().get(), HasSubstr("cancelled: "));
  stop_first.request_stop();
  EXPECT_THAT(ended[0].get_future().get(), HasSubstr("cancelled: "));
}

TEST_F(HttpSourceTest, AStopEndsThePauseBeforeTheNextTry) {
  const auto source = ask("/status-503/{entity}");
  std::stop_source stop;
  Fetch fetch = fetch_of("10");
  fetch.stop = stop.get_token();
  std::promise<std::string> ended;
  start(source->fetch(fetch), [&](const auto& answer) { ended.set_value(shown(answer)); });
  // Each look is a request as well.
  for (int looks = 1; counted("requests") == std::to_string(looks); ++looks) {
    ASSERT_LT(looks, 10000);
  }
  stop.request_stop();
  EXPECT_THAT(ended.get_future().get(), HasSubstr("cancelled: "));
}

TEST_F(HttpSourceTest, WhatIsWrongIsToldAtOnce) {
  const auto refusal = [](const auto& result) {
    return result ? std::string("none")
                  : std::string(name_of(result.error().code)) + ": " + result.error().what;
  };
  for (const std::string url :
       {"", "localhost", "ftp://h", "http://", "http://h:0", "http://u:p@h", "http://h/?a=b"}) {
    HttpOriginOptions options;
    options.url = url;
    EXPECT_THAT(refusal(open_http_origin(options, runtime_)), HasSubstr("invalid-argument: "))
        << url;
  }
  HttpOriginOptions none;
  none.url = server_.url();
  none.connections_max = 0;
  EXPECT_THAT(refusal(open_http_origin(none, runtime_)), HasSubstr("connections_max"));
  const auto origin = open();
  EXPECT_THAT(refusal(ask_http(origin, {.path = "/users", .fields = {"a"}})),
              HasSubstr("{entity}"));
  EXPECT_THAT(refusal(ask_http(origin, {.path = "{entity}", .fields = {"a"}})), HasSubstr("path"));
  EXPECT_THAT(refusal(ask_http(origin, {.path = "/{entity}"})), HasSubstr("fields"));
  EXPECT_THAT(refusal(ask_http(origin, {.path = "/{entity}", .fields = {""}})),
              HasSubstr("fields"));
}

TEST_F(HttpSourceTest, HttpsTrustsTheNamedAuthorityAlone) {
  const kit::TemporaryFolder folder;
  const std::string certificate = folder.file("own.crt"), key = folder.file("own.key");
  const std::string command =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost -keyout " +
      key + " -out " + certificate;
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0);
  const kit::JsonOrigin secure(certificate, key);
  HttpOriginOptions options;
  options.url = "https://localhost:" + secure.port();
  EXPECT_THAT(shown(read(*ask(open(options), "/ok/{entity}"), "7")),
              HasSubstr("source-unavailable: "));
  options.ca_file = certificate;
  const auto trusted = ask(open(options), "/ok/{entity}");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(shown(read(*trusted, "7")), R"({"name":"name of 7"})");
  options.ca_file = folder.file("none");
  EXPECT_FALSE(open_http_origin(options, runtime_).has_value());
}

}  // namespace
}  // namespace headrace
