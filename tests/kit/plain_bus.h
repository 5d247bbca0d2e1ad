// kit/plain_bus.h: the bus contract between engines of one simulated world.
//
// Correct, and as bad as the test wants: it can fail, hang, keep messages back, and lose them for
// one of its listeners, noticed or not.
#pragma once

#include <coroutine>
#include <utility>
#include <vector>

#include "headrace/bus.h"
#include "kit/world.h"

namespace headrace::kit {

class PlainBus;

// What all share.
class BusServer {
 public:
  [[nodiscard]] const std::vector<BusMessage>& taken() const noexcept { return taken_; }

 private:
  friend class PlainBus;
  std::vector<BusMessage> taken_;
  std::vector<PlainBus*> ears_;
};

class PlainBus final : public Bus {
 public:
  explicit PlainBus(BusServer& server) : server_(server) { server_.ears_.push_back(this); }
  ~PlainBus() override { std::erase(server_.ears_, this); }

  bool fails = false;    // It takes nothing, and proves nothing.
  bool deaf = false;     // It hears nothing, and has not noticed.
  bool doubles = false;  // It hears all twice.
  std::uint64_t barriers = 0;

  // Tells its listener that something is missing.
  void notice() {
    if (const auto listener = listener_.lock()) listener->missed();
  }

  void listen(std::weak_ptr<BusListener> listener) override { listener_ = std::move(listener); }

  Task<Result<void>> publish(std::vector<BusMessage> messages) override {
    if (fails) co_return failed();
    for (const BusMessage& message : messages) {
      server_.taken_.push_back(message);
      for (PlainBus* const ear : server_.ears_) ear->hear(message);
    }
    co_return Result<void>();
  }

  Task<Result<void>> barrier() override {
    ++barriers;
    if (fails) co_return failed();
    co_return Result<void>();
  }

  void close() override {}

 private:
  static std::unexpected<Error> failed() {
    return failure(Code::bus_unavailable, "the bus is away");
  }
  void hear(const BusMessage& message) {
    const auto listener = listener_.lock();
    if (deaf || !listener) return;
    listener->heard(message);
    if (doubles) listener->heard(message);
  }

  BusServer& server_;
  std::weak_ptr<BusListener> listener_;
};

}  // namespace headrace::kit
