// server/http/client_fixture.h: for tests: a client that says what it is told and waits for
// answers.
//
// Threads: one.  Errors: fails the test.  Lifetimes: closes its connection.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "kit/eventually.h"
#include "wire/http_message.h"
#include "wire/http_parser.h"
#include "wire/http_writer.h"

namespace headrace::http {

using kit::eventually;

class Client {
 public:
  // Sees what ask() is answered.
  using Watcher = std::function<void(const wire::Request&, const wire::Response&)>;

  explicit Client(std::uint16_t port, Watcher watcher = {})
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)), watcher_(std::move(watcher)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False if the server has hung up.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  // The next response; status 0 if the connection ended instead.
  wire::Response receive(wire::Body body = wire::Body::sent) {
    if (body == wire::Body::left_out) parser_.expect_no_body();
    for (;;) {
      const wire::Parsed parsed = parser_.put(held_);
      held_.erase(0, parsed.used);
      if (parsed.state == wire::Parse::done) return parser_.take();
      if (parsed.state == wire::Parse::failed || !read_more()) return {.status = 0};
    }
  }

  wire::Response ask(wire::Request request) {
    if (!request.header("host")) request.headers.push_back({"Host", "test"});
    std::string bytes;
    append_request(bytes, request);
    send(bytes);
    wire::Response response =
        receive(request.method == "HEAD" ? wire::Body::left_out : wire::Body::sent);
    if (watcher_ && response.status != 0) watcher_(request, response);
    return response;
  }
  wire::Response get(std::string target, wire::Headers headers = {}) {
    return ask({.method = "GET", .target = std::move(target), .headers = std::move(headers)});
  }
  wire::Response send_json(std::string method, std::string target, std::string body) {
    return ask({.method = std::move(method),
                .target = std::move(target),
                .headers = {{"Content-Type", "application/json"}},
                .body = std::move(body)});
  }

  // The server has closed, and everything it sent was received.
  bool is_ended() { return held_.empty() && !read_more(); }
  std::string take_raw() {
    read_more();
    return std::exchange(held_, {});
  }

 private:
  bool read_more() {
    char room[4096];
    const ssize_t size = ::recv(socket_, room, sizeof room, 0);
    if (size > 0) held_.append(room, static_cast<std::size_t>(size));
    return size > 0;
  }

  int socket_;
  Watcher watcher_;
  std::string held_;
  wire::ResponseParser parser_{{.body_bytes_max = 256 << 20}};
};

}  // namespace headrace::http
