// kit/plain_journal.h: the journal contract on a plain map, which outlives the engine of a test.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "headrace/journal.h"

namespace headrace::kit {

class PlainJournal final : public Journal {
 public:
  bool fails = false;
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
  // What stands cannot be read any more.
  void spoil() {
    for (auto& [number, record] : records_) record = {.number = number, .lost = true};
  }

  Task<Result<std::uint64_t>> add(std::vector<StoreKey> keys, std::vector<WatermarkId> watermarks,
                                  std::vector<Store::Floor> floors) override {
    if (fails) co_return failed();
    const std::uint64_t number = ++last_;
    records_[number] = {.number = number,
                        .keys = std::move(keys),
                        .watermarks = std::move(watermarks),
                        .floors = std::move(floors)};
    co_return number;
  }

  Task<Result<void>> strike(std::vector<std::uint64_t> numbers) override {
    if (fails) co_return failed();
    for (const std::uint64_t number : numbers) records_.erase(number);
    co_return Result<void>();
  }

  Task<Result<std::vector<Record>>> read() override {
    if (fails) co_return failed();
    std::vector<Record> all;
    for (const auto& [number, record] : records_) all.push_back(record);
    co_return all;
  }

  void close() override {}

 private:
  static std::unexpected<Error> failed() {
    return failure(Code::journal_unavailable, "the disk is full");
  }

  std::map<std::uint64_t, Record> records_;
  std::uint64_t last_ = 0;
};

}  // namespace headrace::kit
