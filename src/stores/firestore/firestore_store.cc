// The port on documents.
//
// A slot's token is compared by Firestore itself: a document's update time names one state of it,
// and who has seen which token stood there at which time replaces that state or nothing.  Times are
// Firestore's: an envelope says when its publish was called, a lease counts from its document's
// update time, and both are compared with the moment at which Firestore read.
//
// A hit is one question for slot, guards, floors and watermarks, which holds at one moment.  A slot
// that is free is taken in a Commit of its own, and guards and floors are looked at once more after
// it, for what stood before the grant says nothing of after it.
#include "stores/firestore/firestore_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace headrace::firestore {

namespace {

// How often a call finds that what it has read was changed before it wrote.
constexpr std::size_t rounds_max = 32;
// A key's change writes what stands beside it and empties its slot.
constexpr std::size_t keys_per_commit_max = writes_per_commit_max / 2;
// After everything that may stand beside a slot has ended.
constexpr Duration beside_lasts =
    std::max(Store::guard_lasts_max, Store::floor_lasts_max) + Duration(std::chrono::hours(1));

std::unexpected<Error> no_token() {
  return failure(Code::invalid_argument, "the none token names nothing");
}

std::unexpected<Error> contended() {
  return failure(Code::store_unavailable,
                 "others changed the same Firestore documents again and again; try later");
}

api::Precondition as_it_was(const SlotRecord& record) {
  return record.is_there ? still_at(record.version) : not_there();
}

api::Write removal(std::string name) {
  api::Write write;
  write.set_delete_(std::move(name));
  return write;
}

std::vector<std::string> fields_of_slot(Store::Payload payload) {
  std::vector<std::string> fields{field::token, field::lives, field::since, field::marks,
                                  field::stands};
  if (payload == Store::Payload::with) fields.emplace_back(field::body);
  return fields;
}

std::array<std::uint64_t, 4> words_of(const StoreKey& key) {
  return std::to_array(key.words);
}

StoreKey key_of(const std::array<std::uint64_t, 4>& words) {
  return {{words[0], words[1], words[2], words[3]}};
}

void fill_in_beside(Slot& slot, std::string_view stands, Moment now) {
  Beside beside = read_stands(stands, now);
  slot.guarded = beside.guarded;
  slot.floors = std::move(beside.floors);
}

}  // namespace

Task<Result<FirestoreStore::Sight>> FirestoreStore::see(StoreKey key, std::vector<WatermarkId> ids,
                                                        Payload payload) {
  std::vector<std::string> names{names_.slot(key), names_.beside(key)};
  for (const WatermarkId& id : ids) names.push_back(names_.watermark(id));
  auto reading = documents_.read(names, fields_of_slot(payload));
  Result<View> view = co_await std::move(reading);
  if (!view) co_return std::unexpected(view.error());
  Sight sight{.record = read_slot(view->find(names[0]), view->now, payload)};
  SlotRecord& record = sight.record;
  Slot& slot = sight.slot;
  slot.state = record.state;
  if (slot.state != Slot::State::empty) {
    slot.token = record.token;
    seen_.remember(record.token, {.key = key, .version = record.version, .ends = record.ends});
  }
  if (slot.state == Slot::State::leased) slot.lease_left = record.ends - view->now.earliest;
  if (slot.state == Slot::State::held) {
    slot.envelope = std::move(record.envelope);
    slot.stored_for = std::max<Duration>(view->now.latest - record.since, Duration::zero());
    slot.kept_for = record.ends - view->now.latest;
  }
  fill_in_beside(slot, read_beside(view->find(names[1])), view->now.earliest);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    slot.watermarks.push_back(read_watermark(view->find(names[2 + i])));
  }
  const bool is_missing = std::ranges::any_of(slot.watermarks, &Token::is_none);
  if (is_missing) {
    auto making = make_missing(std::move(ids), slot.watermarks);
    const Result<void> made = co_await std::move(making);
    if (!made) co_return std::unexpected(made.error());
  }
  co_return sight;
}

