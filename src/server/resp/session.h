// server/resp/session.h: one connection: commands in, replies out, in order.
//
// A session takes all commands that are in its buffer.  What memory can answer is answered at once;
// what must wait for records is joined with what came right behind it (batch.h), and while that
// runs, nothing else is taken.  Replies are gathered, and sent before the session waits for
// anything.  What its client subscribed to is sent in between, but never inside a reply.
//
// Threads:   a session lives on its connection's loop.
// Errors:    bytes that are no command are answered, and end the connection.
// Lifetimes: the service must outlive its sessions.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/connection.h"
#include "server/resp/batch.h"
#include "server/resp/client.h"
#include "server/resp/service.h"
#include "wire/resp_request.h"

namespace headrace::resp {

struct SessionLimits {
  wire::RespRequestLimits request{};
  std::size_t gathered_bytes_max = 256 << 10;  // Of replies; then they are sent.
  std::size_t output_bytes_max = 32 << 20;     // That wait for a client which does not read.
  Duration auth_within = std::chrono::seconds(10);
  Duration request_within = std::chrono::seconds(30);
  Duration idle_within = std::chrono::hours(1);  // Zero: for ever.
  Duration write_within = std::chrono::seconds(30);
  Duration linger_within = std::chrono::seconds(1);  // For a refused client to read why.
};

class Session {
 public:
  // `ended` is called when the session is destroyed.
  Session(io::Connection connection, Service& service, SessionLimits limits,
          std::move_only_function<void()> ended);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until either side has had enough.  REQUIRES: runs on the loop; `self` is this session.
  [[nodiscard]] static Task<void> run(std::shared_ptr<Session> self);

  // On the loop: what was told on the channels; sent if the client has subscribed to it.
  static void hear(const std::shared_ptr<Session>& self, const Messages& messages);
  // On the loop: from now on the session ends when nothing is in progress on it.
  void drain();
  // On the loop: ends the connection.
  void close() { connection_.close(); }
  // Before it runs.
  [[nodiscard]] Client& client() noexcept { return client_; }

 private:
  enum class Next : unsigned char { read, flush, batch, wait, end };
  enum class Served : unsigned char { done, after_batch, must_wait };

  [[nodiscard]] static Task<void> send_heard(std::shared_ptr<Session> self);
  [[nodiscard]] static Task<void> linger(std::shared_ptr<Session> self);
  [[nodiscard]] Next take_commands();
  [[nodiscard]] Next take_all();
  [[nodiscard]] Served serve();
  [[nodiscard]] Served serve(const Command& command, Args args);
  [[nodiscard]] std::optional<std::string> refusal_of(const Command& command, Args args);
  [[nodiscard]] bool answer_from_memory(const Command& command, Args args);
  void answer_at_once(const Command& command, Args args);
  void say(std::string_view reply);
  void say_error(std::string_view text);
  void refuse(std::string_view command, std::string_view why);
  void leave_command();
  [[nodiscard]] Asking asking();
  void take_replies();
  [[nodiscard]] bool is_muted() const noexcept;
  [[nodiscard]] std::optional<std::string> renew();
  void follow_identity();
  [[nodiscard]] std::size_t make_room();
  [[nodiscard]] Instant read_deadline();
  [[nodiscard]] bool is_too_much() const noexcept;

  io::Connection connection_;
  Service& service_;
  SessionLimits limits_;
  std::move_only_function<void()> ended_;
  Client client_;
  Batch batch_;
  wire::RespRequestParser parser_;

  std::string in_;  // Received: what is from begin_ to end_ is not yet used.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string out_;    // Replies to be sent ...
  std::string going_;  // ... and those that are being sent.
  std::string scratch_;

  const Identity* known_ = nullptr;  // Whom the limits are for, once it is known.
  std::string key_;  // Of a record: what all of the tenant begin with, and then its own.
  std::size_t prefix_bytes_ = 0;
  std::vector<RecordRef> found_;
  std::vector<std::size_t> slots_;  // 0, 1, 2 ...

  WallTime now_{};         // For all that are taken in one go ...
  std::size_t taken_ = 0;  // ... and how many they are.
  Instant began_{};
  Instant request_ends_{};
  const Command* waiting_for_ = nullptr;
  bool is_known_ = false;
  bool is_renewed_ = false;   // Whether the identity holds was asked since the last wait.
  bool has_command_ = false;  // The parser holds one that is not served yet.
  bool filled_ = false;       // The last read took all the room there was.
  bool refused_ = false;      // What the client still sends is of no use.
  bool is_inside_ = false;    // The last read waited for the rest of a command.
  bool is_reading_ = false;
  bool is_waiting_ = false;  // For the client, with nothing of a command in hand.
  bool is_sending_ = false;
  bool is_draining_ = false;
};

}  // namespace headrace::resp
