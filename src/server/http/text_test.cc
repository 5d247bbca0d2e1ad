// What is written: JSON, problems, Cache-Status and metrics.
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "server/http/answer_text.h"
#include "server/http/json_text.h"
#include "server/http/metrics.h"
#include "server/http/problem.h"
#include "server/http/wall_text.h"

namespace headrace::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, EveryStringSurvives) {
  std::string all;
  for (char c = 1; c < 127; ++c) all += c;
  all += "\xc3\xa9";
  EXPECT_EQ(parse_json(in_quotes(all), 8).value().as_string(), all);
  EXPECT_EQ(in_quotes("a\"b\\c\n"), R"("a\"b\\c\u000a")");
  EXPECT_EQ(in_quotes("bad \xff byte"), R"("bad ? byte")");
}

TEST(JsonText, LongStringsSurviveWhereverAByteIsEscaped) {
  for (std::size_t at = 0; at < 50; ++at) {
    std::string text(50, 'x');
    text[at] = '"';
    text.insert(at / 2, "\xc3\xa9");
    EXPECT_EQ(parse_json(in_quotes(text), 8).value().as_string(), text);
  }
}

TEST(JsonText, NumbersAreJson) {
  std::string out;
  append_json_number(out, 0.25);
  append_json_number(out, std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "0.25null");
}

TEST(JsonText, DepthAndFormAreChecked) {
  EXPECT_TRUE(parse_json("[[[1]]]", 3));
  EXPECT_FALSE(parse_json("[[[[1]]]]", 3));
  for (const std::string_view bad : {"", "{", "nul", "1 2", "{\"a\":1,}", "\"\xff\"", "// x\n1"}) {
    EXPECT_FALSE(parse_json(bad, 8)) << bad;
  }
}

