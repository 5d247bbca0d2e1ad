#include "valkey/cluster.h"

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "io/together.h"
#include "valkey/slots.h"

namespace headrace::valkey {

namespace {

// How often one call is sent on: while a slot moves each of its commands may be, and the nodes do
// not all know at once who has it.
constexpr std::size_t rounds_max = 12;

// How far one of the asks has come.
struct Progress {
  std::size_t next = 0;                 // The command that is to be answered next ...
  std::optional<io::Address> asking{};  // ... by this node, which is getting the slot.
  SlotMapRef map{};                     // By which the first that was carried out was sent.
};

// What goes to one member in one write.
struct Share {
  struct Part {
    std::size_t ask = 0;
    std::size_t replies = 0;
  };
  NodeRef node{};
  RespCommands commands{};
  std::vector<Part> parts{};
  std::optional<Result<Replies>> outcome{};
};

// One call of the router, from round to round.
struct Errand {
  std::vector<Ask> asks{};
  std::vector<Progress> progress{};  // Of each.
  std::vector<std::size_t> open{};   // Those that are not answered yet.
  std::vector<SlotMap::Seen> seen{};
  Answers answers{};
  std::optional<io::Address> moved_by{};  // Who has said in this round that a slot has moved.
};

class Cluster final : public Router {
 public:
  Cluster(ClusterOptions options, Runtime& runtime)
      : topology_(std::make_shared<Topology>(std::move(options), runtime)) {}
  ~Cluster() override { topology_->close(); }

  bool is_one() const noexcept override { return false; }
  std::uint16_t slot_of(std::string_view key) const noexcept override {
    return valkey::slot_of(key);
  }
  Task<Result<Answers>> ask(std::vector<Ask> asks, Copies copies, Duration within) override;
  Task<Result<std::shared_ptr<Server>>> server_of(std::uint16_t slot) override;
  std::shared_ptr<Server> known_server_of(std::uint16_t slot) const override;
  Task<Result<Stop>> stop_at(std::size_t number, RespCommands commands) override;
  Task<Result<Token>> incarnation() override;
  std::vector<std::shared_ptr<Server>> servers() const override;
  void close() override { topology_->close(); }

 private:
  Task<Result<SlotMapRef>> map();
  Task<Result<void>> round(Errand& errand, Copies copies, Duration within);
  [[nodiscard]] Result<std::vector<Share>> shares_of(const Errand& errand,
                                                     const SlotMap& map) const;
  [[nodiscard]] Result<Answers> finished(Errand& errand) const;
  [[nodiscard]] Result<Token> order_of(const std::vector<Share>& shares) const;
  [[nodiscard]] std::unexpected<Error> trouble(std::string what) const {
    return failure(topology_->code(), "the cluster: " + std::move(what));
  }

