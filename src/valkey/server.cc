#include "valkey/server.h"

#include "core/hash.h"

namespace headrace::valkey {

namespace {

std::int64_t scaled(Duration time, double rate) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return static_cast<std::int64_t>(static_cast<double>(microseconds) * rate);
}

}  // namespace

bool ServerClock::sample(std::int64_t first, std::int64_t second, Instant sent, Instant received) {
  const std::int64_t apart_max =
      std::chrono::duration_cast<std::chrono::microseconds>(received - sent).count() + 1000;
  if (second < first || second - first > apart_max) return false;
  const std::scoped_lock lock(mutex_);
  said_first_ = first;
  said_second_ = second;
  sent_ = sent;
  received_ = received;
  return true;
}

bool ServerClock::is_old(Instant now) const {
  const std::scoped_lock lock(mutex_);
  return now - received_ > old_after;
}

std::int64_t ServerClock::at_least(Instant now) const {
  const std::scoped_lock lock(mutex_);
  const Duration since = now - received_;
  return said_first_ + scaled(since, since < Duration::zero() ? 1 + drift : 1 - drift);
}

std::int64_t ServerClock::at_most(Instant now) const {
  const std::scoped_lock lock(mutex_);
  const Duration since = now - sent_;
  return said_second_ + scaled(since, since < Duration::zero() ? 1 - drift : 1 + drift) + 1;
}

std::string_view info_field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const std::size_t end = info.find("\r\n");
    const std::string_view line = info.substr(0, end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
    if (end == std::string_view::npos) break;
    info.remove_prefix(end + 2);
  }
  return {};
}

Result<Token> incarnation_of(std::string_view server, std::string_view replication) {
  const std::string_view run = info_field(server, "run_id");
  const std::string_view history = info_field(replication, "master_replid");
  if (run.empty() || history.empty()) {
    return failure(Code::store_unavailable,
                   "INFO does not name run_id and master_replid: Headrace has to know when the "
                   "server's data is another than before");
  }
  const Hash128 hash = hash128(std::string(run) + "/" + std::string(history));
  return Token{.high = hash.high, .low = hash.low};
}

}  // namespace headrace::valkey
