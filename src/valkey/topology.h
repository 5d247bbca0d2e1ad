// valkey/topology.h: the nodes of a cluster and the slots that each has, as one of them has told.
//
// Threads:   a map is never changed; any member of Topology from any thread.
// Errors:    store_unavailable, or the code of the options: no node tells.
// Lifetimes: maps and nodes are shared by whoever asks them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "io/address.h"
#include "valkey/node.h"
#include "valkey/search.h"
#include "valkey/slots.h"

namespace headrace::valkey {

class SlotMap {
 public:
  static constexpr std::uint16_t nobody = 0xffff;

  struct Member {
    NodeRef node{};
    std::string slots{};           // That it has: what tells two maps apart.
    std::uint16_t probe_slot = 0;  // In which it is tried.
  };

  explicit SlotMap(std::vector<Member> members, std::vector<std::uint16_t> owners)
      : members_(std::move(members)), owners_(std::move(owners)) {}

  [[nodiscard]] const std::vector<Member>& members() const noexcept { return members_; }
  // The number of the member that has the slot, or `nobody`.
  [[nodiscard]] std::uint16_t owner_of(std::uint16_t slot) const { return owners_[slot]; }
  [[nodiscard]] std::optional<std::uint16_t> number_of(const io::Address& address) const;
  // Where the slot is; empty if it is nowhere.
  [[nodiscard]] std::string place_of(std::uint16_t slot) const;

  // What a node was when it answered.
  struct Seen {
    NodeRef node{};
    Token incarnation{};
  };
  // The one incarnation of all: who has which slots, and the history of each of them, as `answered`
  // says or as was seen last.
  [[nodiscard]] Token incarnation(std::span<const Seen> answered) const;

 private:
  std::vector<Member> members_;  // By their first slot.
  std::vector<std::uint16_t> owners_;
};
using SlotMapRef = std::shared_ptr<const SlotMap>;

struct ClusterOptions {
  std::vector<io::Address> seeds{};
  ClientOptions client{};
  Replication replication{};
};

class Topology final : public Search {
 public:
  static constexpr std::size_t tries_max = 5;  // Of nodes that are asked in one search.

  Topology(ClusterOptions options, Runtime& runtime);

  // None before the first search.
  [[nodiscard]] SlotMapRef map() const;
  // Who is asked first in the next search.
  void hint(io::Address address);
  void close();

  [[nodiscard]] Code code() const noexcept { return options_.client.code; }

 private:
  Task<Result<void>> look() override;
  [[nodiscard]] std::vector<io::Address> whom_to_ask();
  Task<Result<std::vector<Holding>>> ask(io::Address address);
  Task<Result<Replies>> ask_slots(const io::Address& address);
  void close_all();
  [[nodiscard]] SlotMapRef made_of(const std::vector<Holding>& holdings) const;
  [[nodiscard]] SlotMap::Member member(const io::Address& address, std::string slots,
                                       const std::vector<std::uint16_t>& owned) const;
  static Task<void> greet(NodeRef node);

  const ClusterOptions options_;
  mutable std::mutex mutex_;
  SlotMapRef map_;
  SlotMapRef found_;               // While its members are greeted.
  std::shared_ptr<Client> asked_;  // Who is no member, while it is asked.
  std::optional<io::Address> hint_;
  std::size_t turn_ = 0;
};

}  // namespace headrace::valkey