// Whoever is first makes it, and all see the same.
Task<Result<void>> FirestoreStore::make_missing(std::vector<WatermarkId> ids,
                                                std::vector<Token>& tokens) {
  for (std::size_t round = 1; round <= rounds_max; ++round) {
    std::map<std::string, Token> made;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (tokens[i].is_none()) made.emplace(names_.watermark(ids[i]), random_.token());
    }
    if (made.empty()) co_return Result<void>();
    const Moment gone_at =
        end_of(documents_.time().at(documents_.clock().now())->latest, watermark_lasts_);
    std::vector<api::Write> writes;
    std::vector<std::string> names;
    for (const auto& [name, token] : made) {
      api::Write& write = writes.emplace_back();
      write.mutable_update()->set_name(name);
      write_watermark(*write.mutable_update(), token, gone_at);
      *write.mutable_current_document() = not_there();
      names.push_back(name);
    }
    auto committing = documents_.commit(std::move(writes), Documents::Repeat::never);
    const Result<Committed> committed = co_await std::move(committing);
    if (!committed) co_return std::unexpected(committed.error());
    if (!committed->is_done) {  // Others were first with one of them at least.
      made.clear();
      auto reading = documents_.read(std::move(names), std::vector<std::string>{field::token});
      const Result<View> view = co_await std::move(reading);
      if (!view) co_return std::unexpected(view.error());
      for (const auto& [name, document] : view->found) {
        made.emplace(name, read_watermark(&document));
      }
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto found = made.find(names_.watermark(ids[i]));
      if (tokens[i].is_none() && found != made.end()) tokens[i] = found->second;
    }
  }
  co_return contended();
}

Task<Result<Slot>> FirestoreStore::look(StoreKey key, std::vector<WatermarkId> watermarks,
                                        Payload payload) {
  auto seeing = see(key, std::move(watermarks), payload);
  Result<Sight> sight = co_await std::move(seeing);
  if (!sight) co_return std::unexpected(sight.error());
  co_return std::move(sight->slot);
}

Task<Result<Store::Claim>> FirestoreStore::get_or_lease(StoreKey key, Token lease,
                                                        Duration lease_for,
                                                        std::vector<WatermarkId> watermarks) {
  if (lease.is_none()) co_return no_token();
  for (std::size_t round = 1; round <= rounds_max; ++round) {
    auto seeing = see(key, watermarks, Payload::with);
    Result<Sight> sight = co_await std::move(seeing);
    if (!sight) co_return std::unexpected(sight.error());
    Claim claim{.slot = std::move(sight->slot)};
    if (claim.slot.state != Slot::State::empty) co_return claim;

    std::vector<api::Write> writes(1);
    api::Document& document = *writes.front().mutable_update();
    document.set_name(names_.slot(key));
    write_lease(document, lease, lease_for, documents_.time().at(documents_.clock().now())->latest);
    *writes.front().mutable_current_document() = as_it_was(sight->record);
    auto committing = documents_.commit(std::move(writes), Documents::Repeat::never);
    const Result<Committed> committed = co_await std::move(committing);
    if (!committed) co_return std::unexpected(committed.error());
    if (!committed->is_done) continue;  // Somebody was first.
    seen_.remember(lease, {.key = key,
                           .version = committed->versions.front(),
                           .ends = end_of(committed->at, lease_for)});
    claim.granted = true;
    claim.slot.state = Slot::State::leased;
    claim.slot.token = lease;
    claim.slot.lease_left = lease_for;
    auto looking = look_beside(key, claim.slot);
    const Result<void> looked = co_await std::move(looking);
    if (!looked) co_return std::unexpected(looked.error());
    co_return claim;
  }
  co_return contended();
}

Task<Result<void>> FirestoreStore::look_beside(StoreKey key, Slot& slot) {
  const std::string name = names_.beside(key);
  std::vector<std::string> names{name};
  std::vector<std::string> fields{field::stands};
  auto reading = documents_.read(std::move(names), std::move(fields));
  const Result<View> view = co_await std::move(reading);
  if (!view) co_return std::unexpected(view.error());
  fill_in_beside(slot, read_beside(view->find(name)), view->now.earliest);
  co_return Result<void>();
}

