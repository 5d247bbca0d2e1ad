// server/resp/client.h: what a connection has been told of its client, and what it is at.
//
// Threads:   a Client belongs to its session.  Its Card may be read by other sessions: what changes
//            often in it is atomic, what changes seldom is under the mutex of the Roster.
// Errors:    none.
// Lifetimes: values; a Card is shared with those who list it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/tenants.h"
#include "headrace/time.h"
#include "server/resp/batch.h"
#include "server/resp/command.h"
#include "server/resp/hub.h"

namespace headrace::resp {

// A client as others see it.
struct Card {
  std::uint64_t id = 0;
  std::string address{};
  std::string local_address{};
  Instant since{};
  std::function<void()> close{};  // From any thread.

  std::atomic<Instant> active{};
  std::atomic<const Command*> last{nullptr};
  std::atomic<int> version{2};
  std::atomic<std::size_t> channels{0};
  std::atomic<std::size_t> patterns{0};
  std::atomic<int> queued{-1};  // In a transaction; -1: there is none.

  // Under the roster's mutex.
  std::string name{};
  std::string library{};
  std::string library_version{};
  IdentityRef who{};
};
using CardRef = std::shared_ptr<Card>;

// All clients of a server.
class Roster {
 public:
  [[nodiscard]] std::uint64_t next_id() noexcept { return ++last_id_; }
  void add(CardRef card);
  void remove(std::uint64_t id);
  [[nodiscard]] std::size_t size() const;
  // Those of one tenant, in the order in which they came.
  [[nodiscard]] std::vector<CardRef> of(TenantId tenant) const;
  // Reads or changes what is under the mutex.
  template <class Work>
  auto under_mutex(Work work) const {
    const std::lock_guard lock(mutex_);
    return work();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, CardRef> cards_;
  std::atomic<std::uint64_t> last_id_{0};
};

// Commands that wait for EXEC.
class Transaction {
 public:
  static constexpr std::size_t commands_max = 10'000;
  static constexpr std::size_t bytes_max = 64 << 20;
  static constexpr std::size_t watched_max = Records::edit_keys_max;

  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  [[nodiscard]] bool is_spoiled() const noexcept { return is_spoiled_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  void open() noexcept { is_open_ = true; }
  // A command was refused: EXEC will be.
  void spoil() noexcept { is_spoiled_ = is_open_; }
  // False if there is no room for it.
  [[nodiscard]] bool queue(const Command& command, Args args);
  // Ends it, and what was watched for it.
  void end() noexcept;

  // False if there is no room for it.
  [[nodiscard]] bool watch(Watched watched);
  void unwatch() noexcept { watched_.clear(); }
  [[nodiscard]] bool is_watched(const RecordKey& key) const;
  [[nodiscard]] const std::vector<Watched>& watched() const noexcept { return watched_; }

  // Hands the commands to a batch, to which their arguments belong until this ends.
  void give(Batch& batch, const IdentityRef& who, int version);

 private:
  struct Entry {
    const Command* command;
    std::size_t args;
  };
  bool is_open_ = false;
  bool is_spoiled_ = false;
  std::string bytes_;               // All arguments, one behind the other ...
  std::vector<std::size_t> sizes_;  // ... and how long each is.
  std::vector<Entry> entries_;
  std::vector<Watched> watched_;
};

class Client {
 public:
  enum class Replies : std::uint8_t { on, off, skip_next, skipping };

  CardRef card = std::make_shared<Card>();
  Hub::Deliver deliver{};
  IdentityRef who{};  // Null: it has not said.
  int version = 2;
  Replies replies = Replies::on;
  Transaction transaction;
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::size_t failures = 0;  // To say who it is.
  bool is_ending = false;    // Nothing more is taken from it.

  static constexpr std::size_t subscriptions_max = 1024;
  [[nodiscard]] std::size_t subscriptions() const noexcept {
    return channels.size() + patterns.size();
  }
};

}  // namespace headrace::resp
