// replay/firestore_backend.h: a replay on a Firestore emulator.
//
// Threads:   as Backend.
// Errors:    as Backend; make_firestore_backend() returns source_unavailable if the program was
// built without
//            the Firestore source.
// Lifetimes: `runtime` must outlive the backend and its sources.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "headrace/runtime.h"
#include "replay/backend.h"

namespace headrace::replay {

struct FirestoreBackendOptions {
  std::string emulator{};  // "127.0.0.1:8080"
  std::string project{};   // To be loaded; whatever it holds already must not be a replay's.
  // The program firestore_proxy, through which reads go: it counts them, and answers as late as
  // each workload's source does.  Empty: reads go straight to the emulator, as quickly as it
  // answers.
  std::string proxy_program{};
};

// A name that no other replay has, on this machine or another: an emulator may live for long.
[[nodiscard]] std::string fresh_project();

// Loads the documents and opens the project.
[[nodiscard]] Result<std::unique_ptr<Backend>> make_firestore_backend(
    FirestoreBackendOptions options, const Population& population,
    const std::vector<Collection>& collections, const MakeProgress& progress, Runtime& runtime);

}  // namespace headrace::replay
