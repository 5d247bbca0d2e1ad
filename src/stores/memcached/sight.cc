#include "stores/memcached/sight.h"

#include <algorithm>
#include <span>
#include <utility>

#include "wire/envelope.h"

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;
using Value = MemcachedRequest::Value;

// Times to live that make no sense are none of a server's business.
constexpr Duration lasts_max = std::chrono::hours(24 * 365);

MemcachedRequest request_of(Node& node, const Question& question) {
  MemcachedRequest request;
  const Names& names = node.names();
  if (question.makes_life) node.make_life(request, *question.only_on);
  for (const WatermarkId& id : question.makes) {
    request.set(names.mark(id), bytes_of_mark(node.fresh_token()), {.when = Set::If::absent});
  }
  if (question.take) {
    const Question::Take& take = *question.take;
    const SlotRecord record =
        lease_record(take.lease, take.lease_for, *question.only_on, take.called);
    request.set(names.slot(*question.key), record.bytes(),
                {.when = take.cas == 0 ? Set::If::absent : Set::If::matches,
                 .cas = take.cas,
                 .expires_at = expiry_of(record.ends_at)});
  }
  if (question.key) {
    request.get(names.slot(*question.key), question.value);
    request.get(names.beside(*question.key), Value::with);
  }
  for (const WatermarkId& id : question.marks) request.get(names.mark(id), Value::with);
  node.ask_life(request);
  return request;
}

// What a record says of its slot; its envelope has been decoded, or seen before.
void tell(const SeenSlot& seen, const Session& session, Instant now, Slot& slot) {
  if (!seen.record.token.is_none() && seen.record.ends_at != ServerTime() &&
      has_ended(seen.record, session, now)) {
    return;
  }
  slot.token = seen.record.token;
  // What was published later than now, nobody can tell the age of.
  const bool is_ahead = seen.record.called_at > session.latest(now);
  if (seen.is_damaged || is_ahead) {
    slot.state = Slot::State::damaged;
  } else if (seen.record.kind == SlotRecord::Kind::lease) {
    slot.state = Slot::State::leased;
    slot.lease_left = std::max<Duration>(seen.record.ends_at - session.earliest(now),
                                         std::chrono::milliseconds(1));
  } else {
    slot.state = Slot::State::held;
    slot.envelope = seen.envelope;
    slot.stored_for = session.latest(now) - seen.record.called_at;
    slot.kept_for = seen.record.ends_at - session.latest(now);
  }
}

SeenSlot seen_of(const StoreKey& key, const MemcachedReply& reply, std::string& payload) {
  SeenSlot seen{.key = key, .cas = reply.cas()};
  const auto record = SlotRecord::parse(reply.value);
  if (!record) {
    seen.record.token = token_of_strange(reply.value);
    seen.is_damaged = true;
    return seen;
  }
  seen.record = *record;
  if (record->kind == SlotRecord::Kind::lease) return seen;
  Result<Envelope> envelope = decode(record->envelope);
  seen.is_damaged = !envelope || envelope->id != record->token;
  if (seen.is_damaged) return seen;
  payload = std::move(envelope->payload);
  seen.envelope = std::move(*envelope);
  return seen;
}

void read_slot(const StoreKey& key, const MemcachedReply& reply, Instant now, Sight& sight) {
  if (reply.kind == Kind::missing) return;
  sight.cas = reply.cas();
  if (reply.kind == Kind::done) {
    const auto seen = sight.session->seen.find(key);
    sight.needs_value = !seen || seen->cas != sight.cas;
    if (!sight.needs_value) tell(*seen, *sight.session, now, sight.slot);
    return;
  }
  std::string payload;
  SeenSlot seen = seen_of(key, reply, payload);
  tell(seen, *sight.session, now, sight.slot);
  if (sight.slot.state == Slot::State::held) sight.slot.envelope.payload = std::move(payload);
  sight.session->seen.note(std::move(seen));
}

// A record of another version may hold anything.
void read_beside(const MemcachedReply& reply, Instant now, Sight& sight) {
  if (reply.kind == Kind::missing) return;
  const auto record = BesideRecord::parse(reply.value);
  const ServerTime at = sight.session->earliest(now);
  sight.slot.guarded = !record || record->is_guarded(at);
  if (record) {
    record->tell_floors(at, sight.slot.floors);
  } else {
    sight.slot.floors.emplace_back();
  }
}

Result<Sight> sight_of(Node& node, const Question& question, const Replies& replies) {
  Sight sight{.session = replies.session};
  std::span<const MemcachedReply> left = replies.all;
  const auto next = [&left]() -> const MemcachedReply& {
    const MemcachedReply& front = left.front();
    left = left.subspan(1);
    return front;
  };
  for (const MemcachedReply& reply : left) {
    if (reply.kind == Kind::error) return node.strange(reply);
  }
  const Result<Token> life = node.life_of(replies, left.back());
  if (!life) return std::unexpected(life.error());
  sight.life = *life;
  if (question.makes_life) (void)next();
  for (std::size_t i = 0; i < question.makes.size(); ++i) (void)next();
  if (question.take) {
    const MemcachedReply& taken = next();
    sight.granted = taken.kind == Kind::done;
    if (sight.granted) {
      const Question::Take& take = *question.take;
      sight.session->seen.note(
          {.key = *question.key,
           .cas = taken.cas(),
           .record = lease_record(take.lease, take.lease_for, *sight.session, take.called)});
    }
  }
  if (question.key) {
    const MemcachedReply& slot = next();
    if (!sight.granted) read_slot(*question.key, slot, replies.received, sight);
    read_beside(next(), replies.received, sight);
  }
  for (std::size_t i = 0; i < question.marks.size(); ++i) {
    sight.marks.push_back(parse_mark(next().value).value_or(Token()));
  }
  return sight;
}

}  // namespace

bool Sight::is_complete() const {
  return !needs_value && !life.is_none() &&
         std::ranges::none_of(marks, [](Token token) { return token.is_none(); });
}

Question Sight::after(Question question) const {
  question.only_on = session;
  question.makes_life = life.is_none();
  question.makes.clear();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i].is_none()) question.makes.push_back(question.marks[i]);
  }
  question.take.reset();
  if (needs_value) question.value = Value::with;
  return question;
}

Task<Result<Sight>> see(NodeRef node, Question question) {
  MemcachedRequest request = request_of(*node, question);
  auto calling = node->call(std::move(request), question.only_on);
  const Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(replies.error());
  co_return sight_of(*node, question, *replies);
}

bool has_ended(const SlotRecord& record, const Session& session, Instant now) {
  const ServerTime at =
      record.kind == SlotRecord::Kind::lease ? session.earliest(now) : session.latest(now);
  return record.ends_at <= at;
}

SlotRecord lease_record(Token lease, Duration lease_for, const Session& session, Instant called) {
  const ServerTime at = session.earliest(called);
  return {.kind = SlotRecord::Kind::lease,
          .token = lease,
          .called_at = at,
          .ends_at = at + std::clamp(lease_for, Duration::zero(), lasts_max)};
}

}  // namespace headrace::memcached
