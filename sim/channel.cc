#include "sim/channel.h"

#include <algorithm>

namespace headrace::sim {

void Channel::append(const std::vector<BusMessage>& messages) {
  for (const BusMessage& message : messages) {
    ++end_;
    for (ChannelBus* const subscriber : subscribers_) subscriber->send(end_, message);
  }
}

ChannelBus::ChannelBus(Channel& channel, Timeline& timeline, Host& host, Link& link,
                       const Delivery& delivery, std::uint64_t seed)
    : channel_(channel),
      timeline_(timeline),
      host_(host),
      link_(link),
      delivery_(delivery),
      chance_(seed) {
  channel_.subscribe(*this);
  host_.on_death([this] {
    channel_.unsubscribe(*this);
    on_their_way_.clear();
    for (const Waiting& one : std::exchange(waiting_, {})) {
      host_.post([handle = one.handle] { handle.resume(); });
    }
  });
}

ChannelBus::~ChannelBus() {
  channel_.unsubscribe(*this);
}

Task<Result<void>> ChannelBus::publish(std::vector<BusMessage> messages) {
  origin_ = {messages.front().origin.high, messages.front().origin.low};
  auto call = link_.call<bool>([this, messages]() -> Result<bool> {
    channel_.append(messages);
    return true;
  });
  const Result<bool> taken = co_await std::move(call);
  if (!taken) co_return std::unexpected(taken.error());
  co_return Result<void>();
}

Task<Result<void>> ChannelBus::barrier() {
  auto call =
      link_.call<std::uint64_t>([this]() -> Result<std::uint64_t> { return channel_.end(); });
  const Result<std::uint64_t> end = co_await std::move(call);
  if (!end) co_return std::unexpected(end.error());
  struct Heard {
    ChannelBus& bus;
    std::uint64_t position;
    [[nodiscard]] bool await_ready() const { return bus.has_heard(position); }
    void await_suspend(std::coroutine_handle<> handle) const {
      bus.waiting_.push_back({position, handle});
    }
    void await_resume() const noexcept {}
  };
  const Heard heard{*this, *end};
  co_await heard;
  if (noticed_ > 0 || missed_ || host_.is_dead()) {
    co_return failure(Code::bus_unavailable, "not connected, in a simulated world");
  }
  co_return Result<void>();
}

void ChannelBus::lose_connection(Loss loss) {
  if (lost_++ == 0) deaf_since_ = timeline_.now();
  if (loss == Loss::silent) return;
  ++noticed_;
  missed_ = true;
}

// What the client has noticed it tells as soon as its host runs again.
void ChannelBus::go_on() {
  --lost_;
  noticed_ = std::min(noticed_, lost_);
  if (!missed_ || lost_ > 0) return;
  timeline_.after(std::chrono::microseconds(50), host_.id(), [this] {
    if (lost_ > 0 || !missed_) return;
    missed_ = false;
    if (const auto listener = listener_.lock()) listener->missed();
  });
}

bool ChannelBus::is_lost(const BusMessage& message) {
  const bool by_chance = chance_.percent(delivery_.lost_percent);
  if (lost_ == 0 && !by_chance) return false;
  const Origin origin{message.origin.high, message.origin.low};
  const auto heard = heard_at_.find(origin);
  const bool is_stranger =
      heard == heard_at_.end() || heard->second + delivery_.stranger_after <= timeline_.now();
  if (noticed_ == 0 && is_stranger) lost_words_of_.insert(origin);
  return true;
}

void ChannelBus::send(std::uint64_t position, const BusMessage& message) {
  if (is_lost(message)) return;
  const Weather& way = delivery_.way;
  const bool slow = chance_.percent(way.slow_percent);
  const Duration delay =
      chance_.between(std::chrono::microseconds(20), slow ? way.slow_max : way.delay_max);
  Instant arrival = timeline_.now() + delay;
  if (!chance_.percent(delivery_.reordered_percent)) arrival = std::max(arrival, last_arrival_);
  last_arrival_ = std::max(arrival, last_arrival_);
  const int copies = chance_.percent(way.doubled_percent) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    // One that comes twice counts as on its way until the first has come.
    if (copy == 0) on_their_way_.insert(position);
    timeline_.at(arrival + copy * delay, host_.id(),
                 [this, position, message] { deliver(position, message); });
  }
}

void ChannelBus::deliver(std::uint64_t position, const BusMessage& message) {
  heard_at_[{message.origin.high, message.origin.low}] = timeline_.now();
  if (const auto listener = listener_.lock()) listener->heard(message);
  const auto at = on_their_way_.find(position);
  if (at != on_their_way_.end()) on_their_way_.erase(at);
  wake();
}

void ChannelBus::wake() {
  std::vector<Waiting> ready;
  std::erase_if(waiting_, [&](const Waiting& one) {
    if (!has_heard(one.position)) return false;
    ready.push_back(one);
    return true;
  });
  for (const Waiting& one : ready) one.handle.resume();
}

}  // namespace headrace::sim
