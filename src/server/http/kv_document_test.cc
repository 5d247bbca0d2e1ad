// The examples in docs/kv.md, run as they stand there.
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

struct Example {
  std::string command{};
  std::string output{};  // "*" stands for anything.
};

std::vector<Example> examples_in(const std::string& path) {
  std::vector<Example> examples;
  std::ifstream file(path);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const bool is_code = line.starts_with("    ");
    if (is_code && line.starts_with("    $ ")) {
      examples.push_back({.command = line.substr(6)});
      inside = true;
    } else if (inside && (is_code || line.empty())) {
      examples.back().output += line.substr(is_code ? 4 : 0) + "\n";
    } else {
      inside = false;
    }
  }
  return examples;
}

std::string trimmed(std::string text) {
  std::erase(text, '\r');
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// A pattern in which "*" alone is special.
std::string pattern_of(const std::string& output) {
  std::string pattern;
  for (const char c : output) {
    if (std::string("[]?\\").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string output_of(const std::string& command) {
  std::string output;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot be run";
  char room[4096];
  while (const std::size_t size = fread(room, 1, sizeof room, pipe)) output.append(room, size);
  pclose(pipe);
  return output;
}

class KvDocumentTest : public KvTest {};
INSTANTIATE_TEST_SUITE_P(FromMemory, KvDocumentTest, testing::Values(true));

TEST_P(KvDocumentTest, EveryExampleDoesWhatItSays) {
  const auto examples = examples_in(HEADRACE_SOURCE_DIR "/docs/kv.md");
  ASSERT_GE(examples.size(), 14U);
  {
    const Client up = client();
  }
  const std::string place = "127.0.0.1:" + std::to_string(server->address().port);
  for (const Example& example : examples) {
    std::string command = example.command;
    const std::string named = "127.0.0.1:8080";
    const std::size_t at = command.find(named);
    ASSERT_NE(at, std::string::npos) << command;
    command.replace(at, named.size(), place);
    const std::string output = trimmed(output_of(command));
    EXPECT_EQ(fnmatch(pattern_of(trimmed(example.output)).c_str(), output.c_str(), 0), 0)
        << example.command << "\n"
        << output;
  }
}

}  // namespace
}  // namespace headrace::http
