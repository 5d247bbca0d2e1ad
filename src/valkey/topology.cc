#include "valkey/topology.h"

#include <algorithm>
#include <map>

#include "core/hash.h"
#include "io/together.h"

namespace headrace::valkey {

namespace {

struct Held {
  io::Address address{};
  std::vector<std::uint16_t> slots{};
  std::string text{};  // "0-5460,8000-8000,"
};

// By their first slot.
std::vector<Held> by_node(std::vector<Holding> holdings) {
  std::ranges::sort(holdings, {}, &Holding::first);
  std::vector<Held> nodes;
  std::map<std::string, std::size_t> numbers;
  for (const Holding& one : holdings) {
    const auto [at, is_new] = numbers.try_emplace(to_string(one.primary), nodes.size());
    if (is_new) nodes.push_back({.address = one.primary});
    Held& held = nodes[at->second];
    held.text += std::to_string(one.first) + "-" + std::to_string(one.last) + ",";
    for (std::size_t slot = one.first; slot <= one.last; ++slot) {
      held.slots.push_back(static_cast<std::uint16_t>(slot));
    }
  }
  return nodes;
}

bool is_same(const SlotMap& a, const SlotMap& b) {
  return std::ranges::equal(a.members(), b.members(), [](const auto& one, const auto& other) {
    return one.node == other.node && one.slots == other.slots;
  });
}

}  // namespace

std::optional<std::uint16_t> SlotMap::number_of(const io::Address& address) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].node->address() == address) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::string SlotMap::place_of(std::uint16_t slot) const {
  const std::uint16_t number = owner_of(slot);
  return number == nobody ? std::string() : members_[number].node->name();
}

Token SlotMap::incarnation(std::span<const Seen> answered) const {
  std::string all;
  for (const Member& member : members_) {
    Token token = member.node->seen();
    for (const Seen& seen : answered) {
      if (seen.node->name() == member.node->name()) token = seen.incarnation;
    }
    all += to_hex(token) + " " + member.slots + "\n";
  }
  const Hash128 hash = hash128(all);
  return {.high = hash.high, .low = hash.low};
}

Topology::Topology(ClusterOptions options, Runtime& runtime)
    : Search(runtime), options_(std::move(options)) {}

SlotMapRef Topology::map() const {
  const std::scoped_lock lock(mutex_);
  return map_;
}

void Topology::hint(io::Address address) {
  const std::scoped_lock lock(mutex_);
  hint_ = std::move(address);
}

void Topology::close_all() {
  std::vector<SlotMapRef> maps;
  std::shared_ptr<Client> asked;
  {
    const std::scoped_lock lock(mutex_);
    maps = {map_, found_};
    asked = asked_;
  }
  if (asked) asked->close();
  for (const SlotMapRef& map : maps) {
    if (!map) continue;
    for (const SlotMap::Member& member : map->members()) member.node->close();
  }
}

void Topology::close() {
  begin_stop();
  close_all();
  stop();
  close_all();  // What a search has found at its end.
}

// Who was said to know first, then all in their turn: one that hangs is not asked each time.
std::vector<io::Address> Topology::whom_to_ask() {
  const std::scoped_lock lock(mutex_);
  std::vector<io::Address> all;
  if (map_) {
    for (const SlotMap::Member& member : map_->members()) {
      if (member.node->server()) all.push_back(member.node->address());
    }
  }
  all.insert(all.end(), options_.seeds.begin(), options_.seeds.end());
  std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(turn_++ % all.size()));
  if (hint_) all.insert(all.begin(), *std::exchange(hint_, std::nullopt));
  if (all.size() > tries_max) all.resize(tries_max);
  return all;
}

