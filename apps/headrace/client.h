// client.h: asks a Headrace server over HTTP, on connections that are kept.
//
// Threads:   send() may be called from any thread, many at once; a task ends on any thread.
// Errors:    source_unavailable (not reached), timed_out, invalid_argument (the URL, or a file of
//            TLS).  A response of whatever status is no error here.
// Lifetimes: a client must outlive its tasks, and the runtime the client.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "io/connection.h"
#include "wire/http_message.h"
#include "wire/http_parser.h"
#include "wire/uri.h"

namespace headrace::app {

struct ClientOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string api_key{};                       // Sent as a bearer token; secret.
  io::TlsFiles tls{};                          // For https; may be empty.
  Duration within = std::chrono::seconds(30);  // The longest that one request may take.
  std::size_t idle_max = 256;                  // Connections kept for later.
};

class Client {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Client>> make(ClientOptions options,
                                                            Runtime& runtime);
  // For make() alone, which has checked its arguments.
  Client(ClientOptions options, wire::Url url, Runtime& runtime,
         std::shared_ptr<io::TlsTrust> trust);
  ~Client() { close(); }

  // Sends `request`, whose target is a path on the server; Host and the key are added.  If a kept
  // connection turns out to be dead it is sent again on a new one: what is asked here may be
  // repeated.
  [[nodiscard]] Task<Result<wire::Response>> send(wire::Request request);

  [[nodiscard]] const std::string& url() const noexcept { return options_.url; }

  // Lets go of the connections that rest.  Idempotent.
  void close();

 private:
  // One connection with what belongs to it.
  struct Link {
    static constexpr std::size_t room = 16 << 10;
    explicit Link(io::Connection opened)
        : connection(std::move(opened)), buffer(std::make_unique<char[]>(room)) {}
    io::Connection connection;
    wire::ResponseParser parser{};
    std::unique_ptr<char[]> buffer;
  };

  std::string bytes_of(wire::Request request) const;
  std::unique_ptr<Link> take_resting();
  void give_back(std::unique_ptr<Link> link);
  Task<Result<std::unique_ptr<Link>>> open(Instant deadline);
  static Task<Result<wire::Response>> exchange(Link* link, std::string bytes, Instant deadline);
  static Result<wire::Response> ended(Link& link);

  ClientOptions options_;
  wire::Url url_;
  Runtime& runtime_;
  std::shared_ptr<io::TlsTrust> trust_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Link>> resting_;
};

}  // namespace headrace::app
