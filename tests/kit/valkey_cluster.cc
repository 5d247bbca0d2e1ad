#include "kit/valkey_cluster.h"

#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "kit/eventually.h"

namespace headrace::kit {

namespace {

constexpr char node_timeout_ms[] = "1000";
constexpr char migrate_timeout_ms[] = "5000";
constexpr int look_every_ms = 20;

}  // namespace

Result<std::unique_ptr<ValkeyCluster>> ValkeyCluster::start(ValkeyOptions options,
                                                            std::size_t nodes) {
  options.cluster = true;
  // First, so that the test's own arguments prevail.
  options.arguments.insert(options.arguments.begin(), {"--cluster-node-timeout", node_timeout_ms});
  if (!options.password.empty()) options.master_password = options.password;
  auto cluster = std::make_unique<ValkeyCluster>();
  for (std::size_t i = 0; i < nodes; ++i) {
    auto node = ValkeyServer::start(options);
    if (!node) return std::unexpected(std::move(node.error()));
    cluster->ids_.push_back((*node)->command({"CLUSTER", "MYID"}));
    cluster->nodes_.push_back(std::move(*node));
  }
  if (Result<void> joined = cluster->join(); !joined) {
    return std::unexpected(std::move(joined.error()));
  }
  return cluster;
}

Result<void> ValkeyCluster::join() {
  const auto count = static_cast<int>(size());
  for (int i = 0; i < count; ++i) {
    const auto node = static_cast<std::size_t>(i);
    const int first = slots * i / count;
    const int last = slots * (i + 1) / count - 1;
    owners_.resize(static_cast<std::size_t>(last) + 1, node);
    // Numbers of their own from the start: else the nodes have to sort that out between them.
    Result<void> told = tell(node, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (!told) return told;
    told = tell(node, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
    if (!told) return told;
    for (std::size_t other = 0; other < node; ++other) {
      told = tell(node, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes_[other]->port()),
                         std::to_string(nodes_[other]->cluster_port())});
      if (!told) return told;
    }
  }
  if (becomes_ok()) return {};
  return failure(Code::timed_out,
                 "no cluster comes about: " + nodes_[0]->command({"CLUSTER", "INFO"}));
}

std::vector<std::string> ValkeyCluster::addresses() const {
  std::vector<std::string> all;
  for (const auto& node : nodes_) all.push_back(node->address());
  return all;
}

int ValkeyCluster::slot_of(std::string_view key) {
  return std::atoi(nodes_[0]->command({"CLUSTER", "KEYSLOT", std::string(key)}).c_str());
}

Result<void> ValkeyCluster::move_slot(int slot, std::size_t to) {
  Result<void> begun = begin_move(slot, to);
  if (!begun) return begun;
  return end_moves({slot}, to);
}

Result<void> ValkeyCluster::begin_move(int slot, std::size_t to) {
  const std::size_t from = owner_of(slot);
  const std::string number = std::to_string(slot);
  if (from == to) return failure(Code::invalid_argument, "the node has slot " + number);
  // The new one first: else those who are sent there would be sent back.
  Result<void> told = tell(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", ids_[from]});
  if (!told) return told;
  return tell(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", ids_[to]});
}

Result<void> ValkeyCluster::end_moves(const std::set<int>& moving, std::size_t to) {
  for (const int slot : moving) {
    if (Result<void> done = hand_over(slot, to); !done) return done;
  }
  if (agrees()) return {};
  return failure(Code::timed_out, "the nodes do not agree who has which slot");
}

Result<void> ValkeyCluster::hand_over(int slot, std::size_t to) {
  Result<void> done = migrate_keys(slot, to);
  if (!done) return done;
  const std::size_t from = owner_of(slot);
  std::vector<std::size_t> in_order{to, from};
  for (std::size_t i = 0; i < size(); ++i) {
    if (i != to && i != from) in_order.push_back(i);
  }
  for (const std::size_t node : in_order) {
    done = tell(node, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", ids_[to]});
    if (!done) return done;
  }
  owners_[static_cast<std::size_t>(slot)] = to;
  return {};
}

Result<void> ValkeyCluster::migrate_keys(int slot, std::size_t to) {
  ValkeyServer& from = node(owner_of(slot));
  const ValkeyServer& target = node(to);
  // One at a time: the answer is a text, and a key is whatever stands between its brackets.
  for (;;) {
    const std::string listed =
        from.command({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1"});
    if (listed == "[]") return {};
    if (!listed.starts_with('[')) return failure(Code::source_failed, listed);
    std::vector<std::string> words{"MIGRATE",
                                   "127.0.0.1",
                                   std::to_string(target.port()),
                                   listed.substr(1, listed.size() - 2),
                                   "0",
                                   migrate_timeout_ms};
    const std::string& password = target.options().password;
    if (!password.empty()) words.insert(words.end(), {"AUTH", password});
    const std::string said = from.command(words);
    // Under traffic a key may have gone since it was listed.
    if (said != "OK" && said != "NOKEY") return failure(Code::source_failed, "MIGRATE: " + said);
  }
}

Result<void> ValkeyCluster::tell(std::size_t node, const std::vector<std::string>& words) {
  const std::string said = nodes_[node]->command(words);
  if (said == "OK") return {};
  return failure(Code::source_failed, words[0] + " " + words[1] + ": " + said);
}

bool ValkeyCluster::becomes(std::string_view state) {
  return eventually([this, state] {
    for (std::size_t i = 0; i < size(); ++i) {
      if (!nodes_[i]->process().running() || says(i, state)) continue;
      ::poll(nullptr, 0, look_every_ms);  // The nodes want the processor more than we do.
      return false;
    }
    return true;
  });
}

bool ValkeyCluster::agrees() {
  return eventually([this] {
    const std::vector<std::string> first = view(0);
    for (std::size_t i = 1; i < size(); ++i) {
      if (view(i) == first) continue;
      ::poll(nullptr, 0, look_every_ms);
      return false;
    }
    return true;
  });
}

std::vector<std::string> ValkeyCluster::view(std::size_t node) {
  // id address flags primary ping pong epoch link slot ...; of its own it says also what moves.
  constexpr int epoch_place = 6;
  constexpr int slots_place = 8;
  std::vector<std::string> lines;
  std::istringstream said(nodes_[node]->command({"CLUSTER", "NODES"}));
  for (std::string line; std::getline(said, line);) {
    std::istringstream words(line);
    std::string seen;
    std::string word;
    for (int place = 0; words >> word; ++place) {
      const bool moves = word.starts_with('[');
      if (place == 0 || place == epoch_place || (place >= slots_place && !moves)) {
        seen += word + ' ';
      }
    }
    lines.push_back(std::move(seen));
  }
  std::ranges::sort(lines);
  return lines;
}

bool ValkeyCluster::says(std::size_t node, std::string_view state) {
  const std::string said = nodes_[node]->command({"CLUSTER", "INFO"});
  return said.contains("cluster_state:" + std::string(state) + "\r\n") &&
         said.contains("cluster_known_nodes:" + std::to_string(size()) + "\r\n");
}

}  // namespace headrace::kit
