#include "session/sessions.h"

#include <algorithm>
#include <utility>

#include "session/subject.h"

namespace headrace::session {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

bool is_expected(const Record& record, const Sessions::Expected& expected) {
  const auto version = static_cast<std::uint64_t>(number(record, Own::version));
  return !expected || std::ranges::find(*expected, version) != expected->end();
}

bool is_too_large(const Record& record, std::size_t bytes_max) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : record.fields) bytes += name.size() + value.size();
  return bytes > bytes_max || record.fields.size() > fields_max;
}

Fate fate_of(Patched patched) {
  switch (patched) {
    case Patched::wrong_type: return Fate::wrong_type;
    case Patched::out_of_range: return Fate::out_of_range;
    case Patched::done: break;
  }
  return Fate::done;
}

Fate fate_of(State state) {
  return state == State::absent ? Fate::absent : Fate::destroyed;
}

// A subject's record without any session or fence says nothing.
void strike_from(Workspace& work, std::size_t at, std::string_view handle) {
  if (work.find(at) == nullptr) return;
  Record& subject = work.change(at);
  strike(subject, handle);
  if (subject.fields.empty()) work.remove(at);
}

}  // namespace

// Seeing.

std::unexpected<Error> Sessions::contended() {
  return failure(Code::refused, "others have changed this session in each of " +
                                    std::to_string(tries_max) + " tries (tries_max)");
}

Task<Result<Sessions::Sight>> Sessions::look(Place place, std::string handle) {
  Sight sight{.handle = std::move(handle)};
  for (;;) {
    auto reading =
        keyspace_.read(just(key_of(place, sight.handle)), Keyspace::Access::does_not_count);
    auto found = co_await std::move(reading);
    if (!found) co_return std::unexpected(std::move(found.error()));
    sight.record = std::move(found->front());
    sight.state = state_of(sight.record.get(), keyspace_.clock().wall_now());
    // Who has moved twice within one grace is not followed again.
    if (sight.state != State::moved || sight.has_moved) break;
    sight.handle = find(*sight.record, Own::moved_to);
    sight.has_moved = true;
  }
  // The pointer is all that is left of a handle whose session has gone elsewhere.
  if (sight.has_moved && sight.state == State::absent) sight.state = State::destroyed;
  co_return sight;
}

Sessions::Keys Sessions::keys_of(const Place& place, const Sight& sight,
                                 const std::string& handle) {
  Keys keys{.all = just(key_of(place, sight.handle))};
  if (sight.has_moved) {
    keys.old = keys.all.size();
    keys.all.push_back(key_of(place, handle));
  }
  if (const auto subject = find(*sight.record, Own::subject); !subject.empty()) {
    keys.subject = keys.all.size();
    keys.all.push_back(key_of(place, subject_key(subject)));
  }
  return keys;
}

std::optional<Fate> Sessions::judge(const Workspace& work, const Keys& keys, const Sight& sight) {
  const Record* const session = work.find(keys.session);
  const State state = state_of(session, work.now());
  if (keys.old && state_of(work.find(*keys.old), work.now()) != State::moved) {
    return Fate::destroyed;
  }
  if (state == State::moved) return std::nullopt;
  if (state != State::live) return keys.old ? Fate::destroyed : fate_of(state);
  if (find(*session, Own::subject) != find(*sight.record, Own::subject)) return std::nullopt;
  if (keys.subject && is_fenced(*session, work.find(*keys.subject))) return Fate::destroyed;
  return Fate::done;
}

Task<Result<Told>> Sessions::read(Place place, std::string handle, Touch touch) {
  auto looking = look(place, handle);
  auto sight = co_await std::move(looking);
  if (!sight) co_return std::unexpected(std::move(sight.error()));
  if (sight->state != State::live) co_return Told{.fate = Fate::absent};
  if (const auto subject = find(*sight->record, Own::subject); !subject.empty()) {
    auto asking =
        keyspace_.read(just(key_of(place, subject_key(subject))), Keyspace::Access::does_not_count);
    auto found = co_await std::move(asking);
    if (!found) co_return std::unexpected(std::move(found.error()));
    if (is_fenced(*sight->record, found->front().get())) co_return Told{.fate = Fate::absent};
  }
  if (touch == Touch::lazily && needs_touch(*sight->record, keyspace_.clock().wall_now())) {
    auto touching = this->touch(std::move(place), std::move(handle));
    auto touched = co_await std::move(touching);
    if (touched && touched->fate == Fate::destroyed) touched->fate = Fate::absent;
    co_return touched;
  }
  co_return Told{.session = session_of(*sight->record)};
}

// Changing.

Task<Result<Told>> Sessions::change(Place place, std::string handle, Action action) {
  for (std::size_t tries = 0; tries < tries_max; ++tries) {
    auto looking = look(place, handle);
    const auto sight = co_await std::move(looking);
    if (!sight) co_return std::unexpected(sight.error());
    if (sight->state != State::live) co_return Told{.fate = fate_of(sight->state)};

    const Keys keys = keys_of(place, *sight, handle);
    std::optional<Fate> fate;
    Session session;
    auto editing = keyspace_.edit(
        keys.all,
        [&](Workspace& work) {
          fate = judge(work, keys, *sight);
          if (fate != Fate::done) return false;
          fate = action.make(work, keys.session);
          if (const Record* const left = work.find(keys.session)) session = session_of(*left);
          if (fate != Fate::done || !work.is_changed()) return false;
          if (keys.old && action.uses_up_grace) bury(work.change(*keys.old), work.now());
          return true;
        },
        place.ceiling);
    const auto edited = co_await std::move(editing);
    if (!edited) co_return std::unexpected(edited.error());
    if (fate) co_return Told{.fate = *fate, .session = std::move(session)};
  }
  co_return contended();
}

