// bus/postgres/conversation.h: the thread that speaks with the server and listens to it.
//
// What is asked for waits in a queue; the thread takes all that is there, notifies it in one
// transaction on one session, and hands over what it hears on another.  A barrier is such a
// notification too, on a channel that nobody else listens to.
//
// Threads:   any member from any thread, but close() not from the listener.
// Errors:    bus_unavailable.  Of connecting: it tries again, until close().
// Lifetimes: shared by itself while it talks.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bus/postgres/frames.h"
#include "headrace/bus.h"
#include "headrace/bus/postgres.h"
#include "headrace/runtime.h"
#include "io/bell.h"
#include "io/wakeup.h"
#include "postgres/session.h"

namespace headrace::postgres {

class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  // Of the queue, and of the barriers that are on their way.
  static constexpr std::size_t jobs_max = 4096;

  Conversation(PostgresBusOptions options, Runtime& runtime);

  // Starts the thread.  Once.
  [[nodiscard]] Result<void> begin();
  void listen(std::weak_ptr<BusListener> listener);

  // Ends well once the portion's transaction is committed.
  [[nodiscard]] static Task<Result<void>> say(std::shared_ptr<Conversation> self, Portion portion);
  // Ends well once a notification that is sent now has come back.
  [[nodiscard]] static Task<Result<void>> barrier(std::shared_ptr<Conversation> self);

  // Returns when the thread has ended.
  void close();

 private:
  struct Job {
    Portion portion{};
    std::uint64_t barrier = 0;  // Its number; zero: it is none.
    std::shared_ptr<io::Wakeup> wakeup{};
    bool given_up = false;   // Nobody waits for it any more.
    bool committed = false;  // A barrier's, which has still to come back.
    Instant committed_at{};
    Error error{};  // Why it failed, if it was stopped.
  };
  using JobRef = std::shared_ptr<Job>;

  static Task<Result<void>> carry_out(std::shared_ptr<Conversation> self, JobRef job);
  [[nodiscard]] Result<void> enqueue(const JobRef& job);
  [[nodiscard]] Result<void> outcome_of(Job& job, io::Wakeup::By by);

  // What follows is the thread's own.
  void run();
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<std::unique_ptr<Session>> open() const;
  [[nodiscard]] Result<void> turn();
  [[nodiscard]] std::vector<JobRef> take_jobs();
  [[nodiscard]] Result<void> notify(const std::vector<JobRef>& jobs);
  [[nodiscard]] Result<bool> hear();
  void hear(const Notification& notification);
  void came_back(std::uint64_t barrier);
  [[nodiscard]] Result<void> rest_or_give_up(bool has_more);
  void fail_all(const Error& error);
  void fail(const std::vector<JobRef>& jobs, const Error& error);
  void pause_before_next_try();
  [[nodiscard]] std::shared_ptr<BusListener> listener() const;

  const PostgresBusOptions options_;
  const std::string own_channel_;  // For barriers.
  Runtime& runtime_;
  Bell bell_;
  std::thread thread_;

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::weak_ptr<BusListener> listener_;
  std::uint64_t barriers_ = 0;
  std::deque<JobRef> queue_;  // Of up to jobs_max, together with
  std::list<JobRef> said_;    // the barriers that have to come back, in their order: jobs_max.

  Error trouble_;  // Why there is no session; without a text: there is one.

  // The thread's own.
  std::unique_ptr<Session> hears_;  // Both, or neither.
  std::unique_ptr<Session> says_;
  FrameReader frames_;
  int failures_ = 0;  // In a row: of connecting, and of sessions on which no barrier came back.
};

}  // namespace headrace::postgres
