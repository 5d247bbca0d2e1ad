#include "stores/memcached/trial.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;

std::unexpected<Error> unfit(std::string why) {
  return failure(Code::store_unavailable, "it is not fit to be a store: " + std::move(why));
}

}  // namespace

MemcachedRequest trial_of(std::string_view item) {
  // Should the connection break off, what is left of the trial is gone after a minute.
  constexpr std::int64_t soon = 60;
  constexpr std::uint64_t impossible = std::numeric_limits<std::uint64_t>::max();
  MemcachedRequest request;
  request.version();
  request.stats();
  request.remove(item);
  request.set(item, "lease", {.when = Set::If::absent, .expires_at = soon});
  request.set(item, "other", {.when = Set::If::absent, .expires_at = soon});
  request.set(item, "wrong", {.when = Set::If::matches, .cas = impossible, .expires_at = soon});
  request.get(item, MemcachedRequest::Value::with);
  request.remove(item);
  request.set(item, "late", {.when = Set::If::matches, .cas = 1, .expires_at = soon});
  request.get(item, MemcachedRequest::Value::with);
  return request;
}

Result<MemcachedReply> judge_trial(std::string_view replies) {
  const auto next = [&replies]() -> MemcachedReply {
    return wire::take_reply(replies).value_or(MemcachedReply{});
  };
  const MemcachedReply version = next();
  if (version.kind != Kind::version) {
    return unfit("it does not tell its version; " + std::string(needed_server));
  }
  const std::string named = "memcached " + std::string(version.value);
  const MemcachedReply stats = next();
  if (stats.kind != Kind::stats) return unfit(named + " does not tell its statistics");
  (void)next();
  const MemcachedReply lease = next();
  if (lease.kind == Kind::error) {
    return unfit(named + " answers \"" + std::string(lease.value) + "\" to a meta command; " +
                 std::string(needed_server));
  }
  if (lease.kind == Kind::done && lease.cas() == 0) {
    return unfit(named +
                 " has no compare-and-set, without which an old value could come back; start it "
                 "without -C (--disable-cas)");
  }
  if (lease.kind != Kind::done) return unfit(named + " did not add an item that was not there");
  if (next().kind != Kind::not_stored) return unfit(named + " granted two leases of one slot");
  if (next().kind != Kind::exists) {
    return unfit(named + " stored under a number that the item did not have");
  }
  const MemcachedReply kept = next();
  if (kept.kind != Kind::value || kept.value != "lease" || kept.cas() != lease.cas()) {
    return unfit(named + " does not give back what was stored, with its number");
  }
  if (!kept.left()) return unfit(named + " does not tell how long an item has left");
  if (next().kind != Kind::done) return unfit(named + " did not delete an item");
  if (next().kind != Kind::not_found || next().kind != Kind::missing) {
    return unfit(named + " stored a fill after its lease was deleted");
  }
  return stats;
}

}  // namespace headrace::memcached
