// The operations' calls and returns stand in a list, in the order of time.  What is called before
// the first return may come next in the order; choosing it takes its call and return out of the
// list, and undoing the choice puts them back.  A configuration is what has been chosen, and the
// version that then is there: one that has been seen is not tried again.  (Wing and Gong; Lowe.)  A
// write without an end is in nobody's way: if it never took effect, it may as well come last.
//
// Three rules spare most of the search; none excludes an order without leaving another:
//
//   1. A read of the version that is there is chosen as soon as it may come next.  It changes
//      nothing, so in any order that comes later to it, it can be moved here.
//   2. A version that has reads to come, and no further write, is not overwritten.
//   3. If no read of a version is left once its write and the reads of rule 1 are chosen, no other
//      write is tried in this one's place.  By rule 1 no read was possible there, so any other
//      order goes on with another write; this write and those reads can be moved in front of that.
//      It hides them from all that follows, and nothing that follows reads what they took along.
//
// If no version is written twice, a write that fails rule 3 is stuck at once, by rule 2: so each
// write that may come next is tried once, and one of them stays.
#include "sim/linear.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace headrace::sim {

namespace {

using EventNumber = std::size_t;
constexpr EventNumber list_end = 0;  // Before the first event and behind the last.

struct Event {
  const Operation* operation = nullptr;
  bool is_call = false;
  EventNumber returns = list_end;  // A call's return, if it has one.
  EventNumber before = list_end;
  EventNumber after = list_end;
};

double seconds(Instant when) {
  return std::chrono::duration<double>(when.time_since_epoch()).count();
}

std::string name_of(const Operation& operation) {
  const std::string kind = operation.is_write ? "write" : "read";
  return fmt::format("the {} of v{} ({:.6f} s to {})", kind, operation.version,
                     seconds(operation.began),
                     operation.ended ? fmt::format("{:.6f} s", seconds(*operation.ended)) : "?");
}

class Search {
 public:
  Search(Version initial, const std::vector<Operation>& history);
  [[nodiscard]] Linearity run(std::size_t configurations_max);

 private:
  struct Left {
    std::int64_t reads = 0;
    std::int64_t writes = 0;
  };
  struct Choice {
    EventNumber call;
    Version version_before;
    bool has_alternatives = true;
  };

  void choose(EventNumber call);
  void choose_reads();
  // False if it leads to what has been seen; it is chosen all the same.
  [[nodiscard]] bool try_write(EventNumber call);
  // The first write from here on that may come next.
  [[nodiscard]] EventNumber possible_write(EventNumber from) const;
  // Undoes the last write that has alternatives, and all since; says where to look for them.
  [[nodiscard]] std::optional<EventNumber> undo();

  void take_out(EventNumber event);
  void put_back(EventNumber event);
  void count(const Operation& operation, std::int64_t change);
  void flip(EventNumber call) { configuration_[call / 64] ^= 1ull << call % 64; }
  [[nodiscard]] Version& version() { return configuration_.back(); }
  [[nodiscard]] Version version() const { return configuration_.back(); }
  // The version there has reads to come, and nothing else can bring it back.
  [[nodiscard]] bool is_needed() const;
  [[nodiscard]] bool is_read(EventNumber event) const;

  void remember_stuck();
  [[nodiscard]] std::string explanation(EventNumber obstacle) const;

  std::vector<Event> events_;
  std::vector<std::uint64_t> configuration_;  // A bit for each call; the version that is there.
  std::map<Version, Left> left_;
  std::vector<Choice> chosen_;
  std::set<std::vector<std::uint64_t>> seen_;
  EventNumber stuck_at_ = list_end;  // The last return that could not be passed.
  std::string stuck_why_;
};

Search::Search(Version initial, const std::vector<Operation>& history) : events_(1) {
  // At one moment calls come first: nothing has ended before.
  std::vector<std::tuple<Instant, bool, std::size_t>> moments;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& one = history[i];
    assert(one.is_write || one.ended);
    assert(!one.ended || one.began <= *one.ended);
    count(one, 1);
    moments.emplace_back(one.began, false, i);
    if (one.ended) moments.emplace_back(*one.ended, true, i);
  }
  std::ranges::sort(moments);
  std::vector<EventNumber> calls(history.size());
  for (const auto& [when, is_return, i] : moments) {
    const EventNumber event = events_.size();
    events_.push_back({.operation = &history[i], .is_call = !is_return, .before = event - 1});
    events_[event - 1].after = event;
    (is_return ? events_[calls[i]].returns : calls[i]) = event;
  }
  events_[list_end].before = events_.size() - 1;
  configuration_.resize(events_.size() / 64 + 2);
  version() = initial;
}

