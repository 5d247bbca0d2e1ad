#include "server/http/answer_text.h"

#include <chrono>

#include "server/http/etag.h"
#include "server/http/problem.h"
#include "wire/http_writer.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How RFC 9211 calls the reason why an answer is the source's.
std::string_view forward_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::expired:
    case Reason::invalidated: return "stale";
    case Reason::forced: return "request";
    case Reason::policy_off:
    case Reason::shadow:
    case Reason::sampled_out:
    case Reason::quarantined:
    case Reason::guarded:
    case Reason::leased:
    case Reason::store_down:
    case Reason::feed_behind: return "bypass";
    default: return "miss";
  }
}

void append_provenance(std::string& out, const AnyAnswer& answer) {
  wire::append_header(out, "Age", std::chrono::floor<seconds>(answer.age()).count());
  out += "Cache-Status: ";
  append_cache_status(out, answer);
  out += "\r\n";
  wire::append_header(out, "Headrace-Age-Ms",
                      std::chrono::floor<milliseconds>(answer.age()).count());
  wire::append_header(out, "Headrace-Bound", std::chrono::ceil<seconds>(answer.bound()).count());
}

void append_common(std::string& out, const Asking& asking) {
  out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ";
  out += asking.request_id;
  out += asking.keep_alive ? "\r\n" : "\r\nConnection: close\r\n";
}

void append_absence(std::string& out, const AnyAnswer& answer, const Asking& asking) {
  const Problem absent{.code = "not-found", .detail = "the source has no such entity"};
  const wire::Response response = response_of(absent, asking.path, asking.request_id);
  wire::append_status(out, response.status);
  out += "Content-Type: application/problem+json\r\n";
  append_provenance(out, answer);
  append_common(out, asking);
  wire::append_end(out, response.body.size());
  if (!asking.head) out += response.body;
}

}  // namespace

std::string_view json_of(const AnyAnswer& answer) noexcept {
  if (answer.kind() != Kind::value) return "null";
  return *static_cast<const std::string*>(answer.entry().value());
}

std::string etag_of(std::string_view body) {
  return std::string(Etag(body).view());
}

void append_cache_status(std::string& out, const AnyAnswer& answer) {
  if (answer.origin() == Origin::source) {
    out += "headrace; fwd=";
    out += forward_of(answer.reason());
    if (answer.collapsed()) out += "; collapsed";
    out += "; detail=";
    out += name_of(answer.reason());
    return;
  }
  out += "headrace; hit; ttl=";
  wire::append_number(out, std::chrono::floor<seconds>(answer.fresh_left()).count());
  out += "; detail=";
  out += answer.reason() == Reason::fresh ? name_of(answer.origin()) : name_of(answer.reason());
}

int append_answer(std::string& out, const AnyAnswer& answer, const Asking& asking) {
  if (answer.kind() == Kind::absent) {
    append_absence(out, answer, asking);
    return 404;
  }
  const std::string_view body = json_of(answer);
  const Etag etag(body);
  const bool unchanged =
      !asking.if_none_match.empty() && wire::etag_listed(asking.if_none_match, etag.view());
  wire::append_status(out, unchanged ? 304 : 200);
  if (!unchanged) out += "Content-Type: application/json\r\n";
  out += "ETag: ";
  out += etag.view();
  out += "\r\n";
  append_provenance(out, answer);
  append_common(out, asking);
  if (unchanged) {
    out += "\r\n";
    return 304;
  }
  wire::append_end(out, body.size());
  if (!asking.head) out += body;
  return 200;
}

}  // namespace headrace::http
