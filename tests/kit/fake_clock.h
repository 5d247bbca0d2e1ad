// kit/fake_clock.h: the calendar of other programs, which a test lets step.
//
// It is libfaketime, which tools/servers.sh unpacks: a program that is started with environment()
// reads the calendar of this machine, moved by what stands in a file.  Clocks that only measure how
// much time has passed are left as they are.
//
// Threads: one at a time.  Lifetimes: outlives the programs.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "kit/folder.h"

namespace headrace::kit {

class FakeClock {
 public:
  FakeClock() { set(); }

  // Where Debian's package, installed or unpacked, keeps it; empty if it is not there.
  [[nodiscard]] static std::string library() {
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
  // "NAME=value", for env.
  [[nodiscard]] std::vector<std::string> environment() const {
    return {"LD_PRELOAD=" + library(), "FAKETIME_TIMESTAMP_FILE=" + folder_.file("offset"),
            "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"};
  }
  // Forward, or back.
  void step(long seconds) {
    ahead_ += seconds;
    set();
  }
  [[nodiscard]] long ahead() const noexcept { return ahead_; }

 private:
  void set() {
    const std::string made =
        folder_.write("next", (ahead_ < 0 ? "" : "+") + std::to_string(ahead_) + "s");
    std::filesystem::rename(made, folder_.file("offset"));
  }

  TemporaryFolder folder_;
  long ahead_ = 0;
};

}  // namespace headrace::kit