  const std::shared_ptr<Topology> topology_;
};

Task<void> send(NodeRef node, RespCommands commands, Copies copies, Duration within,
                std::optional<Result<Replies>>* outcome) {
  auto calling = node->call(std::move(commands), copies, within);
  outcome->emplace(co_await std::move(calling));
}

// Hands the replies of one share to the asks that they answer.  What is behind a command that was
// sent away does not count: it has to come after that one.
void take(Errand& errand, const SlotMapRef& map, Share& share) {
  Replies& replies = **share.outcome;
  std::size_t at = 0;
  bool has_done = false;
  for (const Share::Part& part : share.parts) {
    Progress& progress = errand.progress[part.ask];
    Answer& answer = errand.answers.all[part.ask];
    const bool was_asking = std::exchange(progress.asking, std::nullopt).has_value();
    const std::size_t end = at + part.replies;
    for (std::size_t i = was_asking ? at + 1 : at; i < end; ++i) {
      const auto sent_on = read_redirection(replies.values[i], share.node->address().host);
      if (sent_on && sent_on->kind == Redirection::Kind::ask) {
        progress.asking = sent_on->to;
        break;
      }
      if (sent_on) {
        errand.moved_by = share.node->address();
        break;
      }
      if (!progress.map) progress.map = map;
      answer.values.push_back(std::move(replies.values[i]));
      answer.server = replies.server;
      ++progress.next;
      has_done = true;
    }
    at = end;
  }
  if (has_done) errand.seen.push_back({share.node, replies.server->incarnation});
  errand.answers.kept.push_back(std::move(replies));
}

Result<std::vector<Share>> Cluster::shares_of(const Errand& errand, const SlotMap& map) const {
  std::vector<Share> shares;
  std::vector<std::size_t> by_member(map.members().size(), SlotMap::nobody);
  for (const std::size_t ask : errand.open) {
    const Progress& progress = errand.progress[ask];
    const Ask& asked = errand.asks[ask];
    const std::uint16_t member = progress.asking
                                     ? map.number_of(*progress.asking).value_or(SlotMap::nobody)
                                     : map.owner_of(asked.slot);
    if (member == SlotMap::nobody) {
      const std::string slot = "slot " + std::to_string(asked.slot);
      if (!progress.asking) return trouble("nobody has " + slot);
      // Its history is not in the incarnation.
      return trouble(slot + " is on its way to " + to_string(*progress.asking) +
                     ", which has no other and is not known yet");
    }
    if (by_member[member] == SlotMap::nobody) {
      by_member[member] = shares.size();
      shares.push_back({.node = map.members()[member].node});
    }
    Share& share = shares[by_member[member]];
    const std::size_t before = share.commands.size();
    if (progress.asking) {
      share.commands.add({"ASKING"}).add(asked.commands.only(progress.next));
    } else if (progress.next == 0) {
      share.commands.add(asked.commands);
    } else {
      for (std::size_t i = progress.next; i < asked.commands.size(); ++i) {
        share.commands.add(asked.commands.only(i));
      }
    }
    share.parts.push_back({.ask = ask, .replies = share.commands.size() - before});
  }
  return shares;
}

// The map, after looking for one if there is none.
Task<Result<SlotMapRef>> Cluster::map() {
  SlotMapRef map = topology_->map();
  if (map) co_return map;
  auto searching = Search::ended(topology_);
  const Result<void> found = co_await std::move(searching);
  if (!found) co_return failure(topology_->code(), found.error().what);
  co_return topology_->map();
}

Task<Result<void>> Cluster::round(Errand& errand, Copies copies, Duration within) {
  auto mapping = map();
  const Result<SlotMapRef> map = co_await std::move(mapping);
  if (!map) co_return std::unexpected(map.error());
  Result<std::vector<Share>> shares = shares_of(errand, **map);
  if (!shares) {
    topology_->begin();
    co_return std::unexpected(shares.error());
  }
  std::vector<Task<void>> tasks;
  for (Share& share : *shares) {
    tasks.push_back(send(share.node, std::move(share.commands), copies, within, &share.outcome));
  }
  io::Together together(std::move(tasks));
  co_await together;
  for (const Share& share : *shares) {
    if (*share.outcome) continue;
    topology_->begin();  // Perhaps another has its slots by now.
    co_return std::unexpected(share.outcome->error());
  }
  for (Share& share : *shares) take(errand, *map, share);
  std::erase_if(errand.open, [&errand](std::size_t ask) {
    return errand.progress[ask].next == errand.asks[ask].commands.size();
  });
  co_return Result<void>();
}

// All of it has to hold in the cluster as it is now: where a slot has moved between two commands,
// or behind them, nobody can say in which history the first was carried out.
Result<Answers> Cluster::finished(Errand& errand) const {
  const SlotMapRef now = topology_->map();
  for (std::size_t i = 0; i < errand.asks.size(); ++i) {
    const SlotMapRef& then = errand.progress[i].map;
    const std::uint16_t slot = errand.asks[i].slot;
    if (then == now || then->place_of(slot) == now->place_of(slot)) continue;
    return trouble("slot " + std::to_string(slot) + " has moved from " + then->place_of(slot) +
                   " to " + now->place_of(slot) + " while it was asked for");
  }
  for (const SlotMap::Seen& one : errand.seen) {
    for (const SlotMap::Seen& other : errand.seen) {
      if (one.node->name() != other.node->name() || one.incarnation == other.incarnation) continue;
      return trouble(one.node->name() + " was made anew while it was asked");
    }
  }
  errand.answers.incarnation = now->incarnation(errand.seen);
  return std::move(errand.answers);
}

Task<Result<Answers>> Cluster::ask(std::vector<Ask> asks, Copies copies, Duration within) {
  Errand errand;
  errand.asks = std::move(asks);
  errand.progress.resize(errand.asks.size());
  errand.answers.all.resize(errand.asks.size());
  for (std::size_t i = 0; i < errand.asks.size(); ++i) errand.open.push_back(i);
  for (std::size_t rounds = 0; !errand.open.empty(); ++rounds) {
    if (rounds == rounds_max) {
      topology_->begin();
      co_return trouble("what is asked is sent from node to node (rounds_max)");
    }
    auto going = round(errand, copies, within);
    const Result<void> gone = co_await std::move(going);
    if (!gone) co_return std::unexpected(gone.error());
    if (!errand.moved_by) continue;
    topology_->hint(*std::exchange(errand.moved_by, std::nullopt));
    auto searching = Search::ended(topology_);
    const Result<void> found = co_await std::move(searching);
    if (!found) co_return failure(topology_->code(), found.error().what);
  }
  co_return finished(errand);
}

Task<Result<std::shared_ptr<Server>>> Cluster::server_of(std::uint16_t slot) {
  auto mapping = map();
  const Result<SlotMapRef> map = co_await std::move(mapping);
  if (!map) co_return std::unexpected(map.error());
  const std::uint16_t member = (*map)->owner_of(slot);
  if (member == SlotMap::nobody) {
    topology_->begin();
    co_return trouble("nobody has slot " + std::to_string(slot));
  }
  const NodeRef node = (*map)->members()[member].node;
  auto greeting = node->greeted();
  Result<std::shared_ptr<Server>> server = co_await std::move(greeting);
  if (!server) topology_->begin();
  co_return server;
}

std::shared_ptr<Server> Cluster::known_server_of(std::uint16_t slot) const {
  const SlotMapRef map = topology_->map();
  const std::uint16_t member = map ? map->owner_of(slot) : SlotMap::nobody;
  return member == SlotMap::nobody ? nullptr : map->members()[member].node->server();
}

// Who has which slots is asked anew as well.
Task<Result<Token>> Cluster::incarnation() {
  auto searching = Search::ended(topology_);
  const Result<void> found = co_await std::move(searching);
  if (!found) co_return failure(topology_->code(), found.error().what);
  const SlotMapRef map = topology_->map();
  std::vector<std::optional<Result<Token>>> tokens(map->members().size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tasks.push_back(io::into(map->members()[i].node->incarnation(), &tokens[i]));
  }
  io::Together together(std::move(tasks));
  co_await together;
  std::vector<SlotMap::Seen> seen;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!*tokens[i]) co_return std::unexpected(tokens[i]->error());
    seen.push_back({map->members()[i].node, **tokens[i]});
  }
  co_return map->incarnation(seen);
}

