// One connection of a client: any bytes are answered by well-formed messages, one for each request,
// and nothing is applied but what was answered as such.
//
// The same parser, alone, says which requests the bytes hold.  Whatever pieces they come in, they
// hold the same ones: who could make two parties see different requests could smuggle one.
#include <boost/json/parse.hpp>
#include <map>
#include <optional>

#include "core/hash.h"
#include "http_world.h"
#include "input.h"
#include "wire/http_parser.h"
#include "wire/uri.h"

namespace headrace::fuzz {

namespace {

using wire::Parse;
using wire::Request;
using wire::Response;

constexpr std::size_t bytes_max = 4096;  // What a session reads at once.

// What a connection's bytes hold.
struct Asked {
  std::vector<Request> requests{};
  int fault = 0;  // The status that what follows them deserves; 0: it may become a request yet.
  bool wants_continue = false;
};

Asked listen(std::string_view bytes, std::size_t piece) {
  wire::RequestParser parser(http_limits());
  Input arriving(bytes);
  Asked asked;
  std::string pending;
  while (!arriving.is_spent()) {
    pending.append(arriving.take(piece));
    for (;;) {
      const wire::Parsed parsed = parser.put(pending);
      demand(parsed.used <= pending.size(), "nothing is used that was not there");
      pending.erase(0, parsed.used);
      if (parsed.state == Parse::failed) {
        asked.fault = parser.fault().status;
        return asked;
      }
      if (parsed.state == Parse::more) break;
      asked.requests.push_back(parser.take());
      if (pending.empty()) break;
    }
  }
  asked.wants_continue = parser.wants_continue();
  return asked;
}

void demand_equal(const Asked& whole, const Asked& pieces) {
  // Of two faults either may be told; and one that is told early may be told late.
  demand(whole.requests.size() == pieces.requests.size(),
         "how bytes arrive does not decide how many requests they are");
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    const Request& a = whole.requests[i];
    const Request& b = pieces.requests[i];
    demand(a.method == b.method && a.target == b.target && a.body == b.body &&
               a.version == b.version && a.keep_alive == b.keep_alive,
           "nor what they say");
    demand(a.headers.size() == b.headers.size(), "nor their headers");
    for (std::size_t n = 0; n < a.headers.size(); ++n) {
      demand(a.headers[n].name == b.headers[n].name && a.headers[n].value == b.headers[n].value,
             "nor what stands in them");
    }
  }
}

// Goes through the answers, beside what they say of the source and of what was put.
class Reader {
 public:
  Reader(std::string bytes, const Truth& truth) : bytes_(std::move(bytes)), truth_(truth) {}

  // The answer to `request`; null: to what is no request.
  void read(const Request* request) {
    const Response response = next(request != nullptr && request->method == "HEAD");
    check(response);
    if (!request) {
      demand(response.status >= 400 && !response.keep_alive, "what is no request is refused");
      return;
    }
    demand(response.keep_alive == request->keep_alive, "both sides know whether it goes on");
    const std::vector<std::string_view> parts = wire::segments_of(request->path());
    if (parts.size() == 4 && parts[0] == "v1") follow(*request, response, parts);
    if (parts.size() == 3 && parts[0] == "v1" && parts[1] == "source") count_change(response);
  }

  void end(bool is_told_to_go_on) {
    demand(bytes_ == (is_told_to_go_on ? "HTTP/1.1 100 Continue\r\n\r\n" : ""),
           "nothing follows the last answer");
    demand(changes_ == truth_.changes(), "what was changed was answered so");
  }

 private:
  Response next(bool is_head) {
    wire::ResponseParser parser({.body_bytes_max = 1 << 20});
    if (is_head) parser.expect_no_body();
    const wire::Parsed parsed = parser.put(bytes_);
    demand(parsed.state == Parse::done, "an answer is a whole HTTP message");
    bytes_.erase(0, parsed.used);
    return parser.take();
  }

  static void check(const Response& response) {
    demand(response.status >= 200 && response.status != 500, "no answer is an error of the server");
    demand(response.header("x-request-id").has_value(), "an answer has an id");
    const std::string_view type = response.header("content-type").value_or("");
    if (!type.contains("json") || response.body.empty()) return;
    boost::system::error_code error;
    const auto json = boost::json::parse(response.body, error);
    demand(!error, "what is called JSON is JSON");
    if (type != "application/problem+json") return;
    demand(response.status >= 400 && json.at("status").as_int64() == response.status,
           "a problem says its status");
  }

  void count_change(const Response& response) {
    if (response.status == 200) ++changes_;
  }

  // What a request to /v1/.../{policy}/{entity} and its answer say.
  void follow(const Request& request, const Response& response,
              const std::vector<std::string_view>& parts) {
    const auto policy = wire::percent_decode(parts[2]);
    const auto entity = wire::percent_decode(parts[3]);
    if (!policy || !entity) return;
    if (parts[1] == "source") {
      const std::size_t before = changes_;
      count_change(response);
      // What was put is older than the change, and may not come back.
      if (changes_ != before) {
        std::erase_if(put_, [&](const auto& one) { return one.first.second == *entity; });
      }
    }
    if (response.status != 200) return;
    if (parts[1] == "put") put_[{*policy, *entity}] = request.body;
    if (parts[1] != "read" || request.method != "GET") return;
    const auto put = put_.find({*policy, *entity});
    const bool is_what_was_put =
        put != put_.end() && (response.body == put->second || is_null(put->second, response));
    demand(is_what_was_put || truth_.value(*entity, changes_) == response.body,
           "a read is answered with what is true, or was put since");
  }
  // A null is put with spaces around it, and answered without.
  static bool is_null(std::string_view put, const Response& response) {
    const std::size_t first = put.find_first_not_of(" \t\r\n");
    return response.body == "null" && first != std::string_view::npos &&
           put.substr(first).starts_with("null");
  }

  std::string bytes_;
  const Truth& truth_;
  std::size_t changes_ = 0;  // As answered.
  std::map<std::pair<std::string, std::string>, std::string> put_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string_view bytes = text_of(input, size).substr(0, bytes_max);
  const Asked asked = listen(bytes, bytes.size() + 1);
  demand_equal(asked, listen(bytes, 1 + hash64(bytes) % 32));

  World world;
  Reader answers(world.exchange(bytes), world.truth());
  bool is_open = true;
  for (std::size_t i = 0; i < asked.requests.size() && is_open; ++i) {
    answers.read(&asked.requests[i]);
    is_open = asked.requests[i].keep_alive;
  }
  if (is_open && asked.fault != 0) answers.read(nullptr);
  answers.end(is_open && asked.wants_continue);
  return 0;
}

}  // namespace headrace::fuzz
