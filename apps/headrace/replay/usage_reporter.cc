#include "replay/usage_reporter.h"

#include <utility>

namespace headrace::replay {

namespace {

constexpr std::int64_t minutes_per_hour = 60;

}  // namespace

UsageReporter::UsageReporter(SqliteFile& file, const Clock& clock, Part& part)
    : file_(file), clock_(clock), part_(part), writer_([this] { write_all(); }) {}

UsageReporter::~UsageReporter() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wanted_.notify_one();
  writer_.join();
}

void UsageReporter::report(std::uint64_t account, std::int64_t minute) {
  {
    const std::lock_guard lock(mutex_);
    if (reports_.size() == reports_max) return part_.write_failed("too many reports of use wait");
    reports_.push_back({account, minute, clock_.now()});
  }
  wanted_.notify_one();
}

void UsageReporter::write_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    wanted_.wait(lock, [this] { return ends_ || !reports_.empty(); });
    if (reports_.empty()) return;
    const std::vector<Report> taken = std::exchange(reports_, {});
    lock.unlock();
    write(taken);
    lock.lock();
  }
}

void UsageReporter::write(const std::vector<Report>& reports) {
  std::vector<SqliteFile::Statement> statements;
  statements.reserve(reports.size());
  for (const Report& report : reports) {
    const auto account = static_cast<std::int64_t>(report.account);
    statements.push_back(
        {"INSERT INTO usage VALUES (?, ?, 1)"
         " ON CONFLICT (account, hour) DO UPDATE SET minutes = minutes + 1",
         {account, (report.minute - 1) / minutes_per_hour}});
  }
  if (auto written = file_.run(statements); !written) {
    return part_.write_failed(written.error().what);
  }
  const Instant now = clock_.now();
  for (const Report& report : reports) {
    delays_.record(now - report.granted);
    part_.wrote(false);
  }
}

}  // namespace headrace::replay
