// replay/proxy_process.h: the program firestore_proxy, which counts what a Firestore is asked.
//
// It stands between Headrace's source and the emulator, in a process of its own, so that its count
// owes nothing to what is counted here; and it answers as late as a workload's source does.
//
// Threads:   belongs to one thread at a time.
// Errors:    source_unavailable, if the program cannot be started or says nothing sensible.
// Lifetimes: ends the program when destroyed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace::replay {

class ProxyProcess {
 public:
  struct Options {
    std::string program{};
    std::string upstream{};  // "127.0.0.1:8080"
    Duration latency_min{0};
    Duration latency_max{0};
  };
  [[nodiscard]] static Result<std::unique_ptr<ProxyProcess>> start(const Options& options);

  // For start() alone.
  ProxyProcess(pid_t process, int lines) : process_(process), lines_(lines) {}
  ~ProxyProcess();
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  // "127.0.0.1:8081"
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  // Documents that Firestore has billed for what has passed through so far.
  [[nodiscard]] Result<std::uint64_t> billed_reads();

 private:
  [[nodiscard]] Result<std::string> next_line();

  pid_t process_;
  int lines_;  // The end of a pipe on which it speaks.
  std::string address_{};
  std::string unread_{};
};

}  // namespace headrace::replay
