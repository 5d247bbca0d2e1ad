// server/resp/server_fixture.h: for tests: a server over records that are a map, and a client.
//
// Threads: as its parts; the records are touched on the one loop that there is.  Errors: fails the
// test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "server/resp/command_fixture.h"
#include "server/resp/server.h"
#include "wire/resp.h"

namespace headrace::resp {

using kit::eventually;

// Keys are "key1" for tenant 1, and so on; those that are not there are not valid.
class Doors final : public Doorkeeper {
 public:
  std::map<std::string, std::shared_ptr<Identity>, std::less<>> keys{{"key1", identity_of(1)},
                                                                     {"key2", identity_of(2)}};
  IdentityRef open{};  // For who has none.
  bool fails = false;

  Result<IdentityRef> admit(std::string_view key) override {
    if (fails) return failure(Code::store_unavailable, "nobody can say now");
    const auto found = keys.find(key);
    if (found == keys.end()) return failure(Code::not_allowed, "the key is not valid");
    return found->second;
  }
  IdentityRef anonymous() const override { return open; }
};

class Peer {
 public:
  explicit Peer(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~Peer() { ::close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }
  bool say(std::string_view line) {
    RespCommands commands;
    commands.add(words_of(line));
    return send(commands.bytes());
  }
  // The next reply, or push; "" if the connection ended instead.
  std::string hear() {
    for (;;) {
      RespScanner scanner;
      const auto found = scanner.first(held_);
      EXPECT_TRUE(found) << held_;
      if (found && found->bytes > 0) {
        const std::string reply = held_.substr(0, found->bytes);
        held_.erase(0, found->bytes);
        return shown(reply);
      }
      if (!read_more()) return "";
    }
  }
  std::string ask(std::string_view line) {
    say(line);
    return hear();
  }
  bool is_ended() { return held_.empty() && !read_more(); }

 private:
  bool read_more() {
    char room[4096];
    const ssize_t size = ::recv(socket_, room, sizeof room, 0);
    if (size > 0) held_.append(room, static_cast<std::size_t>(size));
    return size > 0;
  }

  int socket_;
  std::string held_;
};

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override {
    server.reset();
    wait(keyspace.close());
    wait(engine.close());
    runtime.stop();
  }
  // A client; the server is made at the first use.
  std::unique_ptr<Peer> stranger() {
    if (!server) {
      options.listen = "127.0.0.1:0";
      auto made = RespServer::make(options, runtime, keyspace, doors, engine);
      EXPECT_TRUE(made) << made.error().what;
      server = *std::move(made);
    }
    return std::make_unique<Peer>(server->address().port);
  }
  std::unique_ptr<Peer> client(const std::string& key = "key1") {
    auto peer = stranger();
    EXPECT_EQ(peer->ask("AUTH " + key), "+OK");
    return peer;
  }

  Runtime runtime{{.threads = 1}};
  Engine engine{Engine::Limits{}, {.clock = runtime, .executor = runtime, .random = runtime}};
  kit::PlainRecords records;
  // What the keyspace does by itself it would do beside the test.
  Keyspace keyspace{{.sweep_every = std::chrono::hours(1)},
                    {.records = records, .clock = runtime, .executor = runtime}};
  Doors doors;
  RespServerOptions options;
  std::unique_ptr<RespServer> server;
};

}  // namespace headrace::resp
