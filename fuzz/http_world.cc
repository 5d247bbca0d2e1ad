#include "http_world.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <future>
#include <optional>
#include <set>
#include <utility>

#include "headrace/sync.h"
#include "input.h"
#include "io/loops.h"
#include "io/stream.h"

namespace headrace::fuzz {

namespace {

constexpr std::string_view fields[] = {"a", "b"};  // That policies cache and writes may change.
constexpr int patience_s = 8;

Runtime& runtime() {
  static Runtime one({.threads = 1});
  return one;
}

ServerOptions options() {
  const wire::HttpLimits limits = http_limits();
  return {.batch_entities_max = 8,
          .header_bytes_max = limits.header_bytes_max,
          .body_bytes_max = limits.body_bytes_max,
          .json_depth_max = 16};
}

http::Api::Parts parts(Engine& engine) {
  return {.engine = engine,
          .store = nullptr,
          .random = runtime(),
          .clock = runtime(),
          .executor = runtime(),
          .loops = 1,
          .current_loop = [] { return std::size_t{0}; },
          .connections = [] { return std::size_t{1}; },
          .handshakes_failed = [] { return std::uint64_t{0}; }};
}

bool is_json(std::string_view text) {
  boost::system::error_code error;
  (void)boost::json::parse({text.data(), text.size()}, error);
  return !error;
}

// The client's end of a connection.
class Client {
 public:
  explicit Client(int socket) : socket_(socket) {
    const timeval patience{.tv_sec = patience_s, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The server may hang up in between: what it refuses it need not read.
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    ::shutdown(socket_, SHUT_WR);
  }
  [[nodiscard]] std::string receive() const {
    std::string all;
    char room[16384];
    for (;;) {
      const ssize_t size = ::recv(socket_, room, sizeof room, 0);
      if (size < 0 && errno == EINTR) continue;  // By libFuzzer's own alarm.
      demand(size >= 0, "the server answers or closes");
      if (size == 0) return all;
      all.append(room, static_cast<std::size_t>(size));
    }
  }

 private:
  int socket_;
};

}  // namespace

Truth::Truth() {
  states_.push_back({{"1", {{"a", "1"}, {"b", R"("x")"}}}, {"2", {{"a", "[true]"}}}, {"null", {}}});
}

std::optional<std::string> Truth::value(const std::string& entity, std::size_t changes) const {
  demand(changes < states_.size(), "no more changes are counted than were made");
  const auto found = states_[changes].find(entity);
  if (found == states_[changes].end()) return std::nullopt;
  if (entity == "null") return "null";
  std::string json = "{";
  for (const auto& [name, value] : found->second) {
    if (json.size() > 1) json += ',';
    json += "\"" + name + "\":" + value;
  }
  return json + "}";
}

Result<Fetched> Truth::look_up(const std::string& entity) const {
  if (entity == "fails") return failure(Code::source_failed, "it fails");
  auto json = value(entity, changes());
  if (!json) return Fetched{.kind = Kind::absent};
  if (entity == "null") return Fetched{.kind = Kind::null};
  return Fetched{.payload = *std::move(json)};
}

Task<Result<Fetched>> Truth::fetch(Fetch fetch) {
  co_return look_up(fetch.entity);
}

Task<std::vector<Result<Fetched>>> Truth::fetch_many(std::vector<Fetch> fetches) {
  std::vector<Result<Fetched>> all;
  for (const Fetch& fetch : fetches) all.push_back(look_up(fetch.entity));
  co_return all;
}

std::vector<Dependency> Truth::dependencies() const {
  return {{.database = "truth", .collection = "things", .fields = {"a", "b"}}};
}

Task<Result<Written>> Truth::write(Write write) {
  std::set<std::string> names;
  for (const auto& [name, value] : write.fields) {
    demand(names.insert(name).second, "a field is written once");
    demand(std::ranges::find(fields, name) != std::end(fields), "only what is writable is written");
    demand(is_json(value), "a field's new value is JSON");
  }
  if (write.entity == "fails") co_return failure(Code::source_failed, "it fails");
  if (write.entity == "null") co_return failure(Code::invalid_argument, "a: it stays null");
  State state = states_.back();
  const bool found = state.contains(write.entity);
  const bool removes = write.mode == Write::Mode::remove;
  demand(removes == write.fields.empty(), "a change names fields, and a removal none");
  if (!found && write.mode != Write::Mode::upsert) co_return Written{.found = false};
  if (removes) {
    state.erase(write.entity);
  } else {
    for (const auto& [name, value] : write.fields) state[write.entity][name] = value;
  }
  states_.push_back(std::move(state));
  co_return Written{.revision = std::to_string(states_.size())};
}

wire::HttpLimits http_limits() {
  return {
      .header_bytes_max = 1024, .target_bytes_max = 512, .headers_max = 12, .body_bytes_max = 1024};
}

World::World()
    : engine_({.bytes_max = 1 << 20, .shards = 1},
              {.clock = runtime(), .executor = runtime(), .random = runtime()}),
      api_(options(), parts(engine_)) {
  define("users", {});
  define("orders", {"order:{entity}"});
}

World::~World() {
  wait(engine_.close());
}

void World::define(std::string name, std::vector<std::string> tags) {
  const auto codec = std::make_shared<const ValueCodec>(bytes_codec());
  Policy policy{.name = std::move(name),
                .fields = {"a", "b"},
                .writable = {"a", "b"},
                .removable = true,
                .tags = std::move(tags),
                .fresh_for = std::chrono::hours(1),
                .absent_for = std::chrono::hours(1),
                .jitter = 0,
                .gather_within = Duration::zero()};
  demand(engine_.define(std::move(policy), codec, truth_).has_value(), "the policies are sound");
}

std::string World::exchange(std::string_view bytes) {
  int ends[2] = {-1, -1};
  demand(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "there are sockets");
  const Client client(ends[0]);
  client.send(bytes);
  const auto ended = std::make_shared<std::promise<void>>();
  boost::asio::post(runtime().loops().at(0), [&, ended, socket = ends[1]] {
    io::Tcp::socket accepted(runtime().loops().at(0), io::Tcp::v4(), socket);
    auto stream = std::make_shared<io::Stream>(runtime(), 0, std::move(accepted), [] {});
    stream->peer = "the client";
    auto session =
        std::make_shared<http::Session>(io::Connection(std::move(stream)), api_, runtime(),
                                        http::SessionLimits{.http = http_limits()});
    start(http::Session::run(std::move(session)), [ended] { ended->set_value(); });
  });
  std::string answers = client.receive();
  ended->get_future().wait();
  return answers;
}

}  // namespace headrace::fuzz