Task<Result<Told>> Sessions::replace(Place place, std::string handle, Fields fields,
                                     Expected expected) {
  const std::size_t bytes_max = place.bytes_max;
  Action action;
  action.make = [fields = std::move(fields), expected = std::move(expected), bytes_max](
                    Workspace& work, std::size_t at) {
    if (!is_expected(*work.find(at), expected)) return Fate::changed;
    Record& session = work.change(at);
    put_fields(session, fields, work.now());
    headrace::session::touch(session, work.now());
    return is_too_large(session, bytes_max) ? Fate::too_large : Fate::done;
  };
  auto changing = change(std::move(place), std::move(handle), std::move(action));
  co_return co_await std::move(changing);
}

Task<Result<Told>> Sessions::merge(Place place, std::string handle, Patch patch,
                                   Expected expected) {
  const std::size_t bytes_max = place.bytes_max;
  Action action;
  action.make = [patch = std::move(patch), expected = std::move(expected), bytes_max](
                    Workspace& work, std::size_t at) {
    if (!is_expected(*work.find(at), expected)) return Fate::changed;
    Record& session = work.change(at);
    Fields fields = session_of(session).fields;
    if (const Patched patched = apply_patch(patch, fields); patched != Patched::done) {
      return fate_of(patched);
    }
    put_fields(session, std::move(fields), work.now());
    headrace::session::touch(session, work.now());
    return is_too_large(session, bytes_max) ? Fate::too_large : Fate::done;
  };
  auto changing = change(std::move(place), std::move(handle), std::move(action));
  co_return co_await std::move(changing);
}

Task<Result<Told>> Sessions::touch(Place place, std::string handle,
                                   std::optional<Duration> idle_timeout) {
  bool touched = false;
  Action action{.make = {}, .uses_up_grace = false};
  action.make = [&touched, idle_timeout](Workspace& work, std::size_t at) {
    if (idle_timeout) set_idle(work.change(at), *idle_timeout);
    touched = idle_timeout || needs_touch(*work.find(at), work.now());
    if (touched) headrace::session::touch(work.change(at), work.now());
    return Fate::done;
  };
  auto changing = change(std::move(place), std::move(handle), std::move(action));
  auto told = co_await std::move(changing);
  if (told) told->touched = touched;
  co_return told;
}

// Beginning and ending.

Task<Result<Told>> Sessions::create(Place place, Beginning beginning) {
  std::vector<RecordKey> keys = just(key_of(place, beginning.handle));
  const bool has_subject = !beginning.subject.empty();
  if (has_subject) keys.push_back(key_of(place, subject_key(beginning.subject)));
  Told told;
  auto editing = keyspace_.edit(
      std::move(keys),
      [&](Workspace& work) {
        const State state = state_of(work.find(0), work.now());
        told.fate = state == State::destroyed ? Fate::destroyed : Fate::taken;
        if (state != State::absent) return false;
        Record& session = work.change(0);
        session.kind = Record::Kind::map;
        session.ends = work.now() + duration_cast<milliseconds>(beginning.absolute_timeout);
        set_idle(session, beginning.idle_timeout);
        if (!beginning.label.empty()) set(session, Own::label, beginning.label);
        put_fields(session, beginning.fields, work.now());
        headrace::session::touch(session, work.now());
        if (has_subject) {
          set(session, Own::subject, beginning.subject);
          set(session, Own::stamp, std::to_string(stamp_of(work.find(1), work.now())));
          enrol(work.change(1), beginning.handle, session.ends, work.now());
        }
        told.session = session_of(session);
        told.fate = is_too_large(session, place.bytes_max) ? Fate::too_large : Fate::done;
        return told.fate == Fate::done;
      },
      place.ceiling);
  const auto edited = co_await std::move(editing);
  if (!edited) co_return std::unexpected(edited.error());
  co_return told;
}

Task<Result<Fate>> Sessions::destroy(Place place, std::string handle) {
  for (std::size_t tries = 0; tries < tries_max; ++tries) {
    auto looking = look(place, handle);
    const auto sight = co_await std::move(looking);
    if (!sight) co_return std::unexpected(sight.error());
    if (sight->state != State::live) co_return fate_of(sight->state);

    const Keys keys = keys_of(place, *sight, handle);
    std::optional<Fate> fate;
    auto editing = keyspace_.edit(
        keys.all,
        [&](Workspace& work) {
          fate = judge(work, keys, *sight);
          if (fate != Fate::done) return false;
          bury(work.change(keys.session), work.now());
          if (keys.subject) strike_from(work, *keys.subject, sight->handle);
          return true;
        },
        Records::Ceiling{});  // What frees is never refused.
    const auto edited = co_await std::move(editing);
    if (!edited) co_return std::unexpected(edited.error());
    if (fate) co_return *fate;
  }
  co_return contended();
}

}  // namespace headrace::session
