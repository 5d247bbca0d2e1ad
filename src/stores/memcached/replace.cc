#include "stores/memcached/replace.h"

#include <algorithm>
#include <utility>

#include "stores/memcached/sight.h"
#include "wire/envelope.h"

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;

// A connection that is lost between two requests is made anew this often within a call.
constexpr int rounds_max = 4;
constexpr Duration keep_max = std::chrono::hours(24 * 365);
// How long a put may be on its way from its lease to its envelope.
constexpr Duration put_lease = std::chrono::seconds(10);

SlotRecord record_of(const Replacement& by, const Session& session, Instant called) {
  if (by.kind == Replacement::Kind::lease) {
    return lease_record(by.token, by.lasts, session, called);
  }
  const ServerTime at = session.earliest(called);
  return {.kind = SlotRecord::Kind::envelope,
          .token = by.token,
          .called_at = at,
          .ends_at = at + std::clamp(by.lasts, Duration::zero(), keep_max),
          .envelope = by.encoded};
}

// The number under which the slot may be replaced, and the session in which; 0: it may not.
struct Found {
  std::uint64_t cas = 0;
  SessionRef session{};
};

Found remembered(const SessionRef& session, const StoreKey& key, Token expected, Instant now) {
  if (!session) return {};
  const auto seen = session->seen.find(key);
  if (!seen || seen->record.token != expected) return {};
  const bool is_strange = seen->record.ends_at == ServerTime();
  if (!is_strange && has_ended(seen->record, *session, now)) return {};
  return {.cas = seen->cas, .session = session};
}

Task<Result<Found>> read(NodeRef node, StoreKey key, Token expected) {
  const Question question{.key = key};
  auto seeing = see(std::move(node), question);
  const Result<Sight> sight = co_await std::move(seeing);
  if (!sight) co_return std::unexpected(sight.error());
  Found found{.session = sight->session};
  const bool is_it = sight->slot.state != Slot::State::empty && sight->slot.token == expected;
  if (is_it) found.cas = sight->cas;
  co_return found;
}

// Sends it under the number.  cancelled: nothing was sent, since the session is over.
Task<Result<Published>> replace_found(NodeRef node, StoreKey key, Found found, Replacement* by,
                                      Instant called) {
  const std::string name = node->names().slot(key);
  SlotRecord record = record_of(*by, *found.session, called);
  MemcachedRequest request;
  if (by->kind == Replacement::Kind::nothing) {
    request.remove_if(name, found.cas);
  } else {
    request.set(
        name, record.bytes(),
        {.when = Set::If::matches, .cas = found.cas, .expires_at = expiry_of(record.ends_at)});
  }
  auto calling = node->call(std::move(request), found.session);
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  const MemcachedReply& reply = replies->all.front();
  found.session->seen.forget(key);
  switch (reply.kind) {
    case Kind::done:
      if (by->kind != Replacement::Kind::nothing) {
        SeenSlot seen{.key = key, .cas = reply.cas(), .record = record};
        seen.envelope = std::move(by->envelope);
        found.session->seen.note(std::move(seen));
      }
      co_return Published::stored;
    case Kind::exists:
    case Kind::not_found: co_return Published::refused;
    default: break;
  }
  if (by->kind != Replacement::Kind::envelope) co_return node->strange(reply);
  // It is too large, or there is no room.  Whatever is there makes way for the next load.
  node->tell_refused(by->encoded.size(), reply.value);
  MemcachedRequest removing;
  removing.remove_if(name, found.cas);
  auto clearing = node->call(std::move(removing), found.session);
  (void)co_await std::move(clearing);
  co_return Published::refused;
}

}  // namespace

Replacement Replacement::of(Envelope envelope, Duration keep_for) {
  Replacement by{.kind = Kind::envelope, .token = envelope.id, .lasts = keep_for};
  by.encoded = encode(envelope);
  envelope.payload = {};
  by.envelope = std::move(envelope);
  return by;
}

Replacement Replacement::of(Token lease, Duration lease_for) {
  return {.kind = Kind::lease, .token = lease, .lasts = lease_for};
}

Task<Result<Published>> replace(NodeRef node, StoreKey key, Token expected, Replacement by,
                                Instant called) {
  if (expected.is_none()) co_return Published::refused;
  Found found;
  {
    auto having = node->session();
    const Result<SessionRef> session = co_await std::move(having);
    if (!session) co_return std::unexpected(session.error());
    found = remembered(*session, key, expected, node->now());
  }
  for (int round = 0; round < rounds_max; ++round) {
    if (found.cas == 0) {
      auto reading = read(node, key, expected);
      const Result<Found> read_now = co_await std::move(reading);
      if (!read_now) co_return std::unexpected(read_now.error());
      found = *read_now;
      if (found.cas == 0) co_return Published::refused;
    }
    auto replacing = replace_found(node, key, found, &by, called);
    Result<Published> outcome = co_await std::move(replacing);
    if (outcome || outcome.error().code != Code::cancelled) co_return outcome;
    found = {};
  }
  co_return failure(Code::store_unavailable,
                    "memcached " + node->name() + ": its connection is lost again and again");
}

// First a lease of nobody's takes the place of whatever is there, which can be late without harm:
// then a slot is empty for a moment.  Then the envelope, under that lease: if anybody has emptied
// or filled the slot since, the put has come before that, and is over.  A plain set would bring an
// old value back if it were carried out only after its connection was given up.
Task<Result<void>> replace_all(NodeRef node, StoreKey key, Replacement by, Instant called) {
  SessionRef over;
  for (int round = 0; round < rounds_max; ++round) {
    auto having = node->session(over);
    const Result<SessionRef> session = co_await std::move(having);
    if (!session) co_return std::unexpected(session.error());
    const SlotRecord lease = lease_record(node->fresh_token(), put_lease, **session, node->now());
    MemcachedRequest request;
    request.set(node->names().slot(key), lease.bytes(), {.expires_at = expiry_of(lease.ends_at)});
    auto calling = node->call(std::move(request), *session);
    const Result<Replies> replies = co_await std::move(calling);
    if (!replies && replies.error().code == Code::cancelled) {
      over = *session;
      continue;
    }
    if (!replies) co_return std::unexpected(replies.error());
    const MemcachedReply& reply = replies->all.front();
    if (reply.kind != Kind::done) co_return node->strange(reply);
    Found found{.cas = reply.cas(), .session = *session};
    auto replacing = replace_found(node, key, found, &by, called);
    const Result<Published> outcome = co_await std::move(replacing);
    if (outcome) co_return Result<void>();
    co_return failure(Code::store_unavailable, outcome.error().what);
  }
  co_return failure(Code::store_unavailable,
                    "memcached " + node->name() + ": its connection is lost again and again");
}

}  // namespace headrace::memcached
