// The smallest program that reads through Headrace: twice the same key, one question to the source.
#include <atomic>
#include <iostream>
#include <memory>
#include <string>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sources/function.h"
#include "headrace/sync.h"

int main() {
  headrace::Runtime runtime(headrace::Runtime::Options{.threads = 1});
  headrace::Engine engine(headrace::Engine::Limits{},
                          {.clock = runtime, .executor = runtime, .random = runtime});
  std::atomic<int> asked = 0;
  auto source = headrace::blocking_source(
      [&asked](headrace::Fetch fetch) -> headrace::Result<headrace::Fetched> {
        ++asked;
        return headrace::Fetched{.payload = "hello " + fetch.entity};
      },
      runtime);
  auto codec = std::make_shared<const headrace::ValueCodec>(headrace::bytes_codec());
  const auto policy = engine.define({.name = "greetings"}, codec, source);
  if (!policy) {
    std::cerr << policy.error().what << '\n';
    return 1;
  }
  std::string last;
  for (int i = 0; i < 2; ++i) {
    const auto answer = headrace::wait(engine.read(*policy, "world"));
    if (!answer) {
      std::cerr << answer.error().what << '\n';
      return 1;
    }
    last = headrace::Answer<std::string>(*answer).value();
  }
  headrace::wait(engine.close());
  std::cout << last << ", asked " << asked << " time(s)\n";
  return last == "hello world" && asked == 1 ? 0 : 1;
}
