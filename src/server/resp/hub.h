// server/resp/hub.h: what is invalidated, told to the clients that subscribed to it.
//
//   headrace:invalidations           all of it, for those who may read every policy:
//                                    {"keys":[{"policy":"user","entity":"42"}],"tags":["a"]}
//   headrace:invalidations:POLICY    of one policy: {"entities":["42"]}, or {"all":true}
//
// "missed":true says that more was invalidated than could be told: what the client holds is to be
// read again.
//
// Threads:   any.
// Errors:    none; who cannot keep up misses messages, and is told so.
// Lifetimes: a listener is called until its session is gone.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "headrace/engine.h"
#include "headrace/tenants.h"

namespace headrace::resp {

inline constexpr std::string_view all_channel = "headrace:invalidations";
inline constexpr std::string_view policy_channel = "headrace:invalidations:";

struct Message {
  std::string channel{};
  std::string payload{};
};
using Messages = std::shared_ptr<const std::vector<Message>>;

// What a client is told of `news`, on all channels.  `policies`: those that there are, for what
// outdates all of them.
[[nodiscard]] std::vector<Message> messages_of(const News& news,
                                               const std::vector<std::string>& policies);
// Whether who asks may hear the channel; nothing else is one.
[[nodiscard]] bool is_channel(std::string_view channel) noexcept;
// Whether the policy is among those that the key names.
[[nodiscard]] bool is_named(const Identity& who, std::string_view policy) noexcept;
[[nodiscard]] bool may_hear(const Identity& who, std::string_view channel) noexcept;

class Hub {
 public:
  using Deliver = std::function<void(Messages)>;

  // Listens from here on.  May return: refused.
  [[nodiscard]] Result<void> listen(Engine& engine);
  void close();

  // From here on `deliver` is called with all that is told, on any thread.
  void add(std::uint64_t client, Deliver deliver);
  void remove(std::uint64_t client);

 private:
  struct State {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Deliver> clients;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  Listening listening_;
};

}  // namespace headrace::resp
