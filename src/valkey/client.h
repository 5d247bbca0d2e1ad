// valkey/client.h: commands to one server of Valkey or Redis.
//
// There is one connection from each loop of the runtime; calls of a loop's own thread stay there.
// So two calls may overtake one another, unless the second begins after the first has ended.
//
// Threads:   any member from any thread; a call ends on a loop.
// Errors:    store_unavailable (or the code of the options), saying which server and what happened.
//            Errors among the replies are the caller's to look at, but for these, by which a server
//            says that it does nothing now: they are returned as errors of the whole call.
// Lifetimes: close() it before its runtime stops.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/address.h"
#include "io/pipeline.h"
#include "valkey/greeting.h"
#include "valkey/server.h"
#include "wire/resp.h"

namespace headrace::valkey {

struct ClientOptions {
  io::Address to{};
  std::shared_ptr<io::TlsTrust> tls{};
  Login login{};
  Code code = Code::store_unavailable;
  std::vector<std::string_view> scripts{};  // Whose texts live as long as the client.
  std::string probe{};  // Begins the keys for the proof of compare-and-set; empty: none.
  Accepts accepts = Accepts::primary;
  std::size_t connections = 0;  // 0: one for each loop.
  // Both may be called for a moment after the client is gone: they own what they need.
  std::function<void(std::string_view push)> pushed{};
  std::function<void()> lost{};  // A connection that had been greeted.
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);
};

class Replies {
 public:
  std::vector<RespValue> values{};   // One for each command; they point into `bytes`.
  std::shared_ptr<Server> server{};  // That has answered.

 private:
  friend class Client;
  std::unique_ptr<std::string> bytes_{};
};

class Client {
 public:
  Client(Runtime& runtime, ClientOptions options);

  // All in one write.  Carried out in their order, other calls' commands perhaps between them.
  [[nodiscard]] Task<Result<Replies>> call(RespCommands commands,
                                           Duration within = Duration::zero());

  // Every connection is made anew, with its greeting; calls under way fail.
  void forget_connections();

  // The server as it was greeted last on one of the connections; none: it never was.
  [[nodiscard]] std::shared_ptr<Server> server() const;

  void close();

 private:
  // Shared with what its pipeline calls, which may outlive the client for a moment.
  struct Line {
    std::mutex mutex{};
    std::uint64_t connection = 0;
    std::shared_ptr<Server> server{};  // Of that connection; none once it is lost.
  };
  struct Way {
    std::shared_ptr<Line> line{};
    std::unique_ptr<io::Pipeline> pipeline{};
  };

  [[nodiscard]] io::Pipeline::Options options_of(const std::shared_ptr<Line>& line,
                                                 std::size_t loop) const;
  [[nodiscard]] const Way& way();

  Runtime& runtime_;
  const ClientOptions options_;
  std::vector<Way> ways_;
  std::atomic<std::size_t> turn_{0};
};

// Tells the replies of such servers apart.
[[nodiscard]] std::unique_ptr<io::Framing> resp_framing();

}  // namespace headrace::valkey