// What each of them claims, right behind what the last of its commands has done.
Result<Token> Cluster::order_of(const std::vector<Share>& shares) const {
  std::string all;
  std::vector<char> is_claimed(slots_count, 0);
  for (const Share& share : shares) {
    const std::string& name = share.node->name();
    const Replies& replies = **share.outcome;
    const Result<Claim> claim = read_claim(replies.values.back());
    if (!claim) return trouble(name + ": " + claim.error().what);
    if (claim->is_moving) {
      return trouble("slots are on their way to " + name + " or from it; list when all have come");
    }
    all += to_hex(replies.server->incarnation) + " " + claim->epoch;
    for (const Claim::Range& range : claim->slots) {
      all += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
      std::fill(is_claimed.begin() + range.first, is_claimed.begin() + range.last + 1, char{1});
    }
    all += "\n";
  }
  const auto free = std::ranges::find(is_claimed, char{0});
  if (free != is_claimed.end()) {
    return trouble("no primary claims slot " + std::to_string(free - is_claimed.begin()));
  }
  const Hash128 hash = hash128(all);
  return Token{.high = hash.high, .low = hash.low};
}

// By the map as it is known: where that is old, somebody who is not in it claims a slot.
Task<Result<Stop>> Cluster::stop_at(std::size_t number, RespCommands commands) {
  auto mapping = map();
  const Result<SlotMapRef> map = co_await std::move(mapping);
  if (!map) co_return std::unexpected(map.error());
  const std::size_t servers = (*map)->members().size();
  std::vector<Share> shares(servers);
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < servers; ++i) {
    Share& share = shares[i];
    share.node = (*map)->members()[i].node;
    if (i == number) share.commands = std::move(commands);
    share.commands.add({"CLUSTER", "NODES"});
    tasks.push_back(send(share.node, std::move(share.commands), Copies::as_they_come,
                         Duration::zero(), &share.outcome));
  }
  io::Together together(std::move(tasks));
  co_await together;
  for (const Share& share : shares) {
    if (*share.outcome) continue;
    topology_->begin();
    co_return std::unexpected(share.outcome->error());
  }
  const Result<Token> order = order_of(shares);
  if (!order) {
    topology_->begin();
    co_return std::unexpected(order.error());
  }
  Stop stop{.servers = servers, .order = *order};
  if (number < servers) {
    Replies& replies = **shares[number].outcome;
    replies.values.pop_back();
    stop.answers.all.push_back({.values = std::move(replies.values), .server = replies.server});
    stop.answers.incarnation = (*map)->incarnation({});
    stop.answers.kept.push_back(std::move(replies));
  }
  co_return stop;
}

std::vector<std::shared_ptr<Server>> Cluster::servers() const {
  std::vector<std::shared_ptr<Server>> all;
  const SlotMapRef map = topology_->map();
  if (!map) return all;
  for (const SlotMap::Member& member : map->members()) {
    if (auto server = member.node->server()) all.push_back(std::move(server));
  }
  return all;
}

}  // namespace

std::unique_ptr<Router> open_cluster(ClusterOptions options, Runtime& runtime) {
  return std::make_unique<Cluster>(std::move(options), runtime);
}

}  // namespace headrace::valkey
