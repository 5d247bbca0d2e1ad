// headrace/source.h: the port to a source, where truth lives.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    source_unavailable (not reached), source_failed (reached, but the answer is an error
//            or garbage), timed_out, refused (the source's own queue is full), cancelled.  A
//            missing entity is not an error: it is Kind::absent.
// Lifetimes: arguments are taken by value.  A source must outlive its tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/kind.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

// One question to the source.
struct Fetch {
  std::string entity{};
  std::string revision{};  // Of the copy that is already held; empty if none is.
  Instant deadline{};      // After this nobody wants the answer.
  std::stop_token stop{};  // Requested when nobody waits any more.
  // A replica must not answer: it may not have what was changed.  Each fetch of a batch has its
  // own; a source that cannot mix them asks twice.
  bool primary = false;
};

// What the source said.
struct Fetched {
  Kind kind = Kind::value;
  bool unchanged = false;    // The copy of Fetch::revision still holds; `payload` is not set.
  std::string payload{};     // The value, encoded (JSON for the built-in sources).
  std::string revision{};    // The source's name for this state; may be empty.
  std::uint32_t billed = 1;  // Reads that the source charges for this answer.
  bool empty = false;        // A query that found nothing; charged all the same.
};

// A part of a source that a question's answers are made of.  A change of it outdates them.
struct Dependency {
  std::string database{};    // One name for all who have it open; empty: nobody knows.
  std::string collection{};  // Or table.
  // Whose change matters; empty: that of any.  For a query also those that it filters and sorts by.
  std::vector<std::string> fields{};
  // True: the answer for an entity depends on the collection's member of that name alone, so that a
  // change of one member outdates one answer.  False: on members that only the source can name.
  bool of_entity = true;

  friend bool operator==(const Dependency&, const Dependency&) = default;
};

// One change of one entity.
struct Write {
  enum class Mode : std::uint8_t {
    update,  // Merges `fields` into an entity that is there; one that is not stays absent.
    upsert,  // Merges, and creates what is not there.
    remove,  // Deletes the entity; `fields` is empty.
  };
  std::string entity{};
  Mode mode = Mode::update;
  // Names and their new values as JSON.  JSON null is a value; fields not named stay as they are.
  std::vector<std::pair<std::string, std::string>> fields{};
  Instant deadline{};
  // The state that the entity must be in (Source::fetch_for_update); in any other nothing is
  // changed.  None: any will do.  Empty, absence: for an upsert alone.
  std::optional<std::string> expected{};
  // Changes of a store in the source's own database (Store::voiding), to be made in the very commit
  // of this change or not at all, and once at most.  Set by the engine.
  std::vector<std::string> along{};
};

struct Written {
  bool found = true;  // False: there was nothing to update or to remove, and nothing changed.
  // The source's name for the state that it now has; may be empty.  Where replicas lag it names the
  // change, in at most revision_bytes_max; a longer one counts as none.
  std::string revision{};
  std::uint32_t reads = 0;  // What the source charges for it.
  std::uint32_t writes = 0;
  std::uint32_t deletes = 0;
  // All that changed, where that is more than the named fields of the one entity: by triggers,
  // cascades, computed columns.  Empty: just those.
  std::vector<Dependency> changed{};
  bool along = false;     // Write::along was made with it, all of it.
  bool conflict = false;  // The entity was not in the state that was expected, and nothing changed.
};

// The source side of one policy: it knows which fields to ask for and where.
class Source {
 public:
  virtual ~Source() = default;

  [[nodiscard]] virtual Task<Result<Fetched>> fetch(Fetch fetch) = 0;

  // Answers in the order of `fetches`, each on its own.  The source must be asked as few times as
  // it can be.  REQUIRES: 0 < fetches.size() <= batch_max() and entities are distinct.
  [[nodiscard]] virtual Task<std::vector<Result<Fetched>>> fetch_many(
      std::vector<Fetch> fetches) = 0;

  // How many entities one fetch_many may name; 1 where batches save nothing.
  [[nodiscard]] virtual std::size_t batch_max() const noexcept { return 1; }

  // Whether a read may be answered by a replica that lags, or does not show yet what was committed.
  // Then what is written through is named to those who load it later; where it is false they need
  // not be told, and covers() is asked only of what an invalidation has named.
  [[nodiscard]] virtual bool may_lag() const noexcept { return false; }

  // Whether what was read at `revision` (Fetched::revision, which may be empty) contains the change
  // named `floor`: a Written::revision of this database, or what an invalidation brought.  A source
  // without replicas, whose reads always see what was committed before, keeps true.  Any other must
  // name the state of every answer, an absence's too, and say false where it cannot tell.
  [[nodiscard]] virtual bool covers([[maybe_unused]] std::string_view revision,
                                    [[maybe_unused]] std::string_view floor) const {
    return true;
  }

  // Whether even the primary may show a commit only some time after it was acknowledged.  Then what
  // it answers proves nothing by itself, and a load that has nothing else to ask of the store asks
  // it for floors.
  [[nodiscard]] virtual bool shows_commits_late() const noexcept { return false; }

  // What the answers are made of; empty if the source cannot say.  The first is what write()
  // changes.
  [[nodiscard]] virtual std::vector<Dependency> dependencies() const { return {}; }

  // Whether write() does anything but refuse.
  [[nodiscard]] virtual bool is_writable() const noexcept { return false; }

  // The database in which write() can make changes of a store along with its own, and how many; one
  // name for those who reach the same database in the same way (Store::commits_in), and for nobody
  // else.  Empty: it makes none.
  [[nodiscard]] virtual std::string commits_in() const { return {}; }
  [[nodiscard]] virtual std::size_t along_max() const noexcept { return 0; }

  // What a change of the entity may start from: its fields as they are now, those that may be
  // written among them, and as `revision` the exact state that they are of, for Write::expected.
  // That names what was read here and is compared by the source alone; it is empty if the entity is
  // absent.  `unchanged` is never said.
  [[nodiscard]] virtual Task<Result<Fetched>> fetch_for_update(Fetch) {
    co_return failure(Code::invalid_argument, "this source cannot be written to");
  }

  // Changes the source.  After timed_out, source_unavailable or cancelled nobody knows whether the
  // change was made.  May return besides: invalid_argument (the source refuses these fields or
  // values; nothing changed.  If one field is to blame the text begins with its name, a colon and a
  // space) and refused (nothing changed).
  [[nodiscard]] virtual Task<Result<Written>> write(Write) {
    co_return failure(Code::invalid_argument, "this source cannot be written to");
  }
};

}  // namespace headrace
