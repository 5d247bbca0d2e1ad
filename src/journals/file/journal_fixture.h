// journals/file/journal_fixture.h: a file journal in a folder of its own, and what tests do to it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "headrace/sync.h"
#include "journals/file/seams.h"
#include "kit/eventually.h"
#include "kit/folder.h"
#include "kit/threads.h"

namespace headrace::journals {

using kit::eventually;

inline StoreKey key(std::uint64_t n) {
  return {{n, n * 3 + 1, n * 5 + 2, n * 7 + 3}};
}

class TestJournal {
  kit::TemporaryFolder folder_;

 public:
  FileJournalOptions options{.path = folder_.file("journal")};
  Seams seams{};
  kit::Threads threads;

  TestJournal() {
    options.notice = [this](std::string what) {
      const std::scoped_lock lock(mutex_);
      notices_ += what + "\n";
    };
  }

  Result<void> try_open() {
    journal_.reset();
    auto opened = journals::open(options, seams, threads, threads);
    if (!opened) return std::unexpected(opened.error());
    journal_ = std::move(*opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
  }
  void close() { journal_.reset(); }
  Journal* operator->() { return journal_.get(); }

  Result<std::uint64_t> try_add(std::uint64_t n, std::size_t keys = 1) {
    return wait(journal_->add(std::vector<StoreKey>(keys, key(n)), {}, {}));
  }
  std::uint64_t add(std::uint64_t n, std::size_t keys = 1) {
    const auto number = try_add(n, keys);
    EXPECT_TRUE(number.has_value()) << number.error().what;
    return number.value_or(0);
  }
  Result<void> strike(std::uint64_t number) {
    return wait(journal_->strike(std::vector<std::uint64_t>{number}));
  }
  std::vector<Journal::Record> read() {
    auto records = wait(journal_->read());
    EXPECT_TRUE(records.has_value()) << records.error().what;
    return records ? std::move(*records) : std::vector<Journal::Record>{};
  }
  // The first word of each standing record's first key; of one that is lost, `lost`.
  static constexpr std::uint64_t lost = ~std::uint64_t{0};
  std::vector<std::uint64_t> standing() {
    std::vector<std::uint64_t> all;
    for (const Journal::Record& one : read()) {
      all.push_back(one.lost ? lost : one.keys.at(0).words[0]);
    }
    return all;
  }

  [[nodiscard]] std::string file() const { return options.path + "/journal"; }
  [[nodiscard]] std::string bytes() const { return contents(file()); }
  void set_bytes(std::string_view bytes) const {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
  }
  [[nodiscard]] static std::string contents(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  // The names in its folder that hold `part`.
  [[nodiscard]] std::vector<std::string> files_with(std::string_view part) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(options.path)) {
      if (entry.path().filename().string().contains(part)) names.push_back(entry.path().string());
    }
    return names;
  }
  [[nodiscard]] std::string notices() const {
    const std::scoped_lock lock(mutex_);
    return notices_;
  }
  void forget_notices() {
    const std::scoped_lock lock(mutex_);
    notices_.clear();
  }
  [[nodiscard]] const kit::TemporaryFolder& folder() const { return folder_; }

 private:
  mutable std::mutex mutex_;
  std::string notices_;
  std::unique_ptr<Journal> journal_;
};

// Steps of the disk, counted, and failed on request.
class Steps {
 public:
  // REQUIRES: outlives the journal.
  std::function<int(Step)> seam() {
    return [this](Step step) {
      const std::scoped_lock lock(mutex_);
      ++counts_[step];
      const auto fails = errors_.find(step);
      return fails == errors_.end() ? 0 : fails->second;
    };
  }
  int count(Step step) {
    const std::scoped_lock lock(mutex_);
    return counts_[step];
  }
  void fail(Step step, int error) {
    const std::scoped_lock lock(mutex_);
    errors_[step] = error;
  }
  void heal() {
    const std::scoped_lock lock(mutex_);
    errors_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<Step, int> counts_;
  std::map<Step, int> errors_;
};

}  // namespace headrace::journals
