// Allowances on a store in Firestore documents, on Google's emulator.
#include <unistd.h>

#include "allowance/spending_contract.h"
#include "headrace/stores/firestore.h"
#include "kit/eventually.h"
#include "kit/firestore_emulator.h"

namespace headrace::contract {
namespace {

class OnFirestore final : public StoresUnderTest {
 public:
  OnFirestore(const std::string& emulator, Runtime& runtime) {
    for (auto& store : stores_) {
      auto database = open_firestore_database({.project = "test-allowances", .emulator = emulator},
                                              runtime, runtime, runtime);
      store =
          open_firestore_store(std::move(database).value(),
                               {.collection = "a" + std::to_string(::getpid())}, runtime, runtime)
              .value();
      // The first calls of an emulator take it seconds.
      EXPECT_TRUE(kit::eventually(
          [&store] { return wait(store->look({}, {}, Store::Payload::with)).has_value(); },
          std::chrono::seconds(60)));
    }
  }
  Store& store(std::size_t instance) override { return *stores_.at(instance); }
  void close() override {
    for (const auto& store : stores_) store->close();
  }

 private:
  std::array<std::unique_ptr<Store>, 2> stores_;
};

INSTANTIATE_TEST_SUITE_P(Firestore, SpendingContract,
                         testing::Values(StoresMaker{
                             "emulator",
                             [](Runtime& runtime) -> Result<std::unique_ptr<StoresUnderTest>> {
                               auto emulator = kit::FirestoreEmulator::shared();
                               if (!emulator) return std::unexpected(std::move(emulator.error()));
                               return std::make_unique<OnFirestore>((*emulator)->address(),
                                                                    runtime);
                             }}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headrace::contract
