// memcached/node.h: one server: the connection to it, its clock, and the name of its life.
//
// On every new connection the server is tried, before anything else is said: it has to be a
// memcached that knows the meta commands, and its compare-and-set has to hold.  One that does not
// is unfit, and nothing is asked of it.
//
// A *life* is a history of the server's items in which none was lost all at once: it begins when
// its record is made, with a random token, and has ended when that record is gone, with a restart
// or a flush_all.  Whoever asks for anything asks for the life in the same request, last: what was
// answered before it held in that life.
//
// Threads:   any member from any thread; tasks end on the connection's loop.
// Errors:    store_unavailable; cancelled, from call(), if nothing was sent since the session is
//            over.
// Lifetimes: shared, since its greeting and its tasks refer to it.  The runtime must outlive it;
//            close() it before that stops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/store.h"
#include "headrace/task.h"
#include "io/pipeline.h"
#include "stores/memcached/names.h"
#include "stores/memcached/seen.h"
#include "stores/memcached/server_clock.h"
#include "wire/memcached.h"

namespace headrace::memcached {

// What holds for one connection.
class Session {
 public:
  Session(std::uint64_t number, ServerClock clock, std::size_t seen_max)
      : connection(number), seen(seen_max), clock_(clock) {}

  const std::uint64_t connection;
  Seen seen;

  [[nodiscard]] bool observe(Instant sent, Instant received, std::int64_t seconds) {
    const std::lock_guard lock(mutex_);
    return clock_.observe(sent, received, seconds);
  }
  [[nodiscard]] ServerTime earliest(Instant now) const { return clock().earliest(now); }
  [[nodiscard]] ServerTime latest(Instant now) const { return clock().latest(now); }
  [[nodiscard]] ServerClock clock() const {
    const std::lock_guard lock(mutex_);
    return clock_;
  }

 private:
  mutable std::mutex mutex_;
  ServerClock clock_;
};
using SessionRef = std::shared_ptr<Session>;

// What came back, in the order of the commands.
struct Replies {
  std::unique_ptr<const std::string> bytes{};
  std::vector<wire::MemcachedReply> all{};  // Refers to the bytes.
  SessionRef session{};
  Instant sent{};
  Instant received{};
};

class Node : public std::enable_shared_from_this<Node> {
 public:
  struct Options {
    io::Address address{};
    std::uint64_t servers = 0;  // Hash of the names of all that belong together.
    std::size_t loop = 0;
    Duration connect_within{};
    Duration answer_within{};
    std::size_t reply_bytes_max = 64 << 20;
    std::size_t seen_max = 16384;
    std::function<void(std::string)> notice{};
  };
  [[nodiscard]] static std::shared_ptr<Node> make(Runtime& runtime, Clock& clock,
                                                  const Names& names, Options options);

  // Sends `request`; with `only_on`, in that session or not at all.
  [[nodiscard]] Task<Result<Replies>> call(wire::MemcachedRequest request, SessionRef only_on = {});

  // The present session, connecting if there is none, or none but that which is `over`.
  [[nodiscard]] Task<Result<SessionRef>> session(SessionRef over = {});

  // Asks for the life; the last command of a request.
  void ask_life(wire::MemcachedRequest& request) const;
  // What was answered to that: the life's token, or none: there is no life, and make_life() has to
  // begin one.  Learns what the server's clock says.
  [[nodiscard]] Result<Token> life_of(const Replies& replies, const wire::MemcachedReply& reply);
  // Begins a life if there is none; the first command of a request, which must be for `session`.
  void make_life(wire::MemcachedRequest& request, const Session& session) const;

  // The life that was last seen; none before the first.
  [[nodiscard]] Token last_life() const;
  // Why nothing is asked of this server; empty if it is fit, or nobody knows yet.
  [[nodiscard]] std::string unfit() const;
  // What is wrong now; empty if nothing is.
  [[nodiscard]] std::string trouble() const;
  // Tells, now and then, that it has not taken an item of so many bytes, and in which words.
  void tell_refused(std::size_t bytes, std::string_view words);

  // What the server counted when it was last asked; asks again behind the scenes.
  [[nodiscard]] Store::Usage usage();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Names& names() const noexcept { return names_; }
  [[nodiscard]] Instant now() const { return clock_.now(); }
  [[nodiscard]] Token fresh_token() { return runtime_.token(); }
  // What answers a command that it refuses to understand.
  [[nodiscard]] std::unexpected<Error> strange(const wire::MemcachedReply& reply);
  void close();

  Node(Runtime& runtime, Clock& clock, const Names& names, Options options);  // See make().

 private:
  void open();
  Result<void> greet(const io::Pipeline::Greeted& greeted);
  Result<void> begin_session(const io::Pipeline::Greeted& greeted,
                             const wire::MemcachedReply& stats);
  void judge(std::string_view why);  // Empty: it is fit.
  [[nodiscard]] std::unexpected<Error> failed(Error error);
  static Task<void> ask_usage(std::shared_ptr<Node> self);

  Runtime& runtime_;
  Clock& clock_;
  const Names names_;
  const Options options_;
  const std::string name_;
  const std::string trial_;
  std::unique_ptr<io::Pipeline> pipeline_;

  mutable std::mutex mutex_;
  SessionRef session_;
  std::string process_;  // Which process was talked to last, by its id and its start.
  Token life_{};
  std::string unfit_;
  std::string trouble_;
  Store::Usage usage_{};
  Instant usage_asked_ = Instant::min();
  Instant refusal_told_ = Instant::min();
};

using NodeRef = std::shared_ptr<Node>;

}  // namespace headrace::memcached
