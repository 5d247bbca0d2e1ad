// Stands in for Firestore, as source, store, feed and records, in a program that was built without
// gRPC: it says so.
#include <memory>

#include "headrace/feeds/firestore.h"
#include "headrace/records/firestore.h"
#include "headrace/sources/firestore.h"
#include "headrace/stores/firestore.h"

namespace headrace {

namespace {

std::unexpected<Error> left_out() {
  return failure(Code::invalid_argument,
                 "this program was built without the Firestore source; build it where gRPC is, "
                 "with HEADRACE_FIRESTORE=ON");
}

}  // namespace

Result<std::shared_ptr<FirestoreDatabase>> open_firestore_database(FirestoreDatabaseOptions, Clock&,
                                                                   Executor&, Random&) {
  return left_out();
}

Result<std::shared_ptr<Source>> ask_firestore(std::shared_ptr<FirestoreDatabase>,
                                              FirestoreQuestion) {
  return left_out();
}

std::shared_ptr<Revisions> revisions_of(std::shared_ptr<FirestoreDatabase>) {
  return nullptr;
}

Result<std::unique_ptr<Store>> open_firestore_store(std::shared_ptr<FirestoreDatabase>,
                                                    FirestoreStoreOptions, Clock&, Random&) {
  return left_out();
}

Result<std::unique_ptr<Records>> open_firestore_records(std::shared_ptr<FirestoreDatabase>,
                                                        FirestoreRecordsOptions, Clock&, Random&) {
  return left_out();
}

Result<std::unique_ptr<Feed>> open_firestore_feed(FirestoreFeedOptions, Clock&, Executor&,
                                                  Random&) {
  return left_out();
}

Result<std::string> check_firestore_feed(FirestoreFeedOptions, Clock&, Executor&, Random&) {
  return left_out();
}

Result<void> check_firestore_question(const FirestoreQuestion&) {
  return left_out();
}

Result<FirestoreFilter> parse_firestore_filter(std::string_view) {
  return left_out();
}

Result<FirestoreOrder> parse_firestore_order(std::string_view) {
  return left_out();
}

}  // namespace headrace
