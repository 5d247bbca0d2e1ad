// sim/channel.h: a bus between simulated hosts, with all that real ones do to their messages.
//
// The server takes messages in one order and sends each to every host that listens: late, twice,
// or before the one that came first.  A host that has lost its connection misses what is sent
// meanwhile; it is told so when it is back, unless its client has come back silently.
#pragma once

#include <coroutine>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "headrace/bus.h"
#include "sim/link.h"

namespace headrace::sim {

// What becomes of messages on their way from the server to a host.
struct Delivery {
  Weather way{};  // `delay_max`, `slow_percent`, `slow_max` and `doubled_percent` count.
  std::uint64_t reordered_percent = 0;
  std::uint64_t lost_percent = 0;  // And nobody notices.
  Duration stranger_after{0};      // Who was not heard for that long may be unknown to a host.
};

class ChannelBus;

// The server.
class Channel {
 public:
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  void subscribe(ChannelBus& who) { subscribers_.push_back(&who); }
  void unsubscribe(ChannelBus& who) { std::erase(subscribers_, &who); }
  void append(const std::vector<BusMessage>& messages);

 private:
  std::uint64_t end_ = 0;                 // The position of the newest message.
  std::vector<ChannelBus*> subscribers_;  // In the order in which they came.
};

// The bus's port, as one host has it.
class ChannelBus final : public Bus {
 public:
  ChannelBus(Channel& channel, Timeline& timeline, Host& host, Link& link, const Delivery& delivery,
             std::uint64_t seed);
  ~ChannelBus() override;

  void listen(std::weak_ptr<BusListener> listener) override { listener_ = std::move(listener); }
  Task<Result<void>> publish(std::vector<BusMessage> messages) override;
  Task<Result<void>> barrier() override;
  void close() override {}

  // Nothing comes through until go_on(); its client notices, or does not.
  enum class Loss : std::uint8_t { noticed, silent };
  void lose_connection(Loss loss);
  void go_on();

  // Since when nothing that is said arrives here; none: it does.
  [[nodiscard]] std::optional<Instant> deaf_since() const {
    return lost_ > 0 ? std::optional(deaf_since_) : std::nullopt;
  }

  // Whether words of this one were lost here, unnoticed, that nobody may miss if it dies now.
  [[nodiscard]] bool has_lost_words_of(const ChannelBus& other) const {
    return lost_words_of_.contains(other.origin_);
  }

  // The server's side: this has been taken at `position`.
  void send(std::uint64_t position, const BusMessage& message);

 private:
  struct Waiting {
    std::uint64_t position;
    std::coroutine_handle<> handle;
  };

  [[nodiscard]] bool has_heard(std::uint64_t position) const {
    return on_their_way_.empty() || *on_their_way_.begin() > position;
  }
  [[nodiscard]] bool is_lost(const BusMessage& message);
  void deliver(std::uint64_t position, const BusMessage& message);
  void wake();

  Channel& channel_;
  Timeline& timeline_;
  Host& host_;
  Link& link_;
  const Delivery& delivery_;
  Chance chance_;
  std::weak_ptr<BusListener> listener_;
  std::multiset<std::uint64_t> on_their_way_;  // Positions sent and not heard yet.
  std::vector<Waiting> waiting_;
  using Origin = std::pair<std::uint64_t, std::uint64_t>;
  Origin origin_{};  // Of the engine here.
  std::map<Origin, Instant> heard_at_;
  std::set<Origin> lost_words_of_;
  Instant last_arrival_{};
  Instant deaf_since_{};
  int lost_ = 0;         // Connections lost and not back yet ...
  int noticed_ = 0;      // ... of which the client knows.
  bool missed_ = false;  // It has to tell when it is back.
};

}  // namespace headrace::sim
