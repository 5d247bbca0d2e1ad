#include "server/http/rate_text.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/http/wall_text.h"
#include "wire/http_writer.h"

namespace headrace::http {

namespace {

std::int64_t whole_seconds(Duration time) {
  return std::chrono::ceil<std::chrono::seconds>(time).count();
}

// RateLimit-Policy: "burst";q=100;w=1, "daily";q=1000000;w=86400
void append_policies(std::string& out, const Meter& meter) {
  const auto quotas = meter.quotas();
  std::string_view before = "RateLimit-Policy: \"";
  for (std::size_t i = 0; i < Meter::policies_max; ++i) {
    if (quotas[i] == 0) continue;
    out.append(std::exchange(before, ", \"")).append(Meter::windows[i].name).append("\";q=");
    wire::append_number(out, static_cast<std::int64_t>(quotas[i]));
    out += ";w=";
    wire::append_number(out, whole_seconds(Meter::windows[i].length));
  }
  out += "\r\n";
}

// RateLimit: "burst";r=37;t=1
void append_left(std::string& out, const Meter::Reading& reading) {
  out.append("RateLimit: \"").append(Meter::windows[reading.tightest].name).append("\";r=");
  wire::append_number(out, static_cast<std::int64_t>(reading.remaining));
  out += ";t=";
  wire::append_number(out, whole_seconds(reading.reset));
  out += "\r\n";
}

}  // namespace

Problem quota_exceeded(std::string detail, std::vector<std::string> violated,
                       Duration retry_after) {
  assert(retry_after != RateDecision::never);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(retry_after).count();
  const Duration wait = std::max(retry_after, Duration(std::chrono::seconds(1)));
  return {.code = "quota-exceeded",
          .detail = std::move(detail),
          .headers = {{"Retry-After", std::to_string(whole_seconds(wait))}},
          .violated = std::move(violated),
          .retry_after_ms = ms};
}

Outcome<void> charge(const IdentityRef& who, std::uint64_t cost, Instant now) {
  if (!who || !who->meter) return {};
  const Meter::Reading reading = who->meter->spend(std::min(cost, Meter::cost_max), now);
  if (reading.allowed) return {};
  std::vector<std::string> violated;
  for (std::size_t i = 0; i < Meter::policies_max; ++i) {
    if (reading.refused[i]) violated.emplace_back(Meter::windows[i].name);
  }
  return std::unexpected(
      quota_exceeded("the tenant has used up its rate", std::move(violated), reading.retry_after));
}

bool can_pay(const IdentityRef& who, std::uint64_t cost, Instant now) noexcept {
  return !who || !who->meter || who->meter->would_allow(std::min(cost, Meter::cost_max), now);
}

bool has_headers(const IdentityRef& who) noexcept {
  if (!who) return false;
  if (who->replaced) return true;
  if (!who->meter) return false;
  return std::ranges::any_of(who->meter->quotas(), [](std::uint64_t quota) { return quota != 0; });
}

void append_headers_for(std::string& out, const IdentityRef& who, Instant now) {
  if (!has_headers(who)) return;
  if (who->replaced) {
    const auto since = std::chrono::floor<std::chrono::seconds>(who->replaced->time_since_epoch());
    wire::append_header(out, "Deprecation", "@" + std::to_string(since.count()));
    if (who->expires != Record::never) wire::append_header(out, "Sunset", http_date(who->expires));
  }
  if (!who->meter) return;
  const Meter::Reading reading = who->meter->look(now);
  if (!reading.is_limited) return;
  append_policies(out, *who->meter);
  append_left(out, reading);
}

}  // namespace headrace::http
