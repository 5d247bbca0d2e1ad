#include <fmt/format.h>

#include <random>

#include "replay/firestore_backend.h"

namespace headrace::replay {

// Not the process's number: in containers every replay may have the same one.
std::string fresh_project() {
  std::random_device bits;
  return fmt::format("headrace-replay-{:08x}{:08x}", bits(), bits());
}

}  // namespace headrace::replay
