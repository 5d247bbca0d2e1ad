// The smallest use: a typed cache in memory, in front of a function of your own.
#include <cstdio>
#include <string>

#include "headrace/cache.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"

struct User {
  std::string name;
  int visits = 0;
};

int main() {
  using namespace std::chrono_literals;
  headrace::Runtime runtime;
  headrace::Engine engine({.bytes_max = 16 << 20}, {runtime, runtime, runtime});
  auto users = headrace::Cache<User>::open(engine, {.name = "users", .fresh_for = 5min});
  if (!users) return std::puts(users.error().what.c_str()), 1;

  // Your expensive read.  It may also return absent(), an error, or a Task of one of these.
  int source_reads = 0;
  auto load = [&source_reads](headrace::Fetch fetch) {
    ++source_reads;
    return headrace::Found(User{.name = "user " + fetch.entity, .visits = source_reads});
  };

  for (int i = 0; i < 3; ++i) {
    const auto answer = headrace::wait(users->get_or_fetch("42", load));
    if (!answer) return std::puts(answer.error().what.c_str()), 1;
    std::printf("%s, from %s\n", answer->value().name.c_str(),
                std::string(name_of(answer->origin())).c_str());
  }

  // After a write to the source: from here on nobody is answered with the old value.
  if (!headrace::wait(users->invalidate("42"))) return 1;
  const auto fresh = headrace::wait(users->get_or_fetch("42", load));
  std::printf("after the invalidation: %s, %d source reads in all\n",
              std::string(name_of(fresh->origin())).c_str(), source_reads);

  headrace::wait(engine.close());
  return source_reads == 2 ? 0 : 1;
}