void Search::take_out(EventNumber event) {
  const Event& one = events_[event];
  events_[one.before].after = one.after;
  events_[one.after].before = one.before;
}

void Search::put_back(EventNumber event) {
  const Event& one = events_[event];
  events_[one.before].after = event;
  events_[one.after].before = event;
}

void Search::count(const Operation& operation, std::int64_t change) {
  Left& left = left_[operation.version];
  (operation.is_write ? left.writes : left.reads) += change;
}

bool Search::is_needed() const {
  const auto left = left_.find(version());
  return left != left_.end() && left->second.reads > 0 && left->second.writes == 0;
}

bool Search::is_read(EventNumber event) const {
  const Event& one = events_[event];
  return one.is_call && !one.operation->is_write && one.operation->version == version();
}

void Search::choose(EventNumber call) {
  const Event& one = events_[call];
  if (one.returns != list_end) take_out(one.returns);
  take_out(call);
  chosen_.push_back({.call = call, .version_before = version()});
  count(*one.operation, -1);
  flip(call);
  version() = one.operation->version;
}

std::optional<EventNumber> Search::undo() {
  while (!chosen_.empty()) {
    const auto [call, version_before, has_alternatives] = chosen_.back();
    const Event& one = events_[call];
    chosen_.pop_back();
    version() = version_before;
    flip(call);
    count(*one.operation, 1);
    put_back(call);
    if (one.returns != list_end) put_back(one.returns);
    if (one.operation->is_write && has_alternatives) return one.after;
  }
  return {};
}

void Search::choose_reads() {
  for (EventNumber event = events_[list_end].after; events_[event].is_call;
       event = events_[event].after) {
    if (is_read(event)) choose(event);
  }
}

bool Search::try_write(EventNumber call) {
  const std::size_t place = chosen_.size();
  choose(call);
  if (!seen_.insert(configuration_).second) return false;
  choose_reads();
  chosen_[place].has_alternatives = left_[version()].reads > 0;
  return true;
}

EventNumber Search::possible_write(EventNumber from) const {
  if (is_needed()) return list_end;
  while (events_[from].is_call && !events_[from].operation->is_write) from = events_[from].after;
  return events_[from].is_call ? from : list_end;
}

Linearity Search::run(std::size_t configurations_max) {
  choose_reads();
  EventNumber from = events_[list_end].after;
  while (events_[list_end].after != list_end) {
    const EventNumber write = possible_write(from);
    if (write == list_end) remember_stuck();
    if (write != list_end && try_write(write)) {
      from = events_[list_end].after;
    } else if (const std::optional<EventNumber> next = undo()) {
      from = *next;
    } else {
      return {Linearity::Outcome::violated, stuck_why_, seen_.size()};
    }
    if (seen_.size() > configurations_max) {
      return {Linearity::Outcome::too_hard,
              fmt::format("there are more than {} configurations", configurations_max),
              seen_.size()};
    }
  }
  return {Linearity::Outcome::linearizable, {}, seen_.size()};
}

// Events are numbered in the order of time: what is remembered is the order that gets furthest.
void Search::remember_stuck() {
  EventNumber obstacle = events_[list_end].after;
  while (events_[obstacle].is_call) obstacle = events_[obstacle].after;
  if (obstacle < stuck_at_) return;
  stuck_at_ = obstacle;
  stuck_why_ = explanation(obstacle);
}

// If no version is written twice, the two versions that are named do exclude each other.  Of the
// writes that may come next, only that of the operation that returns first can pass this return; so
// it is its version that is there, and it lacks a read that was called after the obstacle returned.
// The obstacle's version could not come first: something of it was called after that first return.
std::string Search::explanation(EventNumber obstacle) const {
  const Operation& ended = *events_[obstacle].operation;
  if (!is_needed()) {
    return fmt::format("{}: no write that explains it had begun when it ended", name_of(ended));
  }
  const Operation* late = nullptr;
  const Operation* later = nullptr;
  for (EventNumber event = events_[list_end].after; event != list_end;
       event = events_[event].after) {
    if (is_read(event)) late = events_[event].operation;
    const bool is_other = events_[event].operation->version == ended.version;
    if (is_other && events_[event].is_call) later = events_[event].operation;
  }
  return fmt::format(
      "v{} and v{} exclude each other: {} began after {} had ended, but {} after v{} was there",
      version(), ended.version, name_of(*late), name_of(ended), name_of(*later), version());
}

}  // namespace

Linearity check(Version initial, const std::vector<Operation>& history,
                std::size_t configurations_max) {
  return Search(initial, history).run(configurations_max);
}

}  // namespace headrace::sim