// Which version of the slot has that token; none if it has another by now.
Task<Result<std::optional<Seen::Holder>>> FirestoreStore::holder_of(StoreKey key, Token expected) {
  std::optional<Seen::Holder> holder = seen_.find(expected, key);
  if (holder) {
    const ServerTime::Bounds now = *documents_.time().at(documents_.clock().now());
    if (holder->ends <= now.latest) holder.reset();
    co_return holder;
  }
  const std::string name = names_.slot(key);
  std::vector<std::string> names{name};
  auto reading = documents_.read(std::move(names), fields_of_slot(Payload::without));
  const Result<View> view = co_await std::move(reading);
  if (!view) co_return std::unexpected(view.error());
  const SlotRecord record = read_slot(view->find(name), view->now, Payload::without);
  const bool is_same = record.state != Slot::State::empty && record.token == expected;
  if (is_same) holder = Seen::Holder{.key = key, .version = record.version, .ends = record.ends};
  co_return holder;
}

// Carries out `write`, which puts `made` where `expected` is; a none token if it removes that.
Task<Result<Published>> FirestoreStore::replace(StoreKey key, Token expected, api::Write write,
                                                Token made, Duration lives) {
  auto finding = holder_of(key, expected);
  const Result<std::optional<Seen::Holder>> holder = co_await std::move(finding);
  if (!holder) co_return std::unexpected(holder.error());
  if (!*holder) co_return Published::refused;
  *write.mutable_current_document() = as_it_was({.is_there = true, .version = (*holder)->version});
  std::vector<api::Write> writes;
  writes.push_back(std::move(write));
  auto committing = documents_.commit(std::move(writes), Documents::Repeat::never);
  const Result<Committed> committed = co_await std::move(committing);
  if (!committed) co_return std::unexpected(committed.error());
  seen_.forget(expected);
  if (!committed->is_done) co_return Published::refused;
  if (!made.is_none()) {
    seen_.remember(
        made,
        {.key = key, .version = committed->versions.front(), .ends = end_of(committed->at, lives)});
  }
  co_return Published::stored;
}

Task<Result<Published>> FirestoreStore::take_over(StoreKey key, Token expected, Token lease,
                                                  Duration lease_for) {
  if (lease.is_none()) co_return no_token();
  if (expected.is_none()) co_return Published::refused;
  auto asking = now();
  const Result<ServerTime::Bounds> now = co_await std::move(asking);
  if (!now) co_return std::unexpected(now.error());
  api::Write write;
  write.mutable_update()->set_name(names_.slot(key));
  write_lease(*write.mutable_update(), lease, lease_for, now->latest);
  auto replacing = replace(key, expected, std::move(write), lease, lease_for);
  const Result<Published> outcome = co_await std::move(replacing);
  co_return outcome;
}

Task<Result<Published>> FirestoreStore::publish(StoreKey key, Token expected, Envelope envelope,
                                                Duration keep_for) {
  if (envelope.id.is_none()) co_return no_token();
  if (expected.is_none()) co_return Published::refused;
  auto asking = now();
  const Result<ServerTime::Bounds> now = co_await std::move(asking);
  if (!now) co_return std::unexpected(now.error());
  api::Write write;
  write.mutable_update()->set_name(names_.slot(key));
  Result<void> written = write_envelope(*write.mutable_update(), envelope, now->earliest, keep_for);
  if (!written) co_return std::unexpected(written.error());
  auto replacing = replace(key, expected, std::move(write), envelope.id, keep_for);
  const Result<Published> outcome = co_await std::move(replacing);
  if (outcome && *outcome == Published::refused) ++refused_total_;
  co_return outcome;
}

