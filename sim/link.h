// sim/link.h: the way from a host to a server: it delays, loses, doubles, and delivers too late.
//
// A call is applied at the server at one moment of its own, if at all, and its reply takes its time
// as well.  Whoever calls gives up after a while, as every client of a network does; the call may
// then have been applied, or may still be.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "headrace/result.h"
#include "headrace/task.h"
#include "sim/chance.h"
#include "sim/host.h"
#include "sim/timeline.h"

namespace headrace::sim {

// How bad the way is.  One for all hosts, so that a world heals at one place.
struct Weather {
  Duration delay_max = std::chrono::microseconds(500);
  std::uint64_t slow_percent = 0;  // Of the messages that take up to ...
  Duration slow_max = std::chrono::milliseconds(300);
  std::uint64_t lost_percent = 0;     // Of the requests, and as much again of the replies.
  std::uint64_t doubled_percent = 0;  // Applied once more, later.
  std::uint64_t late_percent = 0;     // Applied when nobody waits for it any more.
  std::uint64_t failing_percent = 0;  // Refused at once.
  Duration give_up_after = std::chrono::milliseconds(400);
  bool down = false;  // The server is away.
};

class Link {
 public:
  Link(Timeline& timeline, Host& host, const Weather& weather, Code failure, std::uint64_t seed);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Whether a call may be made again by itself, when its answer does not come.  Where a second time
  // could do what the first did not, no client does that.
  enum class Repeat : std::uint8_t { never, perhaps };

  // Has `apply` run at the server, and returns what it returned.
  template <class R>
  Task<Result<R>> call(std::function<Result<R>()> apply, Repeat repeat = Repeat::perhaps) {
    auto exchange = std::make_shared<Exchange<R>>();
    const std::uint64_t number = open([exchange, this] { exchange->settle(failed()); });
    send<R>(exchange, std::move(apply), repeat);
    Awaiter<R> reply{exchange};
    Result<R> outcome = co_await reply;
    open_.erase(number);
    co_return outcome;
  }

  // This host reaches the server no more, or again.
  void cut(bool is_cut) noexcept { cut_ = is_cut; }

 private:
  template <class R>
  struct Exchange {
    std::optional<Result<R>> outcome;
    std::coroutine_handle<> waiting;

    void settle(Result<R> with) {
      if (outcome) return;
      outcome.emplace(std::move(with));
      if (waiting) std::exchange(waiting, nullptr).resume();
    }
  };
  template <class R>
  struct Awaiter {
    std::shared_ptr<Exchange<R>> exchange;
    [[nodiscard]] bool await_ready() const noexcept { return exchange->outcome.has_value(); }
    void await_suspend(std::coroutine_handle<> awaiting) const { exchange->waiting = awaiting; }
    [[nodiscard]] Result<R> await_resume() const { return *std::move(exchange->outcome); }
  };
  // What becomes of one message.
  struct Fate {
    bool refused = false;
    bool arrives = true;
    bool answers = true;
    Duration there{0};
    Duration back{0};
    std::optional<Duration> again{};  // When it is applied a second time.
  };

  [[nodiscard]] Fate draw();
  [[nodiscard]] Duration one_way();
  [[nodiscard]] std::uint64_t open(std::function<void()> fail);
  [[nodiscard]] std::unexpected<Error> failed() const;

  template <class R>
  void send(const std::shared_ptr<Exchange<R>>& exchange, std::function<Result<R>()> apply,
            Repeat repeat) {
    const Fate fate = draw();
    if (fate.refused) return exchange->settle(failed());
    if (fate.arrives) {
      timeline_.after(fate.there, the_world, [this, exchange, apply, fate] {
        if (weather_.down) return;
        Result<R> outcome = apply();
        if (!fate.answers) return;
        timeline_.after(fate.back, host_.id(), [exchange, said = std::move(outcome)]() mutable {
          exchange->settle(std::move(said));
        });
      });
    }
    if (fate.again && repeat == Repeat::perhaps) {
      timeline_.after(*fate.again, the_world, [this, apply] {
        if (!weather_.down) (void)apply();
      });
    }
    timeline_.after(weather_.give_up_after, host_.id(),
                    [this, exchange] { exchange->settle(failed()); });
  }

  Timeline& timeline_;
  Host& host_;
  const Weather& weather_;
  const Code failure_;
  Chance chance_;
  bool cut_ = false;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::function<void()>> open_;
};

}  // namespace headrace::sim
