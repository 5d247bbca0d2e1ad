// The file journal and the plain one, put through what every journal must do.
#include "contract/journal_contract.h"

#include "headrace/journals/file.h"
#include "kit/folder.h"
#include "kit/plain_journal.h"
#include "kit/threads.h"

namespace headrace::contract {
namespace {

class FileUnderTest final : public JournalUnderTest {
 public:
  FileUnderTest() { restart(); }
  Journal& journal() override { return *journal_; }
  void restart() override {
    journal_.reset();
    auto opened = open_file_journal({.path = folder_.file("journal")}, threads_, threads_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    journal_ = std::move(*opened);
  }

 private:
  kit::TemporaryFolder folder_;
  kit::Threads threads_;
  std::unique_ptr<Journal> journal_;
};

// It is its own disk.
class PlainUnderTest final : public JournalUnderTest {
 public:
  Journal& journal() override { return journal_; }
  void restart() override {}

 private:
  kit::PlainJournal journal_;
};

INSTANTIATE_TEST_SUITE_P(File, JournalContract,
                         testing::Values(JournalMaker{.name = "file", .make = [] {
                                                        return std::make_unique<FileUnderTest>();
                                                      }}));
INSTANTIATE_TEST_SUITE_P(Plain, JournalContract,
                         testing::Values(JournalMaker{.name = "plain", .make = [] {
                                                        return std::make_unique<PlainUnderTest>();
                                                      }}));

}  // namespace
}  // namespace headrace::contract
