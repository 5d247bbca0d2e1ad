// server/http/session.h: one connection: requests in, answers out, in order.
//
// A session reads, and asks its service for what it has read, one request after another; what a
// client sends ahead waits in the buffer, and then in the kernel.  Answers are gathered and sent
// together: before the session waits for anything, and after `pipeline_max` of them.  A client that
// is slow to send or to read loses its connection when its time is up.
//
// Threads:   a session lives on its connection's loop.
// Errors:    broken requests are answered by Service::refuse() and end the connection.
// Lifetimes: the service must outlive its sessions.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/clock.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/connection.h"
#include "server/http/admission.h"
#include "server/http/counters.h"
#include "wire/http_message.h"
#include "wire/http_parser.h"

namespace headrace::http {

// What was answered, for the counters and for the connection.
struct Said {
  Route route = Route::other;
  int status = 200;
  bool keep_alive = true;
};

// An answer in the bytes that go out.
struct Reply {
  std::string bytes{};
  Said said{};
};

class Service {
 public:
  virtual ~Service() = default;

  // Appends the answer to `out`, if it is there without waiting; null if it is not.
  // `visitor` is the connection's own.
  [[nodiscard]] virtual std::optional<Said> answer_now(const wire::Request& request,
                                                       Visitor& visitor, std::string& out) = 0;
  // `peer` is the address that it came from.
  [[nodiscard]] virtual Task<Reply> answer(wire::Request request, std::string peer) = 0;
  // To a request that is none.  Never keeps alive.
  [[nodiscard]] virtual Reply refuse(const wire::HttpFault& fault) = 0;

  // Called on the session's loop once for each answer.
  virtual void count(const Said& said, Duration took) = 0;
  [[nodiscard]] virtual bool is_draining() const noexcept = 0;
};

struct SessionLimits {
  wire::HttpLimits http{};
  std::size_t pipeline_max = 64;
  std::size_t answer_bytes_max = 256 << 10;  // Gathered; then they are sent.
  Duration header_within = std::chrono::seconds(10);
  Duration body_within = std::chrono::seconds(30);
  Duration idle_within = std::chrono::seconds(75);
  Duration write_within = std::chrono::seconds(30);
  Duration linger_within = std::chrono::seconds(1);  // For a refused client to read why.
};

class Session {
 public:
  Session(io::Connection connection, Service& service, const Clock& clock, SessionLimits limits);

  // Serves until either side has had enough.  REQUIRES: runs on the loop; `self` is this session.
  [[nodiscard]] static Task<void> run(std::shared_ptr<Session> self);

  // On the loop: ends the connection if nothing is in progress on it; else it ends by itself.
  void drain();
  // On the loop: ends the connection.
  void close() { connection_.close(); }

 private:
  enum class Phase : unsigned char { idle, header, body };
  enum class Next : unsigned char { read, flush, ask, end };

  [[nodiscard]] static Task<void> linger(std::shared_ptr<Session> self);
  [[nodiscard]] Next take_requests();
  void note(const Said& said);
  void refuse(const wire::HttpFault& fault);
  [[nodiscard]] std::size_t make_room();
  [[nodiscard]] Instant read_deadline();

  io::Connection connection_;
  Service& service_;
  const Clock& clock_;
  SessionLimits limits_;
  wire::RequestParser parser_;

  std::string peer_;  // Once it was asked for.
  Visitor visitor_;
  std::string in_;  // Received: what is from begin_ to end_ is not yet used.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string out_;  // Answers to be sent.
  std::size_t gathered_ = 0;

  Phase phase_ = Phase::idle;
  Instant phase_ends_{};
  Instant asked_at_{};      // When the request at hand was taken up.
  bool continued_ = false;  // "100 Continue" was sent for the request at hand.
  bool filled_ = false;     // The last read took all the room there was.
  bool ending_ = false;     // No further request will be taken.
  bool refused_ = false;    // What the client still sends is of no use.
  bool waiting_ = false;    // For the client, with nothing of a request in hand.
};

}  // namespace headrace::http
