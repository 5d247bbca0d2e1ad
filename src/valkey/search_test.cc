#include "valkey/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

#include "headrace/sync.h"
#include "kit/eventually.h"

namespace headrace::valkey {
namespace {

// A search that ends when it is let go, and counts.
class Held final : public Search {
 public:
  using Search::is_stopped;
  using Search::Search;

  void let_go(Result<void> how) {
    const std::scoped_lock lock(mutex_);
    outcome_ = std::move(how);
    if (wakeup_) wakeup_->wake(io::Wakeup::By::grant);
  }
  std::atomic<int> begun = 0;
  std::vector<Instant> at{};

 private:
  Task<Result<void>> look() override {
    auto wakeup = std::make_shared<io::Wakeup>(runtime_);
    at.push_back(runtime_.now());
    {
      const std::scoped_lock lock(mutex_);
      wakeup_ = wakeup;
    }
    ++begun;
    (void)co_await wakeup->waiting();
    const std::scoped_lock lock(mutex_);
    co_return outcome_;
  }

  std::mutex mutex_;
  std::shared_ptr<io::Wakeup> wakeup_;
  Result<void> outcome_;
};

class SearchTest : public testing::Test {
 protected:
  ~SearchTest() override {
    if (!search->is_stopped()) stop();
    runtime.stop();
  }
  void stop() {
    search->begin_stop();
    search->let_go({});
    search->stop();
  }
  std::future<Result<void>> ended() {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    start(Search::ended(search), [promise](Result<void> how) { promise->set_value(how); });
    return promise->get_future();
  }

  Runtime runtime{{.threads = 2}};
  std::shared_ptr<Held> search = std::make_shared<Held>(runtime);
};

TEST_F(SearchTest, IsOneForAllWhoWant) {
  auto first = ended();
  auto second = ended();
  search->begin();
  EXPECT_TRUE(kit::eventually([this] { return search->begun == 1; }));
  search->let_go(failure(Code::store_unavailable, "nobody"));
  EXPECT_EQ(first.get().error().what, "nobody");
  EXPECT_EQ(second.get().error().what, "nobody");
  EXPECT_EQ(search->begun, 1);
}

TEST_F(SearchTest, TheNextComesAfterAPause) {
  auto first = ended();
  EXPECT_TRUE(kit::eventually([this] { return search->begun == 1; }));
  search->let_go({});
  ASSERT_TRUE(first.get().has_value());
  search->begin();  // Nobody waits for it, so that there is none.
  auto second = ended();
  EXPECT_TRUE(kit::eventually([this] { return search->begun == 2; }));
  EXPECT_GE(search->at[1] - search->at[0], Search::pause);
  search->let_go({});
  EXPECT_TRUE(second.get().has_value());
  EXPECT_EQ(search->begun, 2);
}

TEST_F(SearchTest, OfOneThatIsStoppedAllWhoWaitAreTold) {
  auto waits = ended();
  EXPECT_TRUE(kit::eventually([this] { return search->begun == 1; }));
  stop();
  (void)waits.get();
  EXPECT_EQ(ended().get().error().code, Code::closed);
  search->begin();
  EXPECT_EQ(search->begun, 1);
}

}  // namespace
}  // namespace headrace::valkey
