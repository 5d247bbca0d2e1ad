// Writes the keys that hit_bench draws for one thread into a file, as 32-bit little-endian numbers:
// so that a peer in another language reads the very same keys in the same order.
//
//   draws FILE KEYS SEED
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "keys.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: draws FILE KEYS SEED\n", stderr);
    return 2;
  }
  using namespace headrace::bench;
  const auto drawn = zipf(std::stoull(argv[2]), draws, zipf_exponent, std::stoull(argv[3]));
  std::ofstream file(argv[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(drawn.data()),
             static_cast<std::streamsize>(drawn.size() * sizeof drawn[0]));
  file.flush();
  if (file) return 0;
  std::fprintf(stderr, "draws: cannot write %s\n", argv[1]);
  return 1;
}
