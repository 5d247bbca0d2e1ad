// Stands in for firestore_backend.cc where the Firestore source is not built.
#include "replay/firestore_backend.h"

namespace headrace::replay {

Result<std::unique_ptr<Backend>> make_firestore_backend(FirestoreBackendOptions, const Population&,
                                                        const std::vector<Collection>&,
                                                        const MakeProgress&, Runtime&) {
  return failure(Code::source_unavailable,
                 "this program was built without the Firestore source: `./dev setup` brings what "
                 "it needs");
}

}  // namespace headrace::replay
