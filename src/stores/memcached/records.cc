// All numbers little-endian.  Each record begins with four bytes that name its kind and version; a
// program that does not know them leaves the record alone, or takes the slot for damaged.
#include "stores/memcached/records.h"

#include <algorithm>
#include <limits>

#include "core/hash.h"

namespace headrace::memcached {

namespace {

constexpr std::string_view lease_magic = "HRL1";
constexpr std::string_view envelope_magic = "HRE1";
constexpr std::string_view beside_magic = "HRB1";
constexpr std::string_view mark_magic = "HRW1";
constexpr std::string_view life_magic = "HRI1";
// What servers, up to 1.6.45 at least, can read as a time to live.
constexpr std::int64_t expiry_max = std::numeric_limits<std::int32_t>::max();

class Writing {
 public:
  explicit Writing(std::string_view magic) : bytes_(magic) {}
  Writing& number(std::uint64_t number, std::size_t size = 8) {
    for (std::size_t i = 0; i < size; ++i) bytes_ += static_cast<char>(number >> (8 * i));
    return *this;
  }
  Writing& token(Token token) { return number(token.high).number(token.low); }
  Writing& time(ServerTime time) {
    return number(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  }
  Writing& text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Takes parts from the front.  Past the end all is zero, and the record is not sound.
class Parsing {
 public:
  Parsing(std::string_view bytes, std::string_view magic) : left_(bytes) {
    is_sound_ = left_.starts_with(magic);
    left_.remove_prefix(std::min(left_.size(), magic.size()));
  }
  std::uint64_t number(std::size_t size = 8) {
    std::uint64_t number = 0;
    const std::string_view part = text(size);
    for (std::size_t i = 0; i < part.size(); ++i) {
      number |= std::uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    }
    return number;
  }
  Token token() {
    const std::uint64_t high = number();
    return {.high = high, .low = number()};
  }
  ServerTime time() { return ServerTime(Duration(static_cast<Duration::rep>(number()))); }
  std::string_view text(std::size_t size) {
    is_sound_ = is_sound_ && left_.size() >= size;
    if (!is_sound_) return {};
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(size);
    return text;
  }
  std::string_view rest() { return text(left_.size()); }
  [[nodiscard]] bool is_sound() const { return is_sound_; }
  [[nodiscard]] bool is_at_end() const { return is_sound_ && left_.empty(); }

 private:
  std::string_view left_;
  bool is_sound_ = false;
};

Instant as_instant(ServerTime time) {
  return Instant(time.time_since_epoch());
}

ServerTime as_server_time(Instant instant) {
  return ServerTime(instant.time_since_epoch());
}

}  // namespace

std::int64_t expiry_of(ServerTime at) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch()).count();
  return std::min<std::int64_t>(seconds, expiry_max);
}

std::string SlotRecord::bytes() const {
  Writing writing(kind == Kind::lease ? lease_magic : envelope_magic);
  writing.token(token).time(called_at).time(ends_at);
  if (kind == Kind::envelope) writing.text(envelope);
  return writing.take();
}

std::optional<SlotRecord> SlotRecord::parse(std::string_view bytes) {
  const bool is_lease = bytes.starts_with(lease_magic);
  Parsing parsing(bytes, is_lease ? lease_magic : envelope_magic);
  SlotRecord record{.kind = is_lease ? Kind::lease : Kind::envelope};
  record.token = parsing.token();
  record.called_at = parsing.time();
  record.ends_at = parsing.time();
  if (!is_lease) record.envelope = parsing.rest();
  if (!parsing.is_at_end() || record.token.is_none()) return std::nullopt;
  return record;
}

Token token_of_strange(std::string_view bytes) {
  const Hash128 hash = hash128(bytes);
  return {.high = hash.high, .low = hash.low | 1};
}

void BesideRecord::add(Token guard, ServerTime ends_at) {
  const auto at = std::ranges::find(guards, guard, &Guard::token);
  if (at == guards.end()) {
    guards.push_back({.token = guard, .ends_at = ends_at});
  } else {
    at->ends_at = std::max(at->ends_at, ends_at);
  }
}

void BesideRecord::raise(std::string_view revision, ServerTime ends_at) {
  floors.add(revision, as_instant(ends_at));
}

bool BesideRecord::remove(Token guard) {
  return std::erase_if(guards, [guard](const Guard& one) { return one.token == guard; }) > 0;
}

void BesideRecord::expire(ServerTime now) {
  std::erase_if(guards, [now](const Guard& one) { return one.ends_at <= now; });
  floors.expire(as_instant(now));
}

bool BesideRecord::is_guarded(ServerTime now) const {
  return std::ranges::any_of(guards, [now](const Guard& one) { return one.ends_at > now; });
}

void BesideRecord::tell_floors(ServerTime now, std::vector<std::string>& names) const {
  floors.tell(as_instant(now), names);
}

ServerTime BesideRecord::ends_at() const {
  ServerTime last = ServerTime::min();
  for (const Guard& one : guards) last = std::max(last, one.ends_at);
  for (const FloorSet::Floor& one : floors.all()) last = std::max(last, as_server_time(one.until));
  return last;
}

std::string BesideRecord::bytes() const {
  Writing writing(beside_magic);
  writing.number(guards.size(), 4);
  for (const Guard& one : guards) writing.token(one.token).time(one.ends_at);
  writing.number(floors.all().size(), 4);
  for (const FloorSet::Floor& one : floors.all()) {
    writing.time(as_server_time(one.until)).number(one.revision.size(), 4).text(one.revision);
  }
  return writing.take();
}

std::optional<BesideRecord> BesideRecord::parse(std::string_view bytes) {
  Parsing parsing(bytes, beside_magic);
  BesideRecord record;
  for (std::uint64_t left = parsing.number(4); left > 0 && parsing.is_sound(); --left) {
    const Token token = parsing.token();
    record.add(token, parsing.time());
  }
  for (std::uint64_t left = parsing.number(4); left > 0 && parsing.is_sound(); --left) {
    const ServerTime ends_at = parsing.time();
    record.raise(parsing.text(parsing.number(4)), ends_at);
  }
  if (!parsing.is_at_end()) return std::nullopt;
  return record;
}

std::string bytes_of_mark(Token token) {
  return Writing(mark_magic).token(token).take();
}

std::optional<Token> parse_mark(std::string_view bytes) {
  Parsing parsing(bytes, mark_magic);
  const Token token = parsing.token();
  if (!parsing.is_at_end() || token.is_none()) return std::nullopt;
  return token;
}

std::string LifeRecord::bytes() const {
  Writing writing(life_magic);
  writing.token(token).number(servers).number(static_cast<std::uint64_t>(expires_at));
  return writing.take();
}

std::optional<LifeRecord> LifeRecord::parse(std::string_view bytes) {
  Parsing parsing(bytes, life_magic);
  LifeRecord record;
  record.token = parsing.token();
  record.servers = parsing.number();
  record.expires_at = static_cast<std::int64_t>(parsing.number());
  if (!parsing.is_at_end() || record.token.is_none()) return std::nullopt;
  return record;
}

}  // namespace headrace::memcached
