// What an HTTP origin answers: the parser of responses, and the projection of their bodies.
//
// The first byte says whether a HEAD was asked and in what pieces the rest arrives.
#include <boost/json/parse.hpp>
#include <optional>

#include "input.h"
#include "sources/http/projection.h"
#include "wire/http_parser.h"

namespace headrace::fuzz {

namespace {

using wire::Parse;
using wire::Response;

constexpr wire::HttpLimits limits{
    .header_bytes_max = 1024, .headers_max = 16, .body_bytes_max = 2048};

struct Heard {
  Parse state = Parse::more;
  Response response{};
  std::size_t unused = 0;  // Of all that was sent; the next answer on the connection.
};

// As sources/http/exchange.cc listens: to what comes, and then to the end of the connection.
Heard listen(std::string_view bytes, std::size_t piece, bool is_head) {
  wire::ResponseParser parser(limits);
  if (is_head) parser.expect_no_body();
  Input arriving(bytes);
  Heard heard;
  std::string pending;
  while (heard.state == Parse::more && !arriving.is_spent()) {
    pending.append(arriving.take(piece));
    const wire::Parsed parsed = parser.put(pending);
    demand(parsed.used <= pending.size(), "nothing is used that was not there");
    pending.erase(0, parsed.used);
    heard.state = parsed.state;
  }
  if (heard.state == Parse::more) heard.state = parser.finish();
  demand(heard.state != Parse::more, "the end of the connection ends an answer");
  if (heard.state == Parse::failed) {
    demand(parser.fault().status == 502 && !parser.fault().what.empty(), "a fault is told");
    return heard;
  }
  heard.unused = pending.size() + arriving.rest().size();
  heard.response = parser.take();
  demand(heard.response.body.size() <= limits.body_bytes_max, "a body keeps its limit");
  demand(heard.response.headers.size() <= limits.headers_max, "headers keep their limit");
  return heard;
}

void demand_equal(const Heard& whole, const Heard& pieces) {
  demand(whole.state == pieces.state, "how bytes arrive does not decide whether they are sound");
  demand(whole.unused == pieces.unused, "nor where an answer ends");
  const Response& a = whole.response;
  const Response& b = pieces.response;
  demand(a.status == b.status && a.body == b.body && a.keep_alive == b.keep_alive,
         "nor what it says");
  demand(a.headers.size() == b.headers.size(), "nor its headers");
  for (std::size_t i = 0; i < a.headers.size(); ++i) {
    demand(a.headers[i].name == b.headers[i].name && a.headers[i].value == b.headers[i].value,
           "nor what stands in them");
  }
}

void check_projection(const std::string& body) {
  const std::vector<std::string> fields = {"a", "b.c", "name", "b"};
  const auto projected = http::project(body, fields);
  if (!projected) {
    demand(projected.error().code == Code::source_failed, "garbage is the source's fault");
    demand(!projected.error().what.empty(), "and is told");
    return;
  }
  if (projected->kind == Kind::null) return;
  demand(projected->kind == Kind::value, "a body is a value or null");
  boost::system::error_code error;
  const auto json = boost::json::parse(projected->json, error);
  demand(!error && json.is_object(), "what was projected is an object");
  demand(json.as_object().size() <= fields.size(), "of no more than the fields");
  const auto again = http::project(projected->json, {"a", "name", "b"});
  const auto once = http::project(body, {"a", "name", "b"});
  demand(again && once && again->json == once->json, "to project twice changes nothing");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Input input(text_of(bytes, size));
  const std::uint8_t how = input.byte();
  const bool is_head = (how & 1) != 0;
  const std::string_view answer = input.rest();
  const Heard whole = listen(answer, answer.size() + 1, is_head);
  demand_equal(whole, listen(answer, 1 + (how >> 1) % 64, is_head));
  if (whole.state == Parse::done) check_projection(whole.response.body);
  check_projection(std::string(answer));
  return 0;
}

}  // namespace headrace::fuzz