TEST(WallText, IsWhatTheCalendarSays) {
  const auto at = [](std::int64_t ms) { return WallTime(milliseconds(ms)); };
  EXPECT_EQ(rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(at(951'827'696'789)), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(rfc3339(at(253'402'300'799'999)), "9999-12-31T23:59:59.999Z");
  for (std::int64_t ms = 0; ms < 4'102'444'800'000; ms += 86'399'977) {
    EXPECT_EQ(parse_rfc3339(rfc3339(at(ms))), at(ms));
  }
}

TEST(WallText, BeyondFourDigitsOfAYearItIsTheirEnd) {
  EXPECT_EQ(rfc3339(WallTime::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(WallTime::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Problem, EveryCodeOfTheEngineHasOne) {
  for (int code = 0; code <= static_cast<int>(Code::closed); ++code) {
    const Problem problem = problem_of({.code = static_cast<Code>(code), .what = "x"});
    const auto response = response_of(problem, "/p", "id");
    EXPECT_GE(response.status, 400);
    EXPECT_TRUE(parse_json(response.body, 8)) << response.body;
    EXPECT_EQ(response.header("retry-after").has_value(), response.status == 503);
  }
}

TEST(Problem, CodesAreNamedOnce) {
  std::set<std::string_view> codes;
  for (const ProblemKind& kind : problem_kinds()) {
    EXPECT_TRUE(codes.insert(kind.code).second) << kind.code;
    EXPECT_FALSE(kind.advice.empty());
  }
  for (const int status : {400, 408, 413, 414, 417, 431, 501}) {
    EXPECT_EQ(problem_kind(problem_code_of_status(status)).status, status);
  }
}

TEST(Problem, DocumentsStaySmall) {
  Problem problem{.code = "validation", .detail = std::string(100000, 'x')};
  for (int i = 0; i < 1000; ++i) problem.errors.push_back({"/a", "is wrong"});
  const auto response = response_of(problem, "/" + std::string(100000, 'y'), "id");
  EXPECT_LT(response.body.size(), 4096U);
}

AnyAnswer answer(Origin origin, Reason reason, milliseconds age, Kind kind = Kind::value) {
  const Instant read_at{seconds(1000)};
  Entry::Parts parts{.entity = "1",
                     .kind = kind,
                     .read_at = read_at,
                     .fresh_until = read_at + seconds(30),
                     .stale_until = read_at + seconds(60),
                     .gone_at = read_at + milliseconds(60500)};
  if (kind == Kind::value) parts.value = std::make_shared<const std::string>("{\"a\":1}");
  return {Entry::make(std::move(parts)), origin, reason, read_at + age};
}

std::string status_of(const AnyAnswer& answer) {
  std::string out;
  append_cache_status(out, answer);
  return out;
}

TEST(CacheStatus, SaysWhereTheAnswerCameFrom) {
  EXPECT_EQ(status_of(answer(Origin::memory, Reason::fresh, milliseconds(2500))),
            "headrace; hit; ttl=27; detail=memory");
  EXPECT_EQ(status_of(answer(Origin::store, Reason::fresh, milliseconds(0))),
            "headrace; hit; ttl=30; detail=store");
  EXPECT_EQ(status_of(answer(Origin::memory, Reason::stale, milliseconds(33500))),
            "headrace; hit; ttl=-4; detail=stale");
  EXPECT_EQ(status_of(answer(Origin::source, Reason::cold, milliseconds(0))),
            "headrace; fwd=miss; detail=cold");
  EXPECT_EQ(status_of(answer(Origin::source, Reason::policy_off, milliseconds(0))),
            "headrace; fwd=bypass; detail=policy-off");
  AnyAnswer shared = answer(Origin::source, Reason::expired, milliseconds(0));
  shared.set_collapsed();
  EXPECT_EQ(status_of(shared), "headrace; fwd=stale; collapsed; detail=expired");
}

TEST(AnswerText, TheTagFollowsTheBytes) {
  const auto tag = [](const AnyAnswer& of) {
    std::string out;
    append_answer(out, of, {.request_id = "i"});
    const std::size_t at = out.find("ETag: ") + 6;
    return out.substr(at, 34);
  };
  const std::string one = tag(answer(Origin::memory, Reason::fresh, milliseconds(1)));
  EXPECT_EQ(one, tag(answer(Origin::source, Reason::cold, milliseconds(9))));
  EXPECT_NE(one, tag(answer(Origin::memory, Reason::fresh, milliseconds(1), Kind::null)));
  std::string out;
  EXPECT_EQ(append_answer(out, answer(Origin::memory, Reason::fresh, milliseconds(1)),
                          {.if_none_match = one, .request_id = "i"}),
            304);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
}

TEST(Counters, FallIntoTheirBuckets) {
  Counters counters;
  counters.add(Route::read, 200, std::chrono::microseconds(50));
  counters.add(Route::read, 204, std::chrono::microseconds(51));
  counters.add(Route::read, 999, seconds(100));
  EXPECT_EQ(counters.requests[0][2].get(), 2U);
  EXPECT_EQ(counters.requests[0][5].get(), 1U);
  EXPECT_EQ(counters.durations[0].buckets[0].get(), 1U);
  EXPECT_EQ(counters.durations[0].buckets[1].get(), 1U);
  EXPECT_EQ(counters.durations[0].buckets.back().get(), 1U);
}

PolicyStats counted() {
  PolicyStats users{.policy = "us\"ers", .loads = 3, .load_failures = 1};
  users.answers[0][0] = 8;
  users.source_reads = users.source_found = 6;
  users.source_missing = 2;
  users.source_writes = 3;
  users.source_deletes = 1;
  users.avoided_besides = 4;
  users.collection = "people";
  users.mismatch_ages.buckets = {0, 2, 0, 0, 0, 0, 0, 1};
  users.mismatch_ages.sum = seconds(100);
  return users;
}

TEST(Metrics, AreWhatPrometheusReads) {
  std::vector<std::unique_ptr<Counters>> loops;
  loops.push_back(std::make_unique<Counters>());
  loops.push_back(std::make_unique<Counters>());
  loops[0]->add(Route::read, 200, seconds(1));
  loops[1]->add(Route::read, 200, seconds(2));
  PolicyView view{.policy = {.name = "us\"ers"}};
  view.policy.rollout = Rollout::percentage;
  view.policy.percentage = 12.5;
  const auto prices = std::make_shared<const Prices>(
      Prices{.currency = "USD", .of = {{"us\"ers", {.read = 0.25, .write = 1, .removal = 10}}}});
  MetricsInput input{.store = Store::Usage{},
                     .loops = loops,
                     .version = "1.2.3",
                     .policies = {view},
                     .prices = prices};
  input.engine.policies.push_back(counted());
  const std::string text = metrics_text(input);

  const std::regex sample(
      R"re(headrace_[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [0-9.e+-]+)re");
  std::set<std::string> described;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(described.insert(name).second) << name << " is described twice";
    } else if (!line.starts_with("# TYPE ")) {
      EXPECT_TRUE(std::regex_match(line, sample)) << line;
    }
  }
  EXPECT_NE(
      text.find(R"(headrace_lookups_total{policy="us\"ers",origin="memory",reason="fresh"} 8)"),
      std::string::npos);
  for (const std::string line :
       {R"(headrace_source_reads_total{policy="us\"ers",collection="people",outcome="found"} 6)",
        R"(headrace_source_reads_total{policy="us\"ers",collection="people",outcome="missing"} 2)",
        R"(headrace_source_writes_total{policy="us\"ers",collection="people"} 3)",
        R"(headrace_source_deletes_total{policy="us\"ers",collection="people"} 1)",
        R"(headrace_source_reads_avoided_total{policy="us\"ers"} 12)",
        R"(headrace_money_spent_total{policy="us\"ers",currency="USD"} 14.5)",
        R"(headrace_money_saved_total{policy="us\"ers",currency="USD"} 3)",
        R"(headrace_policy_rollout{policy="us\"ers",rollout="percentage"} 1)",
        R"(headrace_policy_percentage{policy="us\"ers"} 12.5)",
        R"(headrace_shadow_mismatch_age_seconds_bucket{policy="us\"ers",le="1"} 0)",
        R"(headrace_shadow_mismatch_age_seconds_bucket{policy="us\"ers",le="10"} 2)",
        R"(headrace_shadow_mismatch_age_seconds_bucket{policy="us\"ers",le="43200"} 2)",
        R"(headrace_shadow_mismatch_age_seconds_bucket{policy="us\"ers",le="+Inf"} 3)",
        R"(headrace_shadow_mismatch_age_seconds_sum{policy="us\"ers"} 100)",
        R"(headrace_shadow_mismatch_age_seconds_count{policy="us\"ers"} 3)"}) {
    EXPECT_NE(text.find(line + "\n"), std::string::npos) << line << text;
  }
  EXPECT_NE(text.find(R"(headrace_loads_total{policy="us\"ers",result="loaded"} 2)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(headrace_requests_total{route="read",status="2xx"} 2)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(headrace_request_duration_seconds_bucket{route="read",le="0.5"} 0)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(headrace_request_duration_seconds_bucket{route="read",le="+Inf"} 2)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(headrace_request_duration_seconds_sum{route="read"} 3)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(headrace_build_info{version="1.2.3"} 1)"), std::string::npos);
}

}  // namespace
}  // namespace headrace::http