Task<Result<void>> FirestoreStore::release(StoreKey key, Token lease) {
  if (lease.is_none()) co_return no_token();
  auto replacing = replace(key, lease, removal(names_.slot(key)), Token{}, Duration::zero());
  const Result<Published> outcome = co_await std::move(replacing);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>();
}

Task<Result<void>> FirestoreStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  if (envelope.id.is_none()) co_return no_token();
  auto asking = now();
  const Result<ServerTime::Bounds> now = co_await std::move(asking);
  if (!now) co_return std::unexpected(now.error());
  std::vector<api::Write> writes(1);
  api::Document& document = *writes.front().mutable_update();
  document.set_name(names_.slot(key));
  Result<void> written = write_envelope(document, envelope, now->earliest, keep_for);
  if (!written) co_return std::unexpected(written.error());
  auto committing = documents_.commit(std::move(writes), Documents::Repeat::never);
  const Result<Committed> committed = co_await std::move(committing);
  if (!committed) co_return std::unexpected(committed.error());
  co_return Result<void>();
}

// Before the first answer nobody knows Firestore's time: then it is asked for it, with a read.
Task<Result<ServerTime::Bounds>> FirestoreStore::now() {
  const Instant called = documents_.clock().now();
  if (const auto known = documents_.time().at(called)) co_return *known;
  std::vector<std::string> names{names_.watermark({})};
  std::vector<std::string> fields{field::token};
  auto reading = documents_.read(std::move(names), std::move(fields));
  const Result<View> view = co_await std::move(reading);
  if (!view) co_return std::unexpected(view.error());
  // The call came before the answer: what is published counts from then on.
  ServerTime::Bounds now = view->now;
  now.earliest -= now.latest - now.earliest;
  co_return now;
}

// In Commits that are not too large.
Task<Result<Token>> FirestoreStore::commit_all(std::vector<api::Write> writes,
                                               Documents::Repeat repeat) {
  for (std::size_t from = 0; from < writes.size(); from += writes_per_commit_max) {
    const std::size_t to = std::min(from + writes_per_commit_max, writes.size());
    std::vector<api::Write> some(std::make_move_iterator(writes.begin() + from),
                                 std::make_move_iterator(writes.begin() + to));
    auto committing = documents_.commit(std::move(some), repeat);
    const Result<Committed> committed = co_await std::move(committing);
    if (!committed) co_return std::unexpected(committed.error());
  }
  co_return Token();
}

std::vector<api::Write> FirestoreStore::removals_of(const std::vector<StoreKey>& keys) const {
  std::vector<std::string> names;
  for (const StoreKey& key : keys) names.push_back(names_.slot(key));
  std::ranges::sort(names);
  const auto doubled = std::ranges::unique(names);
  names.erase(doubled.begin(), doubled.end());
  std::vector<api::Write> writes;
  for (std::string& name : names) writes.push_back(removal(std::move(name)));
  return writes;
}

std::vector<api::Write> FirestoreStore::renewals_of(const std::vector<WatermarkId>& watermarks,
                                                    Moment latest) const {
  std::map<std::string, api::Write> writes;
  for (const WatermarkId& id : watermarks) {
    const std::string name = names_.watermark(id);
    api::Document& document = *writes[name].mutable_update();
    document.set_name(name);
    write_watermark(document, random_.token(), end_of(latest, watermark_lasts_));
  }
  std::vector<api::Write> all;
  for (auto& [name, write] : writes) all.push_back(std::move(write));
  return all;
}

Task<Result<Token>> FirestoreStore::invalidate(std::vector<StoreKey> keys) {
  auto committing = commit_all(removals_of(keys), Documents::Repeat::if_unknown);
  Result<Token> outcome = co_await std::move(committing);
  co_return outcome;
}

Task<Result<Token>> FirestoreStore::renew(std::vector<WatermarkId> watermarks) {
  auto asking = now();
  const Result<ServerTime::Bounds> now = co_await std::move(asking);
  if (!now) co_return std::unexpected(now.error());
  // A token that was lost on its way back may have been renewed by others since; to set it again
  // would bring back what they have outdated.  Who repeats the call brings another.
  auto committing = commit_all(renewals_of(watermarks, now->latest), Documents::Repeat::never);
  Result<Token> outcome = co_await std::move(committing);
  co_return outcome;
}

