#include "valkey/sentinel.h"

#include <charconv>
#include <mutex>
#include <optional>
#include <utility>

#include "io/pipeline.h"
#include "valkey/search.h"

namespace headrace::valkey {

namespace {

// What a sentinel says of the primary.
struct Named {
  io::Address address{};
  std::uint64_t epoch = 0;  // Counts the failovers.
};

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

// Of an answer to SENTINEL MASTER: names and values.
Result<Named> read_named(const RespValue& value, const std::string& master) {
  if (value.is_error()) return failure(Code::store_unavailable, std::string(value.text));
  Named named;
  bool has_port = false;
  for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
    const std::string_view name = value.items[i].text;
    const std::string_view is = value.items[i + 1].text;
    if (name == "ip") named.address.host = is;
    if (name == "port") has_port = read_number(is, named.address.port);
    if (name == "config-epoch" && !read_number(is, named.epoch)) named.epoch = 0;
  }
  if (!named.address.host.empty() && has_port && named.address.port != 0) return named;
  return failure(Code::store_unavailable, "it does not say where \"" + master + "\" is");
}

class Primary final : public Search {
 public:
  Primary(SentinelOptions options, Runtime& runtime);

  // Who is asked now; none: nobody is known yet.
  [[nodiscard]] NodeRef node() const {
    const std::scoped_lock lock(mutex_);
    return node_;
  }
  [[nodiscard]] Code code() const noexcept { return options_.client.code; }
  void close();

 private:
  struct Watcher {
    std::string name{};
    std::unique_ptr<io::Pipeline> pipeline{};
  };

  Task<Result<void>> look() override;
  Task<Result<Named>> ask(const Watcher& watcher);
  Task<Result<void>> follow(Named named);
  void close_all();
  [[nodiscard]] io::Pipeline::Options options_of(const io::Address& sentinel,
                                                 std::size_t number) const;

  const SentinelOptions options_;
  std::vector<Watcher> watchers_;
  mutable std::mutex mutex_;
  NodeRef node_;
  NodeRef tried_;  // While it is greeted.
  std::uint64_t epoch_ = 0;
  std::size_t first_ = 0;  // Who has answered last, and is asked first.
};

Primary::Primary(SentinelOptions options, Runtime& runtime)
    : Search(runtime), options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.sentinels.size(); ++i) {
    const io::Address& sentinel = options_.sentinels[i];
    watchers_.push_back(
        {.name = to_string(sentinel),
         .pipeline = std::make_unique<io::Pipeline>(runtime, options_of(sentinel, i))});
  }
}

io::Pipeline::Options Primary::options_of(const io::Address& sentinel, std::size_t number) const {
  io::Pipeline::Options options{.to = sentinel,
                                .trust = options_.client.tls,
                                .loop = number,
                                .code = options_.client.code,
                                .framing = resp_framing,
                                .connect_within = options_.client.connect_within,
                                .answer_within = options_.client.answer_within};
  const Login& login = options_.login;
  if (login.password.empty()) return options;
  RespCommands commands;
  commands.add({"AUTH", login.user.empty() ? "default" : login.user, login.password});
  options.greeting = {.request = commands.bytes(),
                      .replies = 1,
                      .check = [](const io::Pipeline::Greeted& greeted) -> Result<void> {
                        RespReplies replies(greeted.replies);
                        const Result<RespValue> said = replies.next();
                        if (!said) return std::unexpected(said.error());
                        if (!said->is_error()) return {};
                        return failure(Code::store_unavailable,
                                       "sentinel_user and sentinel_password are refused: " +
                                           std::string(said->text));
                      }};
  return options;
}

void Primary::close_all() {
  for (const Watcher& watcher : watchers_) watcher.pipeline->close();
  NodeRef node;
  NodeRef tried;
  {
    const std::scoped_lock lock(mutex_);
    node = node_;
    tried = tried_;
  }
  if (node) node->close();
  if (tried) tried->close();
}

void Primary::close() {
  begin_stop();
  close_all();
  stop();
  close_all();  // Whom a search has found at its end.
}

Task<Result<Named>> Primary::ask(const Watcher& watcher) {
  RespCommands commands;
  commands.add({"SENTINEL", "MASTER", options_.master});
  auto calling = watcher.pipeline->call(std::move(commands).take(), 1);
  const Result<io::Pipeline::Answer> answer = co_await std::move(calling);
  if (!answer) co_return std::unexpected(answer.error());
  RespReplies replies(answer->bytes);
  const Result<RespValue> value = replies.next();
  Result<Named> named =
      value ? read_named(*value, options_.master) : Result<Named>(std::unexpected(value.error()));
  if (!named) co_return failure(code(), "sentinel " + watcher.name + ": " + named.error().what);
  co_return named;
}

