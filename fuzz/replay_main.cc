// Runs a target over kept inputs, where there is no libFuzzer: files, and all files in folders.
//
// A finding ends the program; the name that was printed last is the input that did it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "input.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

bool run(const fs::path& path) {
  std::printf("%s\n", path.c_str());
  std::fflush(stdout);
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> read((std::istreambuf_iterator<char>(file)), {});
  if (!file) {
    std::fprintf(stderr, "replay: %s cannot be read\n", path.c_str());
    return false;
  }
  // Of just that size, so that a sanitizer sees who reads past the end.
  const std::vector<std::uint8_t> bytes(read.begin(), read.end());
  headrace::fuzz::LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t ran = 0;
  for (int i = 1; i < count; ++i) {
    for (const fs::path& path : files_in(arguments[i])) {
      if (!run(path)) return 1;
      ++ran;
    }
  }
  std::printf("%zu inputs\n", ran);
  if (ran == 0) std::fprintf(stderr, "replay: no inputs; name files, or folders of them\n");
  return ran == 0 ? 1 : 0;
}
