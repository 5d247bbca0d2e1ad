#include "wire/http_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "wire/http_writer.h"

namespace headrace::wire {
namespace {

constexpr std::string_view simple = "GET /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nX-One:  two \r\n\r\n";

// The status of the fault that `bytes` end in; 0 if they are a request, -1 if it is not complete.
int fault_in(std::string_view bytes, HttpLimits limits = {}) {
  RequestParser parser(limits);
  const Parsed parsed = parser.put(bytes);
  if (parsed.state == Parse::failed) return parser.fault().status;
  return parsed.state == Parse::done ? 0 : -1;
}

// Offers `bytes` one by one, as the slowest peer would.
template <class Parser>
Parse drip(Parser& parser, std::string_view bytes) {
  std::string held;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    held += bytes[i];
    const Parsed parsed = parser.put(held);
    held.erase(0, parsed.used);
    if (parsed.state != Parse::more) return i + 1 == bytes.size() ? parsed.state : Parse::failed;
  }
  return Parse::more;
}

TEST(RequestParser, GivesTheMessageAndLeavesWhatIsBehindIt) {
  RequestParser parser;
  const std::string bytes = std::string(simple) + "GET /next";
  const Parsed parsed = parser.put(bytes);
  ASSERT_EQ(parsed.state, Parse::done);
  EXPECT_EQ(parsed.used, simple.size());
  const Request request = parser.take();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a%2Fb?x=1");
  EXPECT_EQ(request.path(), "/a%2Fb");
  EXPECT_EQ(request.query(), "x=1");
  EXPECT_EQ(request.header("x-ONE"), "two");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_FALSE(parser.is_inside());
}

TEST(RequestParser, TakesAnyPortions) {
  const std::string_view chunked =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
  const std::string_view sized = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde";
  for (const std::string_view bytes : {chunked, sized}) {
    RequestParser parser;
    ASSERT_EQ(drip(parser, bytes), Parse::done) << bytes;
    const Request request = parser.take();
    EXPECT_EQ(request.body, "abcde");
    EXPECT_FALSE(request.header("trailer"));
  }
}

TEST(RequestParser, ReusesItselfForTheNextMessage) {
  RequestParser parser;
  ASSERT_EQ(parser.put("POST /1 HTTP/1.1\r\nHost: h\r\nA: 1\r\nContent-Length: 1\r\n\r\nx").state,
            Parse::done);
  EXPECT_EQ(parser.request().body, "x");
  parser.skip();
  ASSERT_EQ(parser.put("GET /2 HTTP/1.1\r\nHost: g\r\n\r\n").state, Parse::done);
  EXPECT_EQ(parser.request().target, "/2");
  EXPECT_EQ(parser.request().headers.size(), 1U);
  EXPECT_EQ(parser.request().header("host"), "g");
  EXPECT_EQ(parser.request().body, "");
}

TEST(RequestParser, KeepAliveFollowsVersionAndHeader) {
  const auto keeps = [](std::string_view bytes) {
    RequestParser parser;
    EXPECT_EQ(parser.put(bytes).state, Parse::done);
    return parser.take().keep_alive;
  };
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestParser, AsksForContinueOnlyWhileTheBodyIsMissing) {
  RequestParser parser;
  const std::string_view head =
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(parser.put(head).state, Parse::more);
  EXPECT_TRUE(parser.wants_continue());
  EXPECT_EQ(parser.put("ab").state, Parse::done);
  EXPECT_FALSE(parser.wants_continue());
}

TEST(RequestParser, RefusesWhatIsNoHttp) {
  EXPECT_EQ(fault_in("\x16\x03\x01 hello\r\n\r\n"), 400);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\nHost: h\n\n"), 400);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), 400);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(fault_in("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n"), 417);
  EXPECT_EQ(fault_in("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"), 400);
}

// Two parties that see a body's end in different places can be played against each other.
TEST(RequestParser, RefusesAmbiguousBodies) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(fault_in(head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na"), 400);
  EXPECT_EQ(fault_in(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na"), 400);
  EXPECT_EQ(fault_in(head + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na"), 400);
  EXPECT_EQ(fault_in(head + "Transfer-Encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(fault_in(head + "Transfer-Encoding: chunked, identity\r\n\r\n"), 501);
  EXPECT_EQ(fault_in(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
}

TEST(RequestParser, LimitsAreKeptToTheByte) {
  const HttpLimits limits{
      .header_bytes_max = 64, .target_bytes_max = 20, .headers_max = 2, .body_bytes_max = 3};
  EXPECT_EQ(fault_in("GET /" + std::string(20, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits), 414);
  EXPECT_EQ(fault_in("GET /" + std::string(100, 'a'), limits), 414);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(100, 'a'), limits), 431);
  EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n", limits), 431);
  const std::string put = "PUT / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(fault_in(put + "Content-Length: 4\r\n\r\n", limits), 413) << "before the body came";
  EXPECT_EQ(fault_in(put + "Content-Length: 3\r\n\r\nabc", limits), 0);
  const std::string chunked = put + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(fault_in(chunked + "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", limits), 413);
  EXPECT_EQ(fault_in(chunked + "1;" + std::string(200, 'x'), limits), 431) << "an endless line";
}

// Beast takes the first line and the fields for two headers, if they come together.
TEST(RequestParser, AHeaderHasOneLimitHoweverItArrives) {
  const std::string line = "GET /" + std::string(30, 'a') + " HTTP/1.1\r\n";
  const std::string request = line + "Host: h\r\nA: " + std::string(40, 'b') + "\r\n\r\n";
  const HttpLimits exact{.header_bytes_max = request.size()};
  const HttpLimits less{.header_bytes_max = request.size() - 1};
  EXPECT_EQ(fault_in(request, exact), 0);
  EXPECT_EQ(fault_in(request + request, exact), 0) << "what follows does not count";
  EXPECT_EQ(fault_in(request, less), 431);
  RequestParser parser(exact);
  EXPECT_EQ(drip(parser, request), Parse::done);
  RequestParser refusing(less);
  EXPECT_EQ(drip(refusing, request), Parse::failed);
  EXPECT_EQ(refusing.fault().status, 431) << "not 414: the line is short enough";
}

// Beast's own limit begins anew with each portion.
TEST(RequestParser, ManySmallHeadersAreOneHeader) {
  RequestParser parser(HttpLimits{.header_bytes_max = 100});
  Parse state = parser.put("GET / HTTP/1.1\r\nHost: h\r\n").state;
  std::string held;
  for (int i = 0; i < 20 && state == Parse::more; ++i) {
    held += "A: bcdefgh\r\n";
    const Parsed parsed = parser.put(held);
    held.erase(0, parsed.used);
    state = parsed.state;
  }
  ASSERT_EQ(state, Parse::failed);
  EXPECT_EQ(parser.fault().status, 431);
}

TEST(RequestParser, ChunksMayArriveByteByByte) {
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string_view chunks :
       {"0\r\n\r\n", "000;a=b\r\nT: t\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"}) {
    RequestParser parser;
    EXPECT_EQ(drip(parser, head + std::string(chunks)), Parse::done) << chunks;
    EXPECT_EQ(parser.take().body, chunks.contains('x') ? "x" : "");
  }
}

TEST(RequestParser, HalfARequestIsNoRequest) {
  for (std::size_t size = 0; size < simple.size(); ++size) {
    EXPECT_EQ(fault_in(simple.substr(0, size)), -1) << size;
  }
}

TEST(ResponseParser, PassesOverInterimResponses) {
  ResponseParser parser;
  ASSERT_EQ(drip(parser,
                 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"1\"\r\n\r\n{}"),
            Parse::done);
  const Response response = parser.take();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  EXPECT_EQ(response.header("etag"), "\"1\"");
  EXPECT_FALSE(response.header("link"));
  EXPECT_TRUE(response.keep_alive);
}

TEST(ResponseParser, TheEndOfTheConnectionMayEndABody) {
  ResponseParser parser;
  EXPECT_EQ(parser.put("HTTP/1.1 200 OK\r\n\r\nab").state, Parse::more);
  EXPECT_EQ(parser.put("c").state, Parse::more);
  ASSERT_EQ(parser.finish(), Parse::done);
  const Response response = parser.take();
  EXPECT_EQ(response.body, "abc");
  EXPECT_FALSE(response.keep_alive);
}

TEST(ResponseParser, ABrokenOffMessageIsAFault) {
  for (const std::string_view bytes :
       {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nA: b\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"}) {
    ResponseParser parser;
    EXPECT_EQ(parser.put(bytes).state, Parse::more) << bytes;
    EXPECT_EQ(parser.finish(), Parse::failed) << bytes;
    EXPECT_EQ(parser.fault().status, 502);
  }
}

TEST(ResponseParser, SomeResponsesHaveNoBody) {
  ResponseParser parser;
  EXPECT_EQ(parser.put("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").state,
            Parse::done);
  EXPECT_EQ(parser.take().status, 304);
  parser.expect_no_body();
  EXPECT_EQ(parser.put("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").state, Parse::done);
  EXPECT_EQ(parser.take().body, "");
  EXPECT_EQ(parser.put("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").state, Parse::more)
      << "the expectation was for one response";
}

TEST(ResponseParser, RefusesABodyOverTheLimit) {
  ResponseParser parser(HttpLimits{.body_bytes_max = 3});
  EXPECT_EQ(parser.put("HTTP/1.1 200 OK\r\n\r\nabcd").state, Parse::failed);
  EXPECT_EQ(parser.fault().status, 502);
  EXPECT_NE(parser.fault().what.find("body_bytes_max"), std::string::npos);
}

TEST(HttpWriter, WhatIsWrittenCanBeRead) {
  std::string bytes;
  append_request(
      bytes, Request{.method = "PUT", .target = "/x", .headers = {{"Host", "h"}}, .body = "{}"});
  RequestParser requests;
  ASSERT_EQ(requests.put(bytes).state, Parse::done);
  EXPECT_EQ(requests.take().body, "{}");

  bytes.clear();
  append_response(
      bytes, Response{.status = 404, .headers = {{"A", "b"}}, .body = "no", .keep_alive = false});
  EXPECT_EQ(bytes,
            "HTTP/1.1 404 Not Found\r\nA: b\r\nConnection: close\r\n"
            "Content-Length: 2\r\n\r\nno");
  ResponseParser responses;
  ASSERT_EQ(responses.put(bytes).state, Parse::done);
  EXPECT_EQ(responses.take().body, "no");
}

TEST(HttpWriter, BodiesAreLeftOutWhereTheyMustBe) {
  std::string head;
  append_response(head, Response{.body = "abc"}, Body::left_out);
  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  std::string unchanged;
  append_response(unchanged, Response{.status = 304, .body = "abc"});
  EXPECT_EQ(unchanged, "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST(HttpWriter, NoValueBecomesAHeader) {
  std::string bytes;
  append_header(bytes, "A", "b\r\nEvil: yes\n");
  EXPECT_EQ(bytes, "A: b  Evil: yes \r\n");
  bytes.clear();
  append_request(bytes, Request{.target = "/a b\r\nEvil: yes"});
  EXPECT_EQ(bytes, "GET /abEvil:yes HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace headrace::wire