// Takes up the server that was named, if it is there and a primary.
Task<Result<void>> Primary::follow(Named named) {
  NodeRef node = this->node();
  const bool is_known = node && node->address() == named.address;
  if (!is_known) {
    ClientOptions options = options_.client;
    options.to = named.address;
    node = std::make_shared<Node>(runtime_, std::move(options), options_.replication);
    const std::scoped_lock lock(mutex_);
    tried_ = node;
  }
  auto greeting = node->greeted();
  const Result<std::shared_ptr<Server>> greeted = co_await std::move(greeting);
  const std::scoped_lock lock(mutex_);
  tried_ = nullptr;
  if (!greeted) co_return std::unexpected(greeted.error());
  if (!is_known) node_ = node;
  epoch_ = named.epoch;
  co_return Result<void>();
}

Task<Result<void>> Primary::look() {
  Result<void> outcome = failure(code(), "no sentinel was asked");
  for (std::size_t i = 0; i < watchers_.size(); ++i) {
    if (is_stopped()) break;
    const std::size_t number = (first_ + i) % watchers_.size();
    auto asking = ask(watchers_[number]);
    const Result<Named> named = co_await std::move(asking);
    if (!named) {
      outcome = std::unexpected(named.error());
      continue;
    }
    if (named->epoch < epoch_) {
      outcome = failure(
          code(), "sentinel " + watchers_[number].name + " does not know of the last failover yet");
      continue;
    }
    auto following = follow(*named);
    outcome = co_await std::move(following);
    if (!outcome) continue;
    first_ = number;
    break;
  }
  co_return outcome;
}

class Watched final : public Router {
 public:
  Watched(SentinelOptions options, Runtime& runtime)
      : primary_(std::make_shared<Primary>(std::move(options), runtime)) {}
  ~Watched() override { primary_->close(); }

  bool is_one() const noexcept override { return true; }
  std::uint16_t slot_of(std::string_view /*key*/) const noexcept override { return 0; }
  Task<Result<Answers>> ask(std::vector<Ask> asks, Copies copies, Duration within) override;
  Task<Result<std::shared_ptr<Server>>> server_of(std::uint16_t slot) override;
  std::shared_ptr<Server> known_server_of(std::uint16_t /*slot*/) const override {
    const NodeRef node = primary_->node();
    return node ? node->server() : nullptr;
  }
  Task<Result<Stop>> stop_at(std::size_t number, RespCommands commands) override;
  Task<Result<Token>> incarnation() override;
  std::vector<std::shared_ptr<Server>> servers() const override {
    auto server = known_server_of(0);
    return server ? std::vector{std::move(server)} : std::vector<std::shared_ptr<Server>>{};
  }
  void close() override { primary_->close(); }

 private:
  Task<Result<NodeRef>> node();
  Task<Result<NodeRef>> found();

  const std::shared_ptr<Primary> primary_;
};

Task<Result<NodeRef>> Watched::found() {
  auto searching = Search::ended(primary_);
  const Result<void> found = co_await std::move(searching);
  if (!found) co_return failure(primary_->code(), found.error().what);
  co_return primary_->node();
}

Task<Result<NodeRef>> Watched::node() {
  NodeRef node = primary_->node();
  if (node) co_return node;
  auto finding = found();
  Result<NodeRef> outcome = co_await std::move(finding);
  co_return outcome;
}

// A call that failed may have been carried out, and is not repeated here; but the next one may go
// to another server.
Task<Result<Answers>> Watched::ask(std::vector<Ask> asks, Copies copies, Duration within) {
  auto finding = node();
  const Result<NodeRef> node = co_await std::move(finding);
  if (!node) co_return std::unexpected(node.error());
  auto asking = ask_one(*node, std::move(asks), copies, within);
  Result<Answers> answers = co_await std::move(asking);
  if (!answers) primary_->begin();
  co_return answers;
}

Task<Result<std::shared_ptr<Server>>> Watched::server_of(std::uint16_t /*slot*/) {
  auto finding = node();
  const Result<NodeRef> node = co_await std::move(finding);
  if (!node) co_return std::unexpected(node.error());
  auto greeting = (*node)->greeted();
  Result<std::shared_ptr<Server>> server = co_await std::move(greeting);
  if (!server) primary_->begin();
  co_return server;
}

Task<Result<Stop>> Watched::stop_at(std::size_t number, RespCommands commands) {
  auto finding = node();
  const Result<NodeRef> node = co_await std::move(finding);
  if (!node) co_return std::unexpected(node.error());
  auto stopping = stop_at_one(*node, number, std::move(commands));
  Result<Stop> stop = co_await std::move(stopping);
  if (!stop) primary_->begin();
  co_return stop;
}

// The sentinels are asked anew as well: a primary that was cut off from them does not say so.
Task<Result<Token>> Watched::incarnation() {
  auto finding = found();
  const Result<NodeRef> node = co_await std::move(finding);
  if (!node) co_return std::unexpected(node.error());
  auto asking = (*node)->incarnation();
  Result<Token> token = co_await std::move(asking);
  if (!token) primary_->begin();
  co_return token;
}

}  // namespace

std::unique_ptr<Router> open_sentinel(SentinelOptions options, Runtime& runtime) {
  return std::make_unique<Watched>(std::move(options), runtime);
}

}  // namespace headrace::valkey
