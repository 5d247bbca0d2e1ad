// valkey/fixture.h: records on servers of the test's, as the contract takes them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "contract/records_fixture.h"
#include "headrace/records/valkey.h"
#include "headrace/runtime.h"

namespace headrace::contract {

class ValkeyRecordsUnderTest final : public RecordsUnderTest {
 public:
  explicit ValkeyRecordsUnderTest(ValkeyRecordsOptions options) : options_(std::move(options)) {
    open();
  }
  ~ValkeyRecordsUnderTest() override {
    records_->close();
    runtime_.stop();
  }
  Records& records() override { return *records_; }
  bool restart() override {
    records_->close();
    open();
    return true;
  }
  int additions() const override { return 150; }

 private:
  void open() {
    auto opened = open_valkey_records(options_, runtime_);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    records_ = std::move(*opened);
  }

  const ValkeyRecordsOptions options_;
  Runtime runtime_{{.threads = 2}};
  std::unique_ptr<Records> records_;
};

}  // namespace headrace::contract
