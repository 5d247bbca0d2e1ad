// kit/server_process.h: a server in a process of its own, which a test may kill, freeze and
// restart.
//
// It has a temporary folder and a port of 127.0.0.1 for itself.  It ends with this object, and with
// the test's process if that dies first.
//
// Threads: one at a time.  Start it from a thread that outlives it, such as the test's main one:
//          Linux ends it with the thread that started it.
// Errors:  source_unavailable: the program is missing; a test skips with these words.
//          source_failed: it is there and does not start; the text is what it said.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "kit/folder.h"
#include "kit/loopback_port.h"

namespace headrace::kit {

// The full name of a server's program: as tools/servers.sh unpacked it, or as PATH has it.  `from`
// is the name under which that script keeps why it could not be had.
[[nodiscard]] Result<std::string> find_server(std::string_view program, std::string_view from);

class ServerProcess {
 public:
  struct Recipe {
    std::string name{};                  // For people: "valkey-server".
    std::vector<std::string> command{};  // The program's full name and its arguments.
    std::function<bool()> answers{};     // Whether the server is ready; does not wait long.
    std::string user{};                  // Whom it runs as; empty: as the test does.
    int stop_signal = SIGTERM;           // What stop() sends.
    std::chrono::seconds start_within{20};
  };

  ServerProcess() = default;
  ~ServerProcess() { kill(); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts the program in folder() and waits until it answers.
  [[nodiscard]] Result<void> start(Recipe recipe);
  // The same command again, on the same port and folder.  Kills it first if it runs.
  [[nodiscard]] Result<void> restart();
  // Ends it at once, and all that it started.  It loses what it did not write.
  void kill();
  // Asks it to end and waits for that; returns its exit code, or minus the signal that ended it.
  [[nodiscard]] Result<int> stop(std::chrono::seconds within = std::chrono::seconds(20));
  // It keeps its port and connections and does nothing at all, until thaw().
  void freeze();
  void thaw();

  // Whether it runs, frozen or not.
  [[nodiscard]] bool running();
  [[nodiscard]] pid_t process() const noexcept { return process_; }
  [[nodiscard]] int port() const noexcept { return port_.number(); }
  [[nodiscard]] const TemporaryFolder& folder() const noexcept { return folder_; }
  // All that it has written to its standard output and error, over all its starts.
  [[nodiscard]] std::string said() const;

 private:
  [[nodiscard]] Result<void> launch();
  void signal_all(int signal) const;

  Recipe recipe_;
  TemporaryFolder folder_;
  LoopbackPort port_;
  pid_t process_ = 0;
};

}  // namespace headrace::kit
