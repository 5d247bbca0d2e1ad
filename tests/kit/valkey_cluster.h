// kit/valkey_cluster.h: masters made into a Valkey or Redis cluster of a test's own.
//
// Each has an equal share of the slots, in order.  A node that is killed or frozen is found out by
// the others within about two seconds, and the cluster is then down, for it has no replicas.
//
// Threads: one at a time; see kit/server_process.h.
// Errors:  as ServerProcess; timed_out: the nodes do not come to terms.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "kit/valkey_server.h"

namespace headrace::kit {

class ValkeyCluster {
 public:
  static constexpr std::size_t usual_nodes = 3;
  static constexpr int slots = 16'384;

  // Starts the nodes, each with the options, and waits until all say that the cluster is well.
  [[nodiscard]] static Result<std::unique_ptr<ValkeyCluster>> start(
      ValkeyOptions options = {}, std::size_t nodes = usual_nodes);

  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] ValkeyServer& node(std::size_t number) { return *nodes_[number]; }
  // "127.0.0.1:18001", one for each node.
  [[nodiscard]] std::vector<std::string> addresses() const;

  // The slot of a key, as the first node says; that node must run.
  [[nodiscard]] int slot_of(std::string_view key);
  // The number of the node that has a slot.
  [[nodiscard]] std::size_t owner_of(int slot) const {
    return owners_[static_cast<std::size_t>(slot)];
  }

  // Moves a slot with its keys to another node; all nodes must run, and know it afterwards.
  [[nodiscard]] Result<void> move_slot(int slot, std::size_t to);
  // The same in two steps.  Between them the old node sends away those who ask for keys that it has
  // not (ASK).  REQUIRES: what moves at one time goes to one node, and is ended in one call: each
  // node that takes slots takes a new epoch, and a message that was on its way when another did can
  // put back an owner whom nobody corrects.
  [[nodiscard]] Result<void> begin_move(int slot, std::size_t to);
  [[nodiscard]] Result<void> end_moves(const std::set<int>& moving, std::size_t to);

  // Whether each node that runs says that the cluster is well; waits until they agree.
  [[nodiscard]] bool becomes_ok() { return becomes("ok"); }
  [[nodiscard]] bool becomes_down() { return becomes("fail"); }

  // Use start().
  ValkeyCluster() = default;

 private:
  [[nodiscard]] Result<void> join();
  [[nodiscard]] Result<void> tell(std::size_t node, const std::vector<std::string>& words);
  [[nodiscard]] Result<void> migrate_keys(int slot, std::size_t to);
  [[nodiscard]] Result<void> hand_over(int slot, std::size_t to);
  // Whether all name the same owner and epoch of every slot; waits for it.
  [[nodiscard]] bool agrees();
  [[nodiscard]] bool becomes(std::string_view state);
  [[nodiscard]] bool says(std::size_t node, std::string_view state);
  // Each node as this one sees it: its id, epoch and slots; the order is the same for all.
  [[nodiscard]] std::vector<std::string> view(std::size_t node);

  std::vector<std::unique_ptr<ValkeyServer>> nodes_;
  std::vector<std::string> ids_;
  std::vector<std::size_t> owners_;  // By slot.
};

}  // namespace headrace::kit
