// The kit's store, on which the engine's tests stand, does about guards, floors and lists what
// every store must do.
#include "kit/plain_store.h"

#include "contract/floor_contract.h"
#include "contract/guard_contract.h"
#include "contract/list_contract.h"

namespace headrace::contract {
namespace {

class PlainUnderTest final : public StoreUnderTest {
 public:
  Store& store() override { return store_; }
  Random& random() override { return world_; }
  Duration tick() const override { return Duration(1); }
  void pass(Duration time) override { world_.advance(time); }
  void damage(StoreKey key) override { store_.damage(key); }

 private:
  kit::World world_;
  kit::PlainStore store_{world_};
};

INSTANTIATE_TEST_SUITE_P(Plain, StoreContract,
                         testing::Values(StoreMaker{.name = "plain", .make = [] {
                                                      return std::make_unique<PlainUnderTest>();
                                                    }}));

}  // namespace
}  // namespace headrace::contract
