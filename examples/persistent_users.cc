// A SQLite table behind a policy, and a store that survives restarts: the second "process" costs
// the source nothing.
#include <sqlite3.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "headrace/cache.h"
#include "headrace/runtime.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"

namespace {

namespace fs = std::filesystem;

bool make_source(const fs::path& path) {
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);
  const int outcome = sqlite3_exec(database,
                                   "CREATE TABLE users(id TEXT PRIMARY KEY, name, email, secret);"
                                   "INSERT INTO users VALUES('42', 'Ada', 'ada@example.org', 's3')",
                                   nullptr, nullptr, nullptr);
  sqlite3_close(database);
  return outcome == SQLITE_OK;
}

// One run of a program that reads user 42.  Returns where the answer came from.
std::string run_once(const fs::path& folder) {
  headrace::Runtime runtime;
  auto store =
      headrace::open_embedded_store({.path = folder / "cache.db"}, runtime, runtime, runtime);
  if (!store) return store.error().what;
  auto database = headrace::open_sqlite_database({.path = folder / "source.db"}, runtime, runtime);
  if (!database) return database.error().what;
  auto source = headrace::ask_sqlite(*database, {.table = "users", .fields = {"name", "email"}});
  if (!source) return source.error().what;

  std::string origin;
  {
    headrace::Engine engine({}, {runtime, runtime, runtime, store->get()});
    const headrace::Policy policy{.name = "user",
                                  .fields = {"name", "email"},
                                  .tags = {"user:{entity}"},
                                  .fresh_for = std::chrono::minutes(5)};
    auto codec = std::make_shared<headrace::ValueCodec>(headrace::bytes_codec());
    auto user = engine.define(policy, codec, *source);
    if (!user) return user.error().what;
    auto answer = headrace::wait(engine.read(*user, "42"));
    if (!answer) return answer.error().what;
    std::printf("%s\n", static_cast<const std::string*>(answer->entry().value())->c_str());
    origin = name_of(answer->origin());
    headrace::wait(engine.close());
  }
  (*store)->close();
  return origin;
}

}  // namespace

int main() {
  const fs::path folder = fs::temp_directory_path() / "headrace-example";
  fs::remove_all(folder);
  fs::create_directories(folder);
  if (!make_source(folder / "source.db")) return 1;
  const std::string first = run_once(folder);
  const std::string second = run_once(folder);
  std::printf("first run: %s, second run: %s\n", first.c_str(), second.c_str());
  fs::remove_all(folder);
  return first == "source" && second == "store" ? 0 : 1;
}
