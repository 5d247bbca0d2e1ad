// The embedded store, put through what every store must do.
#include "contract/store_contract.h"

#include <sqlite3.h>

#include "embedded/database.h"
#include "headrace/stores/embedded.h"
#include "kit/folder.h"
#include "kit/threads.h"

namespace headrace::contract {
namespace {

class EmbeddedUnderTest final : public StoreUnderTest {
 public:
  EmbeddedUnderTest() {
    auto opened = open_embedded_store({.path = path_}, threads_, threads_, threads_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    store_ = std::move(*opened);
  }
  Store& store() override { return *store_; }
  Random& random() override { return threads_; }
  Duration tick() const override { return Duration(1); }
  void pass(Duration time) override { threads_.advance(time); }
  void damage(StoreKey key) override {
    auto database = embedded::Database::open(path_);
    ASSERT_TRUE(database.has_value());
    auto spoil = database->prepare("UPDATE slots SET envelope = x'00' WHERE store_key = ?");
    ASSERT_TRUE(spoil.has_value());
    ASSERT_TRUE(spoil->bind(1, key.bytes()).run().has_value());
    ASSERT_EQ(sqlite3_changes(database->handle()), 1);
  }

 private:
  kit::TemporaryFolder folder_;
  std::string path_ = folder_.file("store.db");
  kit::Threads threads_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Embedded, StoreContract,
                         testing::Values(StoreMaker{.name = "embedded", .make = [] {
                                                      return std::make_unique<EmbeddedUnderTest>();
                                                    }}));

}  // namespace
}  // namespace headrace::contract
