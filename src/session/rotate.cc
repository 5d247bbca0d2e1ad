// One session, another handle.  Whoever has fixed the old one in somebody's browser has a tombstone
// soon, and requests that were under way with it are not logged out at once.
#include <chrono>
#include <utility>

#include "session/sessions.h"
#include "session/subject.h"

namespace headrace::session {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Where in an edit the records are that a rotation changes.
struct Slots {
  std::size_t old = 0;
  std::size_t fresh = 1;
  std::size_t left = 0;     // The record of the subject that it had; 0: it had none.
  std::size_t entered = 0;  // The record of the subject that it gets; the same, if it stays.
};

// REQUIRES: the old handle's session is live, and there is none under the new one.
void move(Workspace& work, const Slots& slots, const std::string& handle, const Rotation& rotation,
          const std::string& subject) {
  Record& fresh = work.change(slots.fresh);
  fresh = *work.find(slots.old);
  if (rotation.label) set(fresh, Own::label, *rotation.label);
  if (slots.entered != slots.left) {
    set(fresh, Own::subject, subject);
    if (slots.entered != 0) {
      const std::int64_t stamp = stamp_of(work.find(slots.entered), work.now());
      set(fresh, Own::stamp, std::to_string(stamp));
    }
  }
  if (rotation.absolute_timeout) {
    fresh.ends = work.now() + duration_cast<milliseconds>(*rotation.absolute_timeout);
  }
  if (rotation.idle_timeout) set_idle(fresh, *rotation.idle_timeout);
  touch(fresh, work.now());
  if (slots.left != 0 && work.find(slots.left) != nullptr) strike(work.change(slots.left), handle);
  if (slots.entered != 0) {
    enrol(work.change(slots.entered), rotation.new_handle, fresh.ends, work.now());
  }
  const auto grace = duration_cast<milliseconds>(rotation.grace);
  point(work.change(slots.old), rotation.new_handle, work.now() + grace, work.now());
}

}  // namespace

Task<Result<Told>> Sessions::rotate(Place place, std::string handle, Rotation rotation) {
  if (handle == rotation.new_handle) co_return Told{.fate = Fate::taken};
  for (std::size_t tries = 0; tries < tries_max; ++tries) {
    auto looking = look(place, handle);
    const auto sight = co_await std::move(looking);
    if (!sight) co_return std::unexpected(sight.error());
    if (sight->state == State::absent) co_return Told{.fate = Fate::absent};
    // A second rotation of what has moved would be one by whoever has the old handle.
    if (sight->state != State::live || sight->has_moved) co_return Told{.fate = Fate::destroyed};

    Keys keys = keys_of(place, *sight, handle);
    Slots slots{.fresh = keys.all.size()};
    keys.all.push_back(key_of(place, rotation.new_handle));
    slots.left = slots.entered = keys.subject.value_or(0);
    const std::string had(find(*sight->record, Own::subject));
    const std::string subject = rotation.subject.value_or(had);
    if (subject != had) {
      slots.entered = subject.empty() ? 0 : keys.all.size();
      if (!subject.empty()) keys.all.push_back(key_of(place, subject_key(subject)));
    }
    std::optional<Fate> fate;
    Session session;
    auto editing = keyspace_.edit(
        keys.all,
        [&](Workspace& work) {
          fate = judge(work, keys, *sight);
          if (fate != Fate::done) return false;
          if (work.find(slots.fresh) != nullptr) {
            fate = Fate::taken;
            return false;
          }
          move(work, slots, handle, rotation, subject);
          session = session_of(*work.find(slots.fresh));
          return true;
        },
        place.ceiling);
    const auto edited = co_await std::move(editing);
    if (!edited) co_return std::unexpected(edited.error());
    if (fate) co_return Told{.fate = *fate, .session = std::move(session)};
  }
  co_return contended();
}

}  // namespace headrace::session
