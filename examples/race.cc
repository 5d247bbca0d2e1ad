// The race that hand-written caches lose, forced: a load reads the old value, the value changes and
// is invalidated, and only then the load ends.
#include <atomic>
#include <cstdio>
#include <future>
#include <string>

#include "headrace/cache.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"

int main() {
  headrace::Runtime runtime;
  headrace::Engine engine({}, {runtime, runtime, runtime});
  auto settings = headrace::Cache<std::string>::open(engine, {.name = "settings"});
  if (!settings) return 1;

  std::atomic<int> version = 1;
  std::promise<void> has_read;
  std::promise<void> let_go;
  std::shared_future<void> gate = let_go.get_future();

  auto slow = [&](headrace::Fetch) {
    const std::string value = "v" + std::to_string(version.load());
    if (value == "v1") {
      has_read.set_value();
      gate.wait();
    }
    return headrace::Found(value);
  };

  auto early = std::async(std::launch::async,
                          [&] { return *headrace::wait(settings->get_or_fetch("theme", slow)); });
  has_read.get_future().wait();

  version = 2;                                                   // The write ...
  if (!headrace::wait(settings->invalidate("theme"))) return 1;  // ... and its invalidation.
  let_go.set_value();                                            // Only now the old load ends.

  std::printf("the early reader, who asked before the write: %s\n", early.get().value().c_str());
  const auto later = headrace::wait(settings->get_or_fetch("theme", slow));
  std::printf("every reader after the invalidation: %s\n", later->value().c_str());
  headrace::wait(engine.close());
  return later->value() == "v2" ? 0 : 1;
}
