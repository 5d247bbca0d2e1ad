#include "server/http/rate_text.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

std::string seconds_up(Duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

// "burst";r=37;t=1
std::string left_text(std::string_view policy, std::uint64_t left, Duration until) {
  std::string text = "\"";
  text.append(policy).append("\";r=").append(std::to_string(left));
  return text.append(";t=").append(seconds_up(until));
}

// "burst";q=100;w=1, "daily";q=1000000;w=86400
std::string policies_text(const Meter& meter) {
  const auto quotas = meter.quotas();
  std::string text;
  for (std::size_t i = 0; i < Meter::policies_max; ++i) {
    if (quotas[i] == 0) continue;
    text.append(text.empty() ? "\"" : ", \"").append(Meter::windows[i].name);
    text.append("\";q=").append(std::to_string(quotas[i]));
    text.append(";w=").append(seconds_up(Meter::windows[i].length));
  }
  return text;
}

}  // namespace

Problem quota_exceeded(std::string detail, std::vector<std::string> violated,
                       Duration retry_after) {
  assert(retry_after != RateDecision::never);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(retry_after).count();
  const Duration wait = std::max(retry_after, Duration(std::chrono::seconds(1)));
  return {.code = "quota-exceeded",
          .detail = std::move(detail),
          .headers = {{"Retry-After", seconds_up(wait)}},
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

bool has_headers(const IdentityRef& who) noexcept {
  if (!who) return false;
  if (who->replaced) return true;
  if (!who->meter) return false;
  return std::ranges::any_of(who->meter->quotas(), [](std::uint64_t quota) { return quota != 0; });
}

wire::Headers headers_for(const IdentityRef& who, Instant now) {
  wire::Headers headers;
  if (!has_headers(who)) return headers;
  if (who->replaced) {
    const auto since = std::chrono::floor<std::chrono::seconds>(who->replaced->time_since_epoch());
    headers.push_back({"Deprecation", "@" + std::to_string(since.count())});
    if (who->expires != Record::never) headers.push_back({"Sunset", http_date(who->expires)});
  }
  if (!who->meter) return headers;
  const Meter::Reading reading = who->meter->look(now);
  if (!reading.is_limited) return headers;
  headers.push_back({"RateLimit-Policy", policies_text(*who->meter)});
  headers.push_back({"RateLimit", left_text(Meter::windows[reading.tightest].name,
                                            reading.remaining, reading.reset)});
  return headers;
}

}  // namespace headrace::http
