// chaos/origin.h: the source, an HTTP server in this process, which notes every commit and read.
//
// An entity's value is {"version":V,"read":R}: what it is, and which read of the source has said
// so.  GET /POLICY/ENTITY is asked by the instance that the header "Instance" names by its number.
// Commits and reads have one order.
//
// Threads:   any member from any thread; the server works on a thread of its own.
// Lifetimes: all connections end with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "chaos/history.h"

namespace headrace::chaos {

class Origin {
 public:
  // Each answer takes so long; what it says is what is true when it is sent.
  Origin(std::size_t entities, std::chrono::milliseconds takes);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  [[nodiscard]] int port() const noexcept;

  Version commit(std::uint32_t entity);
  [[nodiscard]] Version latest(std::uint32_t entity) const;

  // No read is answered from now on, until release().
  void hold();
  void release();
  [[nodiscard]] std::uint64_t reads() const;
  // Who has read last; none before the first read.
  [[nodiscard]] std::optional<std::size_t> last_reader() const;

  // All that has happened so far, in its order; it is taken out.
  [[nodiscard]] Notes take_notes();

 private:
  class Server;

  const std::unique_ptr<Server> server_;
};

}  // namespace headrace::chaos
