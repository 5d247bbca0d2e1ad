#include "migrate/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "terminal.h"

namespace headrace::app {

namespace {

constexpr auto tick_every = std::chrono::milliseconds(100);
constexpr Duration copy_lease_for = std::chrono::seconds(2);

moving::Copier copier(const Workplace& at) {
  return {{.from = at.from, .to = at.to, .clock = at.runtime, .random = at.runtime},
          copy_lease_for};
}

// How far something has come, and how quickly.
class Course {
 public:
  Course(std::string title, Clock& clock, std::uint64_t total, std::uint64_t before)
      : bar_(std::move(title)),
        clock_(clock),
        began_(clock.now()),
        total_(total),
        before_(before) {}

  void show(std::uint64_t done) {
    const double seconds = std::chrono::duration<double>(clock_.now() - began_).count();
    const double rate = seconds > 0 ? static_cast<double>(done - before_) / seconds : 0;
    const double share =
        total_ > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total_)) : 0;
    const double left = static_cast<double>(total_ - std::min(total_, done)) / std::max(rate, 1.0);
    bar_.show(share,
              fmt::format("{} of {}, {}/s, {:.0f} s left", with_commas(done), with_commas(total_),
                          with_commas(static_cast<std::uint64_t>(rate)), left));
  }

 private:
  Progress bar_;
  Clock& clock_;
  Instant began_;
  std::uint64_t total_;
  std::uint64_t before_;
};

// Of the old store: what it says itself, or what it lists.
Result<std::uint64_t> total_of(const Workplace& at) {
  if (const std::uint64_t entries = at.from.usage().entries; entries > 0) return entries;
  std::atomic<std::uint64_t> keys{0};
  Progress bar("counting");
  moving::Walk walk(at.walk, at.runtime, at.runtime);
  const auto counted = run_to_end(
      moving::count_keys(&walk, &at.from, &keys), at.stop, [&] { bar.show(0, with_commas(keys)); },
      [&] { walk.stop(); });
  if (!counted) return std::unexpected(counted.error());
  return keys.load();
}

}  // namespace

Result<void> run_to_end(Task<Result<void>> task, const std::atomic<bool>& interrupted,
                        const std::function<void()>& tick, const std::function<void()>& stop) {
  auto ended = std::make_shared<std::promise<Result<void>>>();
  auto outcome = ended->get_future();
  start(std::move(task), [ended](Result<void> done) { ended->set_value(std::move(done)); });
  bool is_told = false;
  while (outcome.wait_for(tick_every) != std::future_status::ready) {
    tick();
    if (interrupted.load() && !std::exchange(is_told, true)) stop();
  }
  Result<void> done = outcome.get();
  if (done && interrupted.load()) return failure(Code::cancelled, "stopped");
  return done;
}

Result<std::uint64_t> empty_new(const Workplace& at) {
  std::atomic<std::uint64_t> emptied{0};
  Progress bar("emptying the new store");
  moving::Walk walk(at.walk, at.runtime, at.runtime);
  // Everything that an engine keeps depends on this name.
  const std::vector<WatermarkId> everything{WatermarkId::of("cache")};
  const auto done = run_to_end(
      moving::empty(&walk, &at.to, everything, &emptied), at.stop,
      [&] { bar.show(0, with_commas(emptied)); }, [&] { walk.stop(); });
  if (!done) return failure(done.error().code, "the new store: " + done.error().what);
  return emptied.load();
}

Result<void> copy_all(const Workplace& at, const std::string& path, MigrationState& state) {
  const auto total = total_of(at);
  if (!total) return failure(total.error().code, "the old store: " + total.error().what);
  moving::Backfill backfill(copier(at), at.from, at.walk, at.runtime, at.runtime, state.progress);
  Result<void> written;
  const auto note = [&] {
    const moving::BackfillProgress now = backfill.progress();
    if (now.next == state.progress.next && !now.is_done) return;
    state.progress = now;
    if (now.is_done) state.stage = MigrationState::Stage::copied;
    written = write_state(path, state);
    if (!written) backfill.stop();
  };
  Course course("copying", at.runtime, *total, state.progress.listed);
  Result<void> done = run_to_end(
      backfill.run(), at.stop,
      [&] {
        note();
        course.show(backfill.progress().listed);
      },
      [&] { backfill.stop(); });
  note();
  return written ? done : written;
}

Result<void> compare(const Workplace& at, moving::Verify::Report& report) {
  const auto total = total_of(at);
  if (!total) return failure(total.error().code, "the old store: " + total.error().what);
  moving::Verify verify(copier(at),
                        {.from = at.from, .to = at.to, .clock = at.runtime, .executor = at.runtime},
                        at.walk, at.tolerance);
  Course course("comparing", at.runtime, 2 * *total, 0);
  Result<void> done = run_to_end(
      verify.run(), at.stop,
      [&] {
        const moving::Verify::Report now = verify.report();
        course.show(now.listed + now.listed_new);
      },
      [&] { verify.stop(); });
  report = verify.report();
  return done;
}

}  // namespace headrace::app
