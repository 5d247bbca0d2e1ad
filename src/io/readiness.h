// io/readiness.h: which sockets of a loop have news: bytes to read, room to write, an end.
//
// One descriptor stands for all of them in the loop's own reactor, and one look at it finds many.
// A socket is told of once for each change, and is not asked before it is waited for: on a server
// whose clients send, wait and send again, that would be one call to the kernel in three, and in
// vain.
//
// Threads:   the loop's alone.
// Errors:    error codes of the system's category.
// Lifetimes: borrows sockets and watchers from add() until remove().
// Source:    Linux's epoll(7), edge-triggered; a short read has emptied a stream's socket unless
//            its end is already known.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cstddef>

namespace headrace::io {

class Readiness {
 public:
  struct News {
    bool can_read = false;
    bool can_write = false;
    bool has_ended = false;  // The peer sends no more, or the connection is broken; said once.
  };
  class Watcher {
   public:
    // May add and remove watchers, itself included.
    virtual void on_news(News news) = 0;

   protected:
    ~Watcher() = default;
  };

  static constexpr std::size_t news_max = 128;  // Of one look; the rest is for the next.

  Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  ~Readiness();

  // Can be read from while there are news.
  [[nodiscard]] int descriptor() const noexcept { return epoll_; }
  [[nodiscard]] boost::system::error_code add(int socket, Watcher& watcher) noexcept;
  // From here on the watcher is not told anything, also not what was found already.
  void remove(int socket, const Watcher& watcher) noexcept;
  // Tells the watchers what is new.
  void look();

 private:
  int epoll_;
  std::array<epoll_event, news_max> found_{};
  std::size_t count_ = 0;  // Of what was found ...
  std::size_t next_ = 0;   // ... and what of it is not yet told.
};

}  // namespace headrace::io
