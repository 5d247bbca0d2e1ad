// session/sessions.h: what can be done to sessions, each all or nothing.
//
// A session is a map of fields with a version, under a handle; its id is never seen here.  It ends
// when nobody has touched or changed it for its idle time, and at the latest at its absolute end,
// which nothing moves.  What was destroyed stays so: every later write says `destroyed`, and every
// read that there is none.  Rotation gives a session another handle in one step; for a grace the
// old one still answers reads, and one write, which is made under the new handle.
//
// Threads:   any member from any thread.
// Errors:    those of Records; refused: others have changed the same session in each of tries_max
//            tries.  What a client may have to expect is no error but a Fate.
// Lifetimes: borrows the keyspace, which must outlive its tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "session/form.h"
#include "session/patch.h"
#include "session/place.h"

namespace headrace::session {

struct Beginning {
  std::string handle{};
  Fields fields{};
  Duration idle_timeout = std::chrono::minutes(30);
  Duration absolute_timeout = std::chrono::days(30);
  std::string subject{};  // Empty: nobody's.
  std::string label{};
};

struct Rotation {
  std::string new_handle{};
  Duration grace{0};
  std::optional<std::string> subject{};  // From here on; none: as before.
  std::optional<std::string> label{};
  // A login is a new beginning: a time that is given counts from here.
  std::optional<Duration> idle_timeout{};
  std::optional<Duration> absolute_timeout{};
};

enum class Fate : std::uint8_t {
  done,
  absent,        // There is no such session (any more).
  destroyed,     // Nor will there ever be one under this handle.
  taken,         // The handle has a session already.
  changed,       // It is not the version that was expected.
  wrong_type,    // A field cannot be added to.
  out_of_range,  // Of 64 bits.
  too_large,     // More bytes or fields than a session may have.
};
struct Told {
  Fate fate = Fate::done;
  Session session{};     // If done.
  bool touched = false;  // Its idle time has begun anew.
};

class Sessions {
 public:
  static constexpr std::size_t tries_max = 8;

  explicit Sessions(Keyspace& keyspace) : keyspace_(keyspace) {}

  // REQUIRES: handles, names and times are within the limits of session/form.h.

  [[nodiscard]] Task<Result<Told>> create(Place place, Beginning beginning);

  enum class Touch : std::uint8_t { no, lazily };
  // Lazily: also touches it, if that is worth a write.
  [[nodiscard]] Task<Result<Told>> read(Place place, std::string handle, Touch touch = Touch::no);

  using Expected = std::optional<std::vector<std::uint64_t>>;  // Versions; none: any.
  [[nodiscard]] Task<Result<Told>> replace(Place place, std::string handle, Fields fields,
                                           Expected expected);
  [[nodiscard]] Task<Result<Told>> merge(Place place, std::string handle, Patch patch,
                                         Expected expected);
  // Writes only if that is worth it, or the idle time shall be another from here on.
  [[nodiscard]] Task<Result<Told>> touch(Place place, std::string handle,
                                         std::optional<Duration> idle_timeout = std::nullopt);
  [[nodiscard]] Task<Result<Told>> rotate(Place place, std::string handle, Rotation rotation);
  // Done, absent or destroyed.
  [[nodiscard]] Task<Result<Fate>> destroy(Place place, std::string handle);

  struct Listed {
    std::string handle{};
    Session session{};  // Without its fields.
  };
  // The live ones of a subject, the oldest first.
  [[nodiscard]] Task<Result<std::vector<Listed>>> list(Place place, std::string subject);
  // Destroys them all but `except`, which may be empty; how many it was.  Also those that the
  // subject's record has lost, which are not counted.
  [[nodiscard]] Task<Result<std::size_t>> revoke(Place place, std::string subject,
                                                 std::string except);

 private:
  static std::unexpected<Error> contended();

  // What a handle stands for.
  struct Sight {
    State state = State::absent;  // Live, if it has moved and its grace lasts.
    std::string handle{};         // Of the session: another one if it has moved.
    RecordRef record{};           // If live.
    bool has_moved = false;
  };
  [[nodiscard]] Task<Result<Sight>> look(Place place, std::string handle);

  // The keys of an edit of one session; what is not there stands nowhere.
  struct Keys {
    std::vector<RecordKey> all{};
    std::size_t session = 0;
    std::optional<std::size_t> old{};      // The handle that was named, if it has moved.
    std::optional<std::size_t> subject{};  // Its subject's record.
  };
  static Keys keys_of(const Place& place, const Sight& sight, const std::string& handle);
  // Whether what was seen still stands; if it does, whether the session lives.
  static std::optional<Fate> judge(const Workspace& work, const Keys& keys, const Sight& sight);

  // Changes a live session; what `action` says becomes the fate, and nothing is changed unless it
  // is done.  May be called several times.
  struct Action {
    std::function<Fate(Workspace& work, std::size_t at)> make;
    bool uses_up_grace = true;
  };
  [[nodiscard]] Task<Result<Told>> change(Place place, std::string handle, Action action);

  Keyspace& keyspace_;
};

}  // namespace headrace::session
