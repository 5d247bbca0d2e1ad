// serve/supervisor.h: tells whoever started the server how far it is, by systemd's protocol.
//
// A supervisor that wants to know names a socket in NOTIFY_SOCKET, and is sent datagrams there.
//
// Threads:   one at a time.
// Errors:    none: a supervisor that cannot be told finds out by itself.
// Lifetimes: none.
#pragma once

#include <string>
#include <string_view>

namespace headrace::app {

class Supervisor {
 public:
  // `socket` is a path, or after an '@' a name of Linux's own; empty: there is nobody to tell.
  explicit Supervisor(std::string socket) : socket_(std::move(socket)) {}

  // Requests are served from here on.  After reloading(): the reload is over, however it ended.
  void ready() const { tell("READY=1"); }
  void reloading() const;
  void stopping() const { tell("STOPPING=1"); }

 private:
  void tell(std::string_view state) const;

  std::string socket_;
};

}  // namespace headrace::app