// Before the first answer nobody knows Firestore's time, and a watermark cannot say when it may go.
std::vector<std::string> FirestoreStore::voiding(const std::vector<StoreKey>& keys,
                                                 const std::vector<WatermarkId>& watermarks) const {
  std::vector<api::Write> writes = removals_of(keys);
  if (!watermarks.empty()) {
    const auto now = documents_.time().at(documents_.clock().now());
    if (!now) return {};
    std::ranges::move(renewals_of(watermarks, now->latest), std::back_inserter(writes));
  }
  std::vector<std::string> changes;
  for (const api::Write& one : writes) changes.push_back(one.SerializeAsString());
  return changes;
}

Task<Result<Token>> FirestoreStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  if (guard.is_none()) co_return no_token();
  if (lasts <= Duration::zero() || lasts > guard_lasts_max) {
    co_return failure(Code::invalid_argument,
                      "a write guard lasts longer than nothing and up to 24 hours "
                      "(guard_lasts_max)");
  }
  Changes changes;
  for (const StoreKey& key : keys) {
    changes[words_of(key)] = {.guard = guard, .guard_lasts = lasts};
  }
  auto changing = change(std::move(changes));
  Result<Token> outcome = co_await std::move(changing);
  co_return outcome;
}

Task<Result<void>> FirestoreStore::unguard(std::vector<StoreKey> keys, Token guard) {
  if (guard.is_none()) co_return no_token();
  Changes changes;
  for (const StoreKey& key : keys) {
    changes[words_of(key)] = {.unguard = guard, .empties = false};
  }
  auto changing = change(std::move(changes));
  const Result<Token> outcome = co_await std::move(changing);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>();
}

Task<Result<Token>> FirestoreStore::raise_floors(std::vector<Floor> floors) {
  Changes changes;
  for (Floor& floor : floors) {
    if (floor.revision.empty() || floor.revision.size() > revision_bytes_max) {
      co_return failure(Code::invalid_argument,
                        "a floor needs a revision of 1 to 1024 bytes (revision_bytes_max)");
    }
    if (floor.lasts <= Duration::zero() || floor.lasts > floor_lasts_max) {
      co_return failure(Code::invalid_argument,
                        "a floor lasts longer than nothing and up to 24 hours (floor_lasts_max)");
    }
    changes[words_of(floor.key)].floors.emplace_back(std::move(floor.revision), floor.lasts);
  }
  auto changing = change(std::move(changes));
  Result<Token> outcome = co_await std::move(changing);
  co_return outcome;
}

Task<Result<Token>> FirestoreStore::change(Changes changes) {
  while (!changes.empty()) {
    Changes some;
    while (!changes.empty() && some.size() < keys_per_commit_max) {
      some.insert(changes.extract(changes.begin()));
    }
    auto changing = change_some(std::move(some));
    const Result<void> changed = co_await std::move(changing);
    if (!changed) co_return std::unexpected(changed.error());
  }
  co_return Token();
}

// What stands beside each slot with its change, and the slot's removal, in one step; what is as it
// should be is not written.
std::vector<api::Write> FirestoreStore::writes_of(const Changes& changes, const View& view) const {
  std::vector<api::Write> writes;
  for (const auto& [words, change] : changes) {
    const std::string name = names_.beside(key_of(words));
    const api::Document* const document = view.find(name);
    const std::string_view before = read_beside(document);
    std::string after = changed(before, change, view.now);
    if (after != before) {
      api::Write& write = writes.emplace_back();
      SlotRecord as_read{.is_there = document != nullptr};
      if (document != nullptr) as_read.version = Version::of(document->update_time());
      if (after.empty()) {
        write.set_delete_(name);
      } else {
        write.mutable_update()->set_name(name);
        write_beside(*write.mutable_update(), std::move(after),
                     end_of(view.now.latest, beside_lasts));
      }
      *write.mutable_current_document() = as_it_was(as_read);
    }
    if (change.empties) writes.push_back(removal(names_.slot(key_of(words))));
  }
  return writes;
}

