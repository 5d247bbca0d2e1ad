// sim/disk.h: the disk of one machine, which outlives the processes on it.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "headrace/journal.h"
#include "sim/link.h"

namespace headrace::sim {

class Disk {
 public:
  std::uint64_t add(Journal::Record record) {
    record.number = ++last_;
    records_[last_] = std::move(record);
    return last_;
  }
  void strike(const std::vector<std::uint64_t>& numbers) {
    for (const std::uint64_t number : numbers) records_.erase(number);
  }
  // A record cannot be read any more; false if there was none.
  bool spoil(std::uint64_t which) {
    if (records_.empty()) return false;
    const auto at =
        std::next(records_.begin(), static_cast<std::ptrdiff_t>(which % records_.size()));
    at->second = {.number = at->first, .lost = true};
    return true;
  }
  [[nodiscard]] std::vector<Journal::Record> read() const {
    std::vector<Journal::Record> all;
    for (const auto& [number, record] : records_) all.push_back(record);
    return all;
  }

 private:
  std::map<std::uint64_t, Journal::Record> records_;
  std::uint64_t last_ = 0;
};

// The journal's port, as one process has it.
class DiskJournal final : public Journal {
 public:
  DiskJournal(Disk& disk, Link& link) : disk_(disk), link_(link) {}

  Task<Result<std::uint64_t>> add(std::vector<StoreKey> keys, std::vector<WatermarkId> watermarks,
                                  std::vector<Store::Floor> floors) override {
    Record record{
        .keys = std::move(keys), .watermarks = std::move(watermarks), .floors = std::move(floors)};
    auto call = link_.call<std::uint64_t>(
        [this, record = std::move(record)]() -> Result<std::uint64_t> { return disk_.add(record); },
        Link::Repeat::never);
    const Result<std::uint64_t> number = co_await std::move(call);
    co_return number;
  }

  Task<Result<void>> strike(std::vector<std::uint64_t> numbers) override {
    auto call = link_.call<bool>([this, struck = std::move(numbers)]() -> Result<bool> {
      disk_.strike(struck);
      return true;
    });
    const Result<bool> done = co_await std::move(call);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>();
  }

  Task<Result<std::vector<Record>>> read() override {
    auto call = link_.call<std::vector<Record>>(
        [this]() -> Result<std::vector<Record>> { return disk_.read(); });
    Result<std::vector<Record>> records = co_await std::move(call);
    co_return records;
  }

  void close() override {}

 private:
  Disk& disk_;
  Link& link_;
};

}  // namespace headrace::sim
