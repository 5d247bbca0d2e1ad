#include "server/http/kv_text.h"

#include <algorithm>
#include <chrono>

#include "headrace/operations.h"
#include "json_text/walk.h"
#include "server/http/json_text.h"
#include "server/http/kv_call.h"
#include "server/http/wall_text.h"
#include "wire/http_writer.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view json_type = "application/json";
constexpr std::size_t json_depth_max = 64;

void append_common(std::string& out, const Asking& asking) {
  out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ";
  out += asking.request_id;
  out += asking.keep_alive ? "\r\n" : "\r\nConnection: close\r\n";
}

// Where it came from, how old it is, and how long it has yet.
void append_provenance(std::string& out, const Record& record, WallTime now) {
  wire::append_header(
      out, "Age",
      std::max<std::int64_t>(0, std::chrono::floor<seconds>(now - record.updated).count()));
  out += "Cache-Status: headrace; hit";
  if (record.expires != Record::never) {
    const Duration left = left_of(record, now);
    out += "; ttl=";
    wire::append_number(out, std::chrono::floor<seconds>(left).count());
    out += "\r\nExpires-In: ";
    wire::append_number(out, std::chrono::floor<milliseconds>(left).count());
  }
  out += "\r\n";
}

void append_time(std::string& out, WallTime at) {
  out += '"';
  append_rfc3339(out, at);
  out += '"';
}

void append_envelope(std::string& out, std::string_view key, const Record& record, WallTime now) {
  out += R"({"key":)";
  append_json_string(out, key);
  out += R"(,"value":)";
  append_json_value(out, record);
  out += R"(,"ttl":)";
  const bool ends = record.expires != Record::never;
  if (ends) {
    wire::append_number(out, seconds_left(record, now));
  } else {
    out += "null";
  }
  out += R"(,"created_at":)";
  append_time(out, record.created);
  out += R"(,"expires_at":)";
  if (ends) {
    append_time(out, now + std::chrono::floor<milliseconds>(left_of(record, now)));
  } else {
    out += "null";
  }
  out += R"(,"last_accessed":)";
  append_time(out, record.accessed);
  out += '}';
}

}  // namespace

bool can_show(const Record& record, Form form) noexcept {
  if (record.kind != Record::Kind::value) return false;
  return form == Form::bytes || wire::is_utf8(record.value);
}

Duration left_of(const Record& record, WallTime now) noexcept {
  return std::max<Duration>(Duration(0), end_after_access(record, now) - now);
}

std::int64_t seconds_left(const Record& record, WallTime now) noexcept {
  return std::chrono::ceil<seconds>(left_of(record, now)).count();
}

// Others than the writer of an envelope may have called JSON what is none: it is looked at again
// before it becomes part of one.
void append_json_value(std::string& out, const Record& record) {
  if (record.content_type == json_type && json_text::judge_json(record.value, json_depth_max)) {
    out += record.value;
  } else {
    append_json_string(out, record.value);
  }
}

int append_value(std::string& out, std::string_view key, const Record& record, WallTime now,
                 Form form, const Asking& asking) {
  const VersionTag tag(record, form);
  const bool unchanged =
      !asking.if_none_match.empty() && wire::etag_listed(asking.if_none_match, tag.view());
  wire::append_status(out, unchanged ? 304 : 200);
  if (!unchanged) {
    std::string_view type = record.content_type;
    if (type.empty()) type = "application/octet-stream";
    wire::append_header(out, "Content-Type", form == Form::envelope ? json_type : type);
  }
  out += "ETag: ";
  out += tag.view();
  out += "\r\n";
  append_provenance(out, record, now);
  append_common(out, asking);
  if (unchanged) {
    out += "\r\n";
    return 304;
  }
  if (form == Form::bytes) {
    wire::append_end(out, record.value.size());
    if (!asking.head) out += record.value;
    return 200;
  }
  thread_local std::string body;
  body.clear();
  append_envelope(body, key, record, now);
  wire::append_end(out, body.size());
  if (!asking.head) out += body;
  return 200;
}

int append_no_entry(std::string& out, const Asking& asking) {
  wire::Response response = response_of(no_such_entry(), asking.path, asking.request_id);
  response.keep_alive = asking.keep_alive;
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  response.headers.push_back({"X-Request-Id", std::string(asking.request_id)});
  wire::append_response(out, response, asking.head ? wire::Body::left_out : wire::Body::sent);
  return response.status;
}

}  // namespace headrace::http
