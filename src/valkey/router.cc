#include "valkey/router.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "valkey/cluster.h"
#include "valkey/sentinel.h"

namespace headrace::valkey {

namespace {

constexpr std::size_t addresses_max = 64;

class One final : public Router {
 public:
  explicit One(NodeRef node) : node_(std::move(node)) {}
  ~One() override { node_->close(); }

  bool is_one() const noexcept override { return true; }
  std::uint16_t slot_of(std::string_view /*key*/) const noexcept override { return 0; }
  Task<Result<Answers>> ask(std::vector<Ask> asks, Copies copies, Duration within) override {
    return ask_one(node_, std::move(asks), copies, within);
  }
  Task<Result<std::shared_ptr<Server>>> server_of(std::uint16_t /*slot*/) override {
    return node_->greeted();
  }
  Task<Result<Stop>> stop_at(std::size_t number, RespCommands commands) override {
    return stop_at_one(node_, number, std::move(commands));
  }
  std::shared_ptr<Server> known_server_of(std::uint16_t /*slot*/) const override {
    return node_->server();
  }
  Task<Result<Token>> incarnation() override { return node_->incarnation(); }
  std::vector<std::shared_ptr<Server>> servers() const override {
    auto server = node_->server();
    return server ? std::vector{std::move(server)} : std::vector<std::shared_ptr<Server>>{};
  }
  void close() override { node_->close(); }

 private:
  const NodeRef node_;
};

Result<std::vector<io::Address>> parse(const std::vector<std::string>& texts) {
  if (texts.size() > addresses_max) {
    return failure(Code::invalid_argument, "more than 64 addresses (addresses_max)");
  }
  std::vector<io::Address> addresses;
  for (const std::string& text : texts) {
    auto address = io::parse_address(text);
    if (!address) return std::unexpected(std::move(address.error()));
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

}  // namespace

Task<Result<Answers>> ask_one(NodeRef node, std::vector<Ask> asks, Copies copies, Duration within) {
  Answers answers;
  std::vector<std::size_t> sizes;
  for (const Ask& ask : asks) sizes.push_back(ask.commands.size());
  RespCommands all = std::move(asks.front().commands);
  for (std::size_t i = 1; i < asks.size(); ++i) all.add(asks[i].commands);
  auto calling = node->call(std::move(all), copies, within);
  Result<Replies> replies = co_await std::move(calling);
  if (!replies) co_return std::unexpected(std::move(replies.error()));
  answers.incarnation = replies->server->incarnation;
  if (sizes.size() == 1) {
    answers.all.push_back({.values = std::move(replies->values), .server = replies->server});
  } else {
    auto next = std::make_move_iterator(replies->values.begin());
    for (const std::size_t size : sizes) {
      const auto end = next + static_cast<std::ptrdiff_t>(size);
      answers.all.push_back({.values = {next, end}, .server = replies->server});
      next = end;
    }
  }
  answers.kept.push_back(std::move(*replies));
  co_return answers;
}

// Its number is 0.
Task<Result<Stop>> stop_at_one(NodeRef node, std::size_t number, RespCommands commands) {
  std::vector<Ask> one;
  one.push_back({.commands = std::move(commands)});
  auto asking = ask_one(std::move(node), std::move(one), Copies::as_they_come, Duration::zero());
  Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(std::move(answers.error()));
  Stop stop{.servers = 1, .order = answers->incarnation};
  if (number == 0) stop.answers = std::move(*answers);
  co_return stop;
}

Result<std::unique_ptr<Router>> open_router(Where where, ClientOptions client, Runtime& runtime) {
  const int ways = (where.address.empty() ? 0 : 1) + (where.cluster.empty() ? 0 : 1) +
                   (where.sentinels.empty() ? 0 : 1);
  if (ways != 1) {
    return failure(Code::invalid_argument,
                   "where the server is, is said by one of address, cluster and sentinels");
  }
  if (where.sentinels.empty() != where.sentinel_master.empty()) {
    return failure(Code::invalid_argument,
                   "sentinels and sentinel_master (the name that they know the primary by) belong "
                   "together");
  }
  if (where.replication.replicas > 0 && where.replication.within <= Duration::zero()) {
    return failure(Code::invalid_argument, "replicas_within must be longer than zero");
  }
  if (!where.address.empty()) {
    const auto address = io::parse_address(where.address);
    if (!address) return std::unexpected(address.error());
    client.to = *address;
    return std::make_unique<One>(
        std::make_shared<Node>(runtime, std::move(client), where.replication));
  }
  const auto addresses = parse(where.cluster.empty() ? where.sentinels : where.cluster);
  if (!addresses) return std::unexpected(addresses.error());
  if (!where.cluster.empty()) {
    return open_cluster(
        {.seeds = *addresses, .client = std::move(client), .replication = where.replication},
        runtime);
  }
  return open_sentinel({.sentinels = *addresses,
                        .master = std::move(where.sentinel_master),
                        .login = std::move(where.sentinel_login),
                        .client = std::move(client),
                        .replication = where.replication},
                       runtime);
}

}  // namespace headrace::valkey
