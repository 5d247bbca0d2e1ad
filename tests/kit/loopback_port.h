// kit/loopback_port.h: a port of 127.0.0.1 for a server that may be killed and come back to it.
//
// It lies below those that Linux gives to whoever asks for any port, and no other LoopbackPort of
// this machine has it.  So nobody takes it while its server is down.
#pragma once

#include <utility>

namespace headrace::kit {

class LoopbackPort {
 public:
  LoopbackPort();
  ~LoopbackPort();
  LoopbackPort(LoopbackPort&& from) noexcept
      : number_(std::exchange(from.number_, 0)), held_(std::exchange(from.held_, -1)) {}
  LoopbackPort& operator=(LoopbackPort&& from) noexcept {
    std::swap(number_, from.number_);
    std::swap(held_, from.held_);
    return *this;
  }

  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_ = 0;
  int held_ = -1;
};

}  // namespace headrace::kit
