// embedded/fixture.h: embedded records in a folder of their own, and what holds their writer.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/folder.h"
#include "kit/started.h"
#include "kit/threads.h"
#include "records/embedded/seams.h"

namespace headrace::embedded_records {

using Change = Records::Change;
using What = Change::What;
using Found = std::vector<RecordRef>;
using Changes = std::vector<Change>;

inline RecordKey key(std::string_view name) {
  return {7, "space", name};
}
inline Records::Editor putting(std::string value) {
  return [value = std::move(value)](const Found&) {
    return Changes{{.what = What::put, .record = {.value = value}}};
  };
}
inline Records::Editor removing() {
  return [](const Found&) { return Changes{{.what = What::remove, .record = {}}}; };
}

class TestRecords {
 public:
  // What may be changed before open().
  EmbeddedRecordsOptions options{.path = "", .notice = [this](std::string text) {
                                   const std::lock_guard lock(mutex_);
                                   notices_ += text + "\n";
                                 }};
  Seams seams{};
  kit::Threads threads;

  TestRecords() { options.path = folder_.file("records.db"); }

  Result<void> try_open() {
    records_.reset();
    auto opened = embedded_records::open(options, seams, threads);
    if (!opened) return std::unexpected(opened.error());
    records_ = std::move(*opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
  }
  void close() { records_.reset(); }
  Records* operator->() { return records_.get(); }
  std::string notices() const {
    const std::lock_guard lock(mutex_);
    return notices_;
  }

  Task<Result<Found>> edit(std::string_view name, Records::Editor editor) {
    std::vector<RecordKey> keys;
    keys.push_back(key(name));
    return records_->edit(std::move(keys), std::move(editor), {});
  }
  Result<Found> put(std::string_view name, std::string value) {
    return wait(edit(name, putting(std::move(value))));
  }
  Result<Found> read(std::string_view name) {
    std::vector<RecordKey> keys;
    keys.push_back(key(name));
    return wait(records_->read(std::move(keys)));
  }
  std::string value(std::string_view name) {
    const auto found = read(name);
    if (!found) return found.error().what;
    return (*found)[0] ? (*found)[0]->value : "(none)";
  }
  std::string peek(std::string_view name) {
    const auto found = records_->peek(key(name).bytes());
    if (!found) return "(unknown)";
    return *found ? (*found)->value : "(none)";
  }
  Records::Usage usage() { return wait(records_->usage(7)).value(); }

 private:
  kit::TemporaryFolder folder_;
  mutable std::mutex mutex_;
  std::string notices_;
  std::unique_ptr<Records> records_;
};

}  // namespace headrace::embedded_records
