// chaos/http_client.h: one connection to one server of this machine, on which one thing is asked
// after the other.
//
// It is made when it is first needed, and anew after it was lost.  Nothing is asked twice.
//
// Threads: one at a time.
// Errors:  as BlockingSocket.  A response of whatever status is no error here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/result.h"
#include "kit/blocking_socket.h"

namespace headrace::chaos {

struct HttpAnswer {
  int status = 0;
  std::string head{};
  std::string body{};

  // The value of a header, by its name as this server writes it; empty if it is not there.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

class HttpClient {
 public:
  explicit HttpClient(int port,
                      std::chrono::milliseconds patience = kit::BlockingSocket::usual_patience)
      : port_(port), patience_(patience) {}

  [[nodiscard]] Result<HttpAnswer> get(const std::string& target) { return ask("GET", target, ""); }
  [[nodiscard]] Result<HttpAnswer> ask(std::string_view method, const std::string& target,
                                       const std::string& body);

  // The two halves of ask(), for who asks many servers at once.
  [[nodiscard]] Result<void> send(std::string_view method, const std::string& target,
                                  const std::string& body);
  [[nodiscard]] Result<HttpAnswer> receive();

 private:
  const int port_;
  const std::chrono::milliseconds patience_;
  std::optional<kit::BlockingSocket> socket_;
};

// The text behind `name` in a JSON text whose names are not nested: what a test's own server, and
// one whose answers are known, writes.  Empty if it is not there.
[[nodiscard]] std::string_view member_of(std::string_view json, std::string_view name);
// The same as a number; 0 if it is none.
[[nodiscard]] std::uint64_t number_of(std::string_view text);

}  // namespace headrace::chaos