// A replica knows as well.
Task<Result<Replies>> Topology::ask_slots(const io::Address& address) {
  RespCommands commands;
  commands.add({"CLUSTER", "SLOTS"});
  const SlotMapRef known = map();
  const auto number = known ? known->number_of(address) : std::nullopt;
  if (number && known->members()[*number].node->server()) {
    const NodeRef node = known->members()[*number].node;
    return node->call(std::move(commands), Copies::as_they_come, Duration::zero());
  }
  ClientOptions options = options_.client;
  options.to = address;
  options.scripts.clear();
  options.probe.clear();
  options.pushed = nullptr;
  options.lost = nullptr;
  options.accepts = Accepts::anybody;
  options.connections = 1;
  auto client = std::make_shared<Client>(runtime_, std::move(options));
  const std::scoped_lock lock(mutex_);
  asked_ = client;
  return client->call(std::move(commands));
}

Task<Result<std::vector<Holding>>> Topology::ask(io::Address address) {
  auto asking = ask_slots(address);
  const Result<Replies> replies = co_await std::move(asking);
  std::shared_ptr<Client> asked;
  {
    const std::scoped_lock lock(mutex_);
    asked.swap(asked_);
  }
  if (!replies) co_return std::unexpected(replies.error());
  Result<std::vector<Holding>> holdings = read_holdings(replies->values.front(), address.host);
  if (holdings && holdings->empty()) holdings = failure(code(), "it knows nobody who has a slot");
  if (!holdings) co_return failure(code(), to_string(address) + ": " + holdings.error().what);
  co_return holdings;
}

// The one that is known at this address, if it is connected and may be tried where it was; else it
// is connected to anew.
SlotMap::Member Topology::member(const io::Address& address, std::string slots,
                                 const std::vector<std::uint16_t>& owned) const {
  const SlotMapRef known = map();
  const auto number = known ? known->number_of(address) : std::nullopt;
  if (number) {
    const SlotMap::Member& old = known->members()[*number];
    const bool is_tried =
        options_.client.probe.empty() || std::ranges::binary_search(owned, old.probe_slot);
    if (is_tried && old.node->server()) {
      return {.node = old.node, .slots = std::move(slots), .probe_slot = old.probe_slot};
    }
  }
  SlotMap::Member made{.slots = std::move(slots),
                       .probe_slot = owned[runtime_.bits() % owned.size()]};
  ClientOptions options = options_.client;
  options.to = address;
  if (!options.probe.empty()) options.probe = key_in(made.probe_slot, options.probe, "-");
  made.node = std::make_shared<Node>(runtime_, std::move(options), options_.replication);
  if (number) made.node->remember(known->members()[*number].node->seen());
  return made;
}

SlotMapRef Topology::made_of(const std::vector<Holding>& holdings) const {
  std::vector<SlotMap::Member> members;
  std::vector<std::uint16_t> owners(slots_count, SlotMap::nobody);
  for (Held& held : by_node(holdings)) {
    std::ranges::sort(held.slots);
    for (const std::uint16_t slot : held.slots) {
      owners[slot] = static_cast<std::uint16_t>(members.size());
    }
    members.push_back(member(held.address, std::move(held.text), held.slots));
  }
  return std::make_shared<const SlotMap>(std::move(members), std::move(owners));
}

Task<void> Topology::greet(NodeRef node) {
  auto greeting = node->greeted();
  (void)co_await std::move(greeting);
}

Task<Result<void>> Topology::look() {
  Result<void> outcome = failure(code(), "no node of the cluster was asked");
  for (io::Address& address : whom_to_ask()) {
    if (is_stopped()) break;
    auto asking = ask(std::move(address));
    const Result<std::vector<Holding>> holdings = co_await std::move(asking);
    if (!holdings) {
      outcome = std::unexpected(holdings.error());
      continue;
    }
    if (is_stopped()) break;
    SlotMapRef made = made_of(*holdings);
    const SlotMapRef known = map();
    if (known && is_same(*known, *made)) co_return Result<void>();
    // What each of them is has to be known first: it is part of what every answer says.
    std::vector<Task<void>> greetings;
    for (const SlotMap::Member& member : made->members()) greetings.push_back(greet(member.node));
    {
      const std::scoped_lock lock(mutex_);
      found_ = made;
    }
    io::Together together(std::move(greetings));
    co_await together;
    const std::scoped_lock lock(mutex_);
    map_ = std::move(found_);
    co_return Result<void>();
  }
  co_return outcome;
}

}  // namespace headrace::valkey
