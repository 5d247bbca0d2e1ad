// sources/http/origin.h: one server, its connections, and the requests that wait for them.
//
// Connections are kept alive and used again, the last one first.  A server may close one that rests
// just as a request is sent on it; such a request is sent again at once on a fresh connection.
//
// Threads:   every member may be called from any thread.
// Errors:    source_unavailable (not reached, or lost in the middle), source_failed (no HTTP, or
// too
//            large), timed_out, cancelled, refused (queue_max).
// Lifetimes: must outlive its tasks.  Borrows the runtime.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/sources/http.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/connection.h"
#include "io/wakeup.h"
#include "wire/http_message.h"
#include "wire/uri.h"

namespace headrace {

class HttpOrigin {
 public:
  // REQUIRES: options that are sound.
  HttpOrigin(HttpOriginOptions options, wire::Url url, std::shared_ptr<io::TlsTrust> trust,
             Runtime& runtime);

  // Sends GET for `target`, a path behind the origin's own, and gives back what was answered.
  [[nodiscard]] Task<Result<wire::Response>> get(std::string target, std::string etag,
                                                 Instant deadline, std::stop_token stop);

  [[nodiscard]] const HttpOriginOptions& options() const noexcept { return options_; }
  [[nodiscard]] Runtime& runtime() const noexcept { return runtime_; }

 private:
  using Held = std::unique_ptr<io::Connection>;

  // A request that waits for a place.
  struct Waiter {
    explicit Waiter(Executor& executor) : wakeup(executor) {}
    io::Wakeup wakeup;
    Held connection{};  // What it was granted; may be none.
  };
  // A place for a connection, with one that rests if there is any.
  [[nodiscard]] Task<Result<Held>> take_place(Instant deadline, std::stop_token stop);
  // Gives the place back, and lets the connection rest if there is one.
  void give_place(Held connection);
  [[nodiscard]] Task<Result<Held>> connect(Instant deadline);
  [[nodiscard]] Task<Result<wire::Response>> send(std::string bytes, Instant deadline,
                                                  std::stop_token stop);
  [[nodiscard]] std::string request_of(const std::string& target, const std::string& etag) const;
  [[nodiscard]] std::string name() const;

  const HttpOriginOptions options_;
  const wire::Url url_;
  const std::shared_ptr<io::TlsTrust> trust_;
  Runtime& runtime_;

  std::mutex mutex_;
  std::size_t places_ = 0;                       // Connections in use, resting or being made.
  std::vector<Held> resting_;                    // At most connections_max.
  std::deque<std::shared_ptr<Waiter>> waiting_;  // At most queue_max.
};

}  // namespace headrace
