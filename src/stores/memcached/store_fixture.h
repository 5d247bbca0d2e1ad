// memcached/store_fixture.h: a real memcached, and a store on it, in one time that the test moves.
//
// The server runs under libfaketime, which tells it the time with an offset that stands in a file.
// So time passes for server and store together, and no test waits for it.  memcached looks at its
// clock once a second, which is the longest that a step takes.
//
// Threads: one at a time, but for the clock.
// Errors:  source_unavailable where memcached or libfaketime is missing; tests skip with the words.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "headrace/runtime.h"
#include "kit/eventually.h"
#include "kit/folder.h"
#include "kit/memcached_server.h"
#include "stores/memcached/memcached_store.h"

namespace headrace::memcached {

// The runtime's clock, ahead of it by what the test has let pass.
class MovedClock final : public Clock {
 public:
  explicit MovedClock(Clock& real) : real_(real) {}
  [[nodiscard]] Instant now() const noexcept override {
    ++readings_;
    return real_.now() + Duration(ahead_.load());
  }
  [[nodiscard]] WallTime wall_now() const noexcept override { return real_.wall_now(); }
  void advance(Duration by) { ahead_ += by.count(); }
  // How often somebody has asked what it says.
  [[nodiscard]] std::size_t readings() const { return readings_.load(); }

 private:
  Clock& real_;
  std::atomic<Duration::rep> ahead_{0};
  mutable std::atomic<std::size_t> readings_{0};
};

// Where Debian's package, installed or unpacked, keeps the library; empty if it is not there.
inline std::string faketime_library() {
  for (const char* const root :
       {HEADRACE_SOURCE_DIR "/.cache/servers/debian/usr/lib", "/usr/lib"}) {
    std::error_code none;
    for (const auto& folder : std::filesystem::directory_iterator(root, none)) {
      const auto path = folder.path() / "faketime" / "libfaketimeMT.so.1";
      if (std::filesystem::exists(path, none)) return path.string();
    }
  }
  return {};
}

class TimedServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TimedServer>> start(
      std::vector<std::string> arguments = {}) {
    const std::string library = faketime_library();
    if (library.empty()) {
      return failure(Code::source_unavailable,
                     "no libfaketime to move a server's clock: run tools/servers.sh, or install "
                     "the package libfaketime");
    }
    auto server = std::make_unique<TimedServer>();
    server->set(0);
    const Faked faked(library, server->file_);
    arguments.insert(arguments.end(), {"-I", "4m"});
    auto started = kit::MemcachedServer::start({.arguments = std::move(arguments)});
    if (!started) return std::unexpected(std::move(started.error()));
    server->server_ = std::move(*started);
    return server;
  }
  [[nodiscard]] Result<void> restart() {
    const Faked faked(faketime_library(), file_);
    return server_->restart();
  }

  // Lets the server's clock go on, and waits until it has.
  void advance(Duration by) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(by).count();
    const long before = time();
    set(ahead_ += seconds);
    EXPECT_TRUE(kit::eventually([&] { return time() >= before + seconds; }));
  }
  [[nodiscard]] long time() {
    const std::string text = server_->stat("time");
    long seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return seconds;
  }
  // The server's clock steps, unseen.
  void step(long seconds) { set(ahead_ += seconds); }
  [[nodiscard]] kit::MemcachedServer& server() { return *server_; }

 private:
  // What a child is started with; this process's own libraries stay as they are.
  struct Faked {
    Faked(const std::string& library, const std::string& file) {
      ::setenv("LD_PRELOAD", library.c_str(), 1);
      ::setenv("FAKETIME_TIMESTAMP_FILE", file.c_str(), 1);
      ::setenv("FAKETIME_NO_CACHE", "1", 1);
    }
    ~Faked() {
      for (const char* const name :
           {"LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE"}) {
        ::unsetenv(name);
      }
    }
    Faked(const Faked&) = delete;
    Faked& operator=(const Faked&) = delete;
  };

  void set(long seconds) {
    const std::string made =
        folder_.write("next", (seconds < 0 ? "" : "+") + std::to_string(seconds) + "s");
    std::filesystem::rename(made, file_);
  }

  kit::TemporaryFolder folder_;
  const std::string file_ = folder_.file("offset");
  long ahead_ = 0;
  std::unique_ptr<kit::MemcachedServer> server_;
};

}  // namespace headrace::memcached
