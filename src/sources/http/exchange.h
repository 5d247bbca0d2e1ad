// sources/http/exchange.h: one request and its response on one connection.
//
// Threads:   runs where its connection lives.
// Errors:    source_unavailable (lost in the middle), source_failed (no HTTP, or too large),
//            timed_out, cancelled.
// Lifetimes: borrows the connection.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/connection.h"
#include "wire/http_message.h"
#include "wire/http_parser.h"

namespace headrace::http {

class Exchange {
 public:
  // `name` is what errors call the server.
  Exchange(io::Connection& connection, std::string name, std::size_t body_bytes_max,
           Instant deadline, std::stop_token stop);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Sends `bytes`, a request, which must live until this has ended.
  [[nodiscard]] Task<Result<wire::Response>> run(std::string_view bytes);

  // The connection broke before a byte came: if it had rested, the server had closed it.
  [[nodiscard]] bool was_stale() const noexcept { return was_stale_; }
  // The connection can be used again.
  [[nodiscard]] bool may_rest() const noexcept { return may_rest_; }

 private:
  static constexpr std::size_t room_bytes = 16 << 10;

  // The connection failed.
  [[nodiscard]] std::unexpected<Error> broken(Error error);
  // Takes `size` bytes out of `room_`; none is the end of the stream.
  [[nodiscard]] std::optional<Error> take(std::size_t size);

  io::Connection& connection_;
  const std::string name_;
  const Instant deadline_;
  const std::stop_token stop_;
  wire::ResponseParser parser_;
  wire::Parse state_ = wire::Parse::more;
  std::string pending_;  // What the parser has not used yet.
  bool nothing_came_ = true;
  bool was_stale_ = false;
  bool may_rest_ = false;
  char room_[room_bytes];
};

}  // namespace headrace::http
