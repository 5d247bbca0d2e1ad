// Records on Firestore's documents, put through what all records must do, on Google's emulator.
#include "contract/records_contract.h"

#include "records/firestore/fixture.h"

namespace headrace::contract {
namespace {

class FirestoreRecordsUnderTest final : public RecordsUnderTest {
 public:
  explicit FirestoreRecordsUnderTest(const std::string& emulator)
      : collection_(emulator), records_(collection_.open()) {}
  ~FirestoreRecordsUnderTest() override { records_->close(); }
  Records& records() override { return *records_; }
  bool restart() override {
    records_->close();
    records_ = collection_.open();
    return true;
  }
  std::size_t value_bytes() const override { return firestore_value_bytes_max; }
  int additions() const override { return 25; }

 private:
  firestore_records::Collection collection_;
  std::unique_ptr<Records> records_;
};

const auto every = testing::Values(
    RecordsMaker{.name = "emulator", .make = []() -> Result<std::unique_ptr<RecordsUnderTest>> {
                   auto emulator = kit::FirestoreEmulator::shared();
                   if (!emulator) return std::unexpected(std::move(emulator.error()));
                   return std::make_unique<FirestoreRecordsUnderTest>((*emulator)->address());
                 }});
const auto name_of = [](const auto& tested) { return tested.param.name; };

INSTANTIATE_TEST_SUITE_P(Firestore, RecordsContract, every, name_of);
INSTANTIATE_TEST_SUITE_P(Firestore, RecordsRaces, every, name_of);
INSTANTIATE_TEST_SUITE_P(Firestore, RecordsRestarts, every, name_of);

}  // namespace
}  // namespace headrace::contract
