// Embedded records, with a file and without, put through what all records must do.
#include "contract/records_contract.h"

#include "headrace/records/embedded.h"
#include "kit/folder.h"
#include "kit/plain_records.h"
#include "kit/threads.h"

namespace headrace::contract {
namespace {

class EmbeddedUnderTest final : public RecordsUnderTest {
 public:
  explicit EmbeddedUnderTest(EmbeddedRecordsOptions options) : options_(std::move(options)) {
    open();
  }
  Records& records() override { return *records_; }
  bool restart() override {
    records_.reset();
    open();
    return records_ != nullptr;
  }

 private:
  void open() {
    auto opened = open_embedded_records(options_, threads_);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    records_ = std::move(*opened);
  }

  EmbeddedRecordsOptions options_;
  kit::Threads threads_;
  std::unique_ptr<Records> records_;
};

class InFileUnderTest final : public RecordsUnderTest {
 public:
  explicit InFileUnderTest(std::size_t memory_bytes_max)
      : embedded_({.path = folder_.file("records.db"), .memory_bytes_max = memory_bytes_max}) {}
  Records& records() override { return embedded_.records(); }
  bool restart() override { return embedded_.restart(); }

 private:
  kit::TemporaryFolder folder_;
  EmbeddedUnderTest embedded_;
};

class PlainUnderTest final : public RecordsUnderTest {
 public:
  Records& records() override { return records_; }

 private:
  kit::PlainRecords records_;
};

const RecordsMaker plain{.name = "plain",
                         .make = [] { return std::make_unique<PlainUnderTest>(); }};
const RecordsMaker in_memory{.name = "in_memory", .make = [] {
                               return std::make_unique<EmbeddedUnderTest>(EmbeddedRecordsOptions());
                             }};
const RecordsMaker in_file{.name = "in_file",
                           .make = [] { return std::make_unique<InFileUnderTest>(16 << 20); }};
// Hardly anything is held in front, so that nearly all is read from the file.
const RecordsMaker forgetful{.name = "forgetful",
                             .make = [] { return std::make_unique<InFileUnderTest>(1); }};

INSTANTIATE_TEST_SUITE_P(Plain, RecordsContract, testing::Values(plain));
INSTANTIATE_TEST_SUITE_P(Embedded, RecordsContract, testing::Values(in_memory, in_file, forgetful));
INSTANTIATE_TEST_SUITE_P(Embedded, RecordsRaces, testing::Values(in_memory, in_file, forgetful));
INSTANTIATE_TEST_SUITE_P(Embedded, RecordsRestarts, testing::Values(in_file, forgetful));

}  // namespace
}  // namespace headrace::contract
