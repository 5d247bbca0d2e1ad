// The sessions of a subject: who is logged in, and out everywhere.
#include <algorithm>
#include <utility>

#include "session/sessions.h"
#include "session/subject.h"

namespace headrace::session {

namespace {

bool belongs_to(const Record* session, std::string_view subject, const Record* of, WallTime now) {
  return state_of(session, now) == State::live && find(*session, Own::subject) == subject &&
         !is_fenced(*session, of);
}

std::vector<RecordKey> keys_of_all(const Place& place, const std::vector<std::string>& handles) {
  std::vector<RecordKey> keys;
  keys.reserve(handles.size());
  for (const std::string& handle : handles) keys.push_back(key_of(place, handle));
  return keys;
}

// The first record is the subject's, the others are of `handles`; how many were destroyed.
std::size_t revoke_all(Workspace& work, std::string_view subject,
                       const std::vector<std::string>& handles, std::string_view except) {
  std::size_t revoked = 0;
  std::optional<std::size_t> spared;
  for (std::size_t at = 1; at <= handles.size(); ++at) {
    if (!belongs_to(work.find(at), subject, work.find(0), work.now())) continue;
    if (handles[at - 1] == except) {
      spared = at;
      continue;
    }
    bury(work.change(at), work.now());
    ++revoked;
  }
  const std::int64_t fence = fence_off(work.change(0), spared ? except : "", work.now());
  if (!spared) return revoked;
  Record& session = work.change(*spared);
  set(session, Own::stamp, std::to_string(fence));
  enrol(work.change(0), std::string(except), session.ends, work.now());
  return revoked;
}

}  // namespace

Task<Result<std::vector<Sessions::Listed>>> Sessions::list(Place place, std::string subject) {
  const RecordKey key = key_of(place, subject_key(subject));
  auto asking = keyspace_.read(just(key), Keyspace::Access::does_not_count);
  const auto found = co_await std::move(asking);
  if (!found) co_return std::unexpected(found.error());
  const RecordRef of = found->front();
  const std::vector<std::string> handles = handles_of(of.get());
  std::vector<Listed> listed;
  if (handles.empty()) co_return listed;

  auto reading = keyspace_.read(keys_of_all(place, handles), Keyspace::Access::does_not_count);
  const auto sessions = co_await std::move(reading);
  if (!sessions) co_return std::unexpected(sessions.error());
  const WallTime now = keyspace_.clock().wall_now();
  for (std::size_t i = 0; i < handles.size(); ++i) {
    if (!belongs_to((*sessions)[i].get(), subject, of.get(), now)) continue;
    listed.push_back({.handle = handles[i], .session = session_of(*(*sessions)[i])});
    listed.back().session.fields.clear();
  }
  co_return listed;
}

Task<Result<std::size_t>> Sessions::revoke(Place place, std::string subject, std::string except) {
  if (!except.empty()) {
    // A request that is under way while its session gets another handle still has the old one.
    auto looking = look(place, except);
    auto sight = co_await std::move(looking);
    if (!sight) co_return std::unexpected(std::move(sight.error()));
    except = std::move(sight->handle);
  }
  const RecordKey key = key_of(place, subject_key(subject));
  auto asking = keyspace_.read(just(key), Keyspace::Access::does_not_count);
  const auto found = co_await std::move(asking);
  if (!found) co_return std::unexpected(found.error());
  std::vector<std::string> handles = handles_of(found->front().get());
  if (!except.empty() && std::ranges::find(handles, except) == handles.end()) {
    handles.push_back(except);
  }
  // Who comes between this look and the edit is behind the fence, though not in the count.
  std::vector<RecordKey> keys = just(key);
  std::ranges::move(keys_of_all(place, handles), std::back_inserter(keys));
  std::size_t revoked = 0;
  auto editing = keyspace_.edit(
      std::move(keys),
      [&](Workspace& work) {
        revoked = revoke_all(work, subject, handles, except);
        return true;
      },
      // What frees is never refused.
      found->front() ? Records::Ceiling{} : place.ceiling);
  const auto edited = co_await std::move(editing);
  if (!edited) co_return std::unexpected(edited.error());
  co_return revoked;
}

}  // namespace headrace::session