Task<Result<void>> FirestoreStore::change_some(Changes changes) {
  std::vector<std::string> names;
  for (const auto& [words, change] : changes) names.push_back(names_.beside(key_of(words)));
  for (std::size_t round = 1; round <= rounds_max; ++round) {
    std::vector<std::string> fields{field::stands};
    auto reading = documents_.read(names, std::move(fields));
    const Result<View> view = co_await std::move(reading);
    if (!view) co_return std::unexpected(view.error());
    std::vector<api::Write> writes = writes_of(changes, *view);
    if (writes.empty()) co_return Result<void>();
    // What is repeated finds the documents as it has left them, and its condition refuses it.
    auto committing = documents_.commit(std::move(writes), Documents::Repeat::if_unknown);
    const Result<Committed> committed = co_await std::move(committing);
    if (!committed) co_return std::unexpected(committed.error());
    if (committed->is_done) co_return Result<void>();
    auto pausing = documents_.pause(round);
    const bool go_on = co_await std::move(pausing);
    if (!go_on) break;
  }
  co_return contended();
}

// In the order of the documents' ids, without what envelopes hold.  What stands beside slots, and
// watermarks, come on the way and are passed over: an index that would leave them out would cost
// with every write.
Task<Result<Store::Page>> FirestoreStore::list(std::string from, std::size_t keys_max) {
  if (!from.empty() && !Names::is_id(from)) {
    co_return failure(Code::invalid_argument,
                      "what to list on from is no id of a Firestore store's document; begin anew");
  }
  std::vector<std::string> fields{field::token, field::lives, field::since};
  api::StructuredQuery question = in_order_of_names(collection_, fields, keys_max);
  if (!from.empty()) {
    question.mutable_start_at()->add_values()->set_reference_value(names_.with_id(from));
  }
  auto listing = documents_.query(std::move(question));
  const Result<Documents::Row> row = co_await std::move(listing);
  if (!row) co_return std::unexpected(row.error());
  Page page;
  std::string_view last;
  for (const api::Document& document : row->found) {
    last = names_.id_of(document.name());
    if (!Names::is_id(last)) {
      co_return failure(Code::store_unavailable,
                        "the collection of the Firestore store holds documents that are not the "
                        "store's, such as \"" +
                            document.name() + "\"; remove them, it must be the store's alone");
    }
    const std::optional<StoreKey> key = Names::key_of(last);
    if (!key) continue;
    const SlotRecord record = read_slot(&document, row->now, Payload::without);
    if (record.state == Slot::State::held) page.keys.push_back(*key);
  }
  if (row->found.size() == keys_max) page.next = last;
  co_return page;
}

Store::Usage FirestoreStore::usage() const {
  return {.refused_total = refused_total_,
          .failed_total = documents_.failed_total(),
          .trouble = documents_.trouble(),
          .counts = false};
}

}  // namespace headrace::firestore

namespace headrace {

Result<std::unique_ptr<Store>> open_firestore_store(std::shared_ptr<FirestoreDatabase> database,
                                                    FirestoreStoreOptions options, Clock& clock,
                                                    Random& random) {
  if (!firestore::is_collection_id(options.collection)) {
    return failure(Code::invalid_argument, "the collection of a Firestore store " +
                                               std::string(firestore::collection_id_rule));
  }
  if (options.answer_within <= Duration::zero() || options.watermark_lasts <= Duration::zero() ||
      options.seen_max == 0) {
    return failure(Code::invalid_argument,
                   "answer_within, watermark_lasts and seen_max of a Firestore store are more than "
                   "nothing");
  }
  return std::make_unique<firestore::FirestoreStore>(std::move(database), options, clock, random);
}

}  // namespace headrace
