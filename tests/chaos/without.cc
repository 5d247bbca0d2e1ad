// The program from which a mechanism of the protocol can be taken out: CHAOS_WITHOUT names it.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "core/mutants.h"

namespace headrace {
namespace {

// Before main(), which knows nothing of it.
const bool is_taken_out = [] {
  const char* const wanted = std::getenv("CHAOS_WITHOUT");
  if (wanted == nullptr) return false;
  for (unsigned i = 0; i < static_cast<unsigned>(Mechanism::last); ++i) {
    if (name_of(static_cast<Mechanism>(i)) != wanted) continue;
    remove(static_cast<Mechanism>(i));
    return true;
  }
  std::fprintf(stderr, "there is no mechanism '%s'; see core/mutants.h\n", wanted);
  std::_Exit(2);
}();

}  // namespace
}  // namespace headrace
