// bus/valkey/reader.h: reads a stream to its end, and waits there for more.
//
// What it has read last is what it must find again, together with what comes after it: if it is
// gone, something unread may be gone too, and the listener is told.  So it is if the server is
// another than before, or follows another history.
//
// Threads:   start() once; any other member from any thread.  The listener is called by one thread
//            at a time.
// Errors:    of reading: it tries again, until close(); reached() says when that takes too long.
// Lifetimes: shared by itself while it reads.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "bus/valkey/position.h"
#include "headrace/bus.h"
#include "headrace/bus/valkey.h"
#include "io/wakeup.h"
#include "valkey/router.h"

namespace headrace::valkey {

class Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(const ValkeyBusOptions& options, std::unique_ptr<Router> router, Runtime& runtime);

  void start(std::weak_ptr<BusListener> listener);

  // Read up to here; none: it has not begun, or has to begin anew.
  [[nodiscard]] std::optional<Position> position() const;

  // Ends well once all up to `position` was handed over, or missed() was called instead; fails
  // after `answer_within`.  `incarnation` is where the position is from.
  static constexpr std::size_t barriers_max = 1024;
  [[nodiscard]] static Task<Result<void>> reached(std::shared_ptr<Reader> self, Position position,
                                                  Token incarnation);
  // Whether it reads from another history of the server than this one.  Then one of the two was
  // learnt before the server took up another, under a connection that has lived through that: both
  // have to ask the server which it is, and this begins anew.
  [[nodiscard]] bool reads_another(Token incarnation);
  // Returns when it reads no more, unless it is called on a loop.
  void close();

 private:
  struct Waiting {
    Position position;
    Token incarnation;
    std::shared_ptr<io::Wakeup> wakeup;
  };

  static Task<void> read_on(std::shared_ptr<Reader> self);
  Task<Result<void>> begin();
  Task<Result<void>> read_once();
  Result<void> hand_over(const RespValue& streams, Position& last);
  void missed();
  void has_read(Position position, Token incarnation);
  [[nodiscard]] bool has(const Position& position, const Token& incarnation) const;

  const ValkeyBusOptions options_;
  const std::string stream_;
  Runtime& runtime_;
  const std::unique_ptr<Router> router_;
  std::weak_ptr<BusListener> listener_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  bool reads_ = false;
  std::condition_variable ended_;
  bool was_begun_ = false;
  bool begins_anew_ = false;
  std::optional<Position> position_;  // Written by what reads alone.
  Token incarnation_{};
  std::list<Waiting> waiting_;  // Up to barriers_max.
  std::shared_ptr<io::Wakeup> pause_;
};

// Asks for `stream`, which is one key, and so by one server.
[[nodiscard]] Task<Result<Answers>> ask_stream(Router& router, const std::string& stream,
                                               RespCommands commands,
                                               Duration within = Duration::zero());

// The stream's key.
[[nodiscard]] std::string stream_of(const std::string& prefix);

// The newest entry's position in an answer to XREVRANGE ... COUNT 1; none if there is no entry.
[[nodiscard]] std::optional<Position> newest_of(const RespValue& entries);

}  // namespace headrace::valkey
