// The store on Firestore documents, put through what every store must do, on Google's emulator.
#include "contract/store_contract.h"

#include "stores/firestore/store_fixture.h"

namespace headrace::contract {
namespace {

using firestore::FirestoreClient;

class FirestoreUnderTest final : public StoreUnderTest {
 public:
  explicit FirestoreUnderTest(const std::string& emulator) : client_(emulator) {
    store_ = client_.open();
  }
  ~FirestoreUnderTest() override { store_->close(); }
  Store& store() override { return *store_; }
  Random& random() override { return client_.runtime; }
  // So long that what the emulator takes does not count.
  Duration tick() const override { return std::chrono::seconds(20); }
  void pass(Duration time) override { client_.pass(time); }
  // What it hangs on, and the names of the fields, need a little of a document's MiB.
  std::size_t payload_bytes() const override { return (1 << 20) - 1024; }
  int rounds() const override { return 40; }
  // What a busy emulator takes for an answer is counted as if it had come at its end.
  Duration kept_for_blur() const override { return std::chrono::seconds(5); }
  void damage(StoreKey key) override {
    auto document = client_.get(client_.names.slot(key));
    ASSERT_NE(document, nullptr);
    std::string& body =
        *(*document->mutable_fields())[firestore::field::body].mutable_bytes_value();
    body.back() = static_cast<char>(body.back() ^ 1);
    client_.set(*document);
  }

 private:
  FirestoreClient client_;
  std::unique_ptr<Store> store_;
};

StoreMaker maker() {
  return {.name = "emulator", .make = []() -> Result<std::unique_ptr<StoreUnderTest>> {
            auto emulator = kit::FirestoreEmulator::shared();
            if (!emulator) return std::unexpected(std::move(emulator.error()));
            return std::make_unique<FirestoreUnderTest>((*emulator)->address());
          }};
}

INSTANTIATE_TEST_SUITE_P(Firestore, StoreContract, testing::Values(maker()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace headrace::contract
