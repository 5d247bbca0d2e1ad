// migrate/fleet.h: the servers whose store moves, asked and told over HTTP.
//
// Threads:   blocks the calling thread.
// Errors:    told on standard error in words fit for people; what comes back is the exit code.
// Lifetimes: values.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "commands/remote.h"
#include "headrace/time.h"

namespace headrace::app {

struct ServerPhase {
  std::string url{};
  std::string phase{};
  std::string phase_of_next_start{};
  std::string from{};
  std::string to{};
  Duration new_in{0};  // How much longer the phase "new" is refused.
  boost::json::value told{};

  [[nodiscard]] bool is(std::string_view name) const noexcept { return phase == name; }
};

class Fleet {
 public:
  Fleet(std::vector<std::string> urls, std::string api_key_file)
      : urls_(std::move(urls)), api_key_file_(std::move(api_key_file)) {}

  // Every server's phase.
  [[nodiscard]] std::expected<std::vector<ServerPhase>, int> look() const;
  // Takes one to a phase.
  [[nodiscard]] std::expected<ServerPhase, int> set(const std::string& url,
                                                    std::string_view phase) const;
  [[nodiscard]] bool is_empty() const noexcept { return urls_.empty(); }

 private:
  [[nodiscard]] std::expected<ServerPhase, int> asked(const std::string& url,
                                                      wire::Request request) const;

  std::vector<std::string> urls_;
  std::string api_key_file_;
};

}  // namespace headrace::app
