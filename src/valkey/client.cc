#include "valkey/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "io/loops.h"

namespace headrace::valkey {

namespace {

class RespFraming final : public io::Framing {
 public:
  Result<Found> first(std::string_view bytes) override {
    const auto found = scanner_.first(bytes);
    if (!found) return std::unexpected(found.error());
    return Found{.bytes = found->bytes, .is_push = found->is_push};
  }

 private:
  RespScanner scanner_;
};

// How a server says that it does nothing now, whatever it is asked.
constexpr std::array<std::string_view, 9> nothing_now{"LOADING",     "READONLY", "MASTERDOWN",
                                                      "CLUSTERDOWN", "MISCONF",  "NOREPLICAS",
                                                      "BUSY ",       "NOAUTH",   "TRYAGAIN"};

}  // namespace

std::unique_ptr<io::Framing> resp_framing() {
  return std::make_unique<RespFraming>();
}

Client::Client(Runtime& runtime, ClientOptions options)
    : runtime_(runtime), options_(std::move(options)) {
  const std::size_t loops = runtime_.loops().count();
  const std::size_t connections = options_.connections > 0 ? options_.connections : loops;
  for (std::size_t i = 0; i < connections; ++i) {
    auto line = std::make_shared<Line>();
    auto pipeline = std::make_unique<io::Pipeline>(runtime_, options_of(line, i));
    ways_.push_back({.line = std::move(line), .pipeline = std::move(pipeline)});
  }
}

io::Pipeline::Options Client::options_of(const std::shared_ptr<Line>& line,
                                         std::size_t loop) const {
  // Two connections that prove it at once must not meet.
  std::string probe = options_.probe;
  if (!probe.empty()) probe += std::to_string(loop);
  auto greeting = std::make_shared<const Greeting>(
      make_greeting(options_.login, options_.scripts, probe, options_.accepts));
  auto check = [line, greeting, name = to_string(options_.to),
                &clock = runtime_](const io::Pipeline::Greeted& greeted) -> Result<void> {
    auto server = read_greeting(*greeting, greeted.replies, greeted.sent, clock.now());
    if (!server) return std::unexpected(server.error());
    (*server)->name = name;
    const std::scoped_lock lock(line->mutex);
    line->connection = greeted.connection;
    line->server = *std::move(server);
    return {};
  };
  auto lost = [line, tell = options_.lost](std::uint64_t connection) {
    {
      const std::scoped_lock lock(line->mutex);
      if (line->connection == connection) line->server = nullptr;
    }
    if (tell) tell();
  };
  return {.to = options_.to,
          .trust = options_.tls,
          .loop = loop,
          .code = options_.code,
          .framing = resp_framing,
          .greeting = {.request = greeting->commands.bytes(),
                       .replies = greeting->commands.size(),
                       .check = std::move(check)},
          .pushed = options_.pushed,
          .lost = std::move(lost),
          .connect_within = options_.connect_within,
          .answer_within = options_.answer_within};
}

// That of this thread's loop, or each in its turn.
const Client::Way& Client::way() {
  const auto loop = runtime_.loops().current();
  const std::size_t chosen = loop ? *loop : turn_.fetch_add(1, std::memory_order_relaxed);
  return ways_[chosen % ways_.size()];
}

std::shared_ptr<Server> Client::server() const {
  std::shared_ptr<Server> known;
  for (const Way& way : ways_) {
    const std::scoped_lock lock(way.line->mutex);
    if (way.line->server) known = way.line->server;
  }
  return known;
}

Task<Result<Replies>> Client::call(RespCommands commands, Duration within) {
  const Way& way = this->way();
  const std::shared_ptr<Line> line = way.line;
  const Instant sent = runtime_.now();
  bool asks_time = false;
  {
    const std::scoped_lock lock(line->mutex);
    asks_time = line->server && line->server->clock.is_old(sent);
  }
  if (asks_time) commands.add({"TIME"}).add({"TIME"});
  const std::size_t wanted = commands.size();
  auto calling = way.pipeline->call(std::move(commands).take(), wanted, within);
  Result<io::Pipeline::Answer> answer = co_await std::move(calling);
  if (!answer) co_return failure(options_.code, std::move(answer.error().what));

  Replies replies;
  {
    const std::scoped_lock lock(line->mutex);
    if (line->connection == answer->connection) replies.server = line->server;
  }
  if (!replies.server) {
    co_return failure(options_.code, to_string(options_.to) + ": the connection was lost");
  }
  replies.bytes_ = std::make_unique<std::string>(std::move(answer->bytes));
  RespReplies reader(*replies.bytes_);
  replies.values.reserve(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    Result<RespValue> value = reader.next();
    if (!value)
      co_return failure(options_.code, to_string(options_.to) + ": " + value.error().what);
    replies.values.push_back(std::move(*value));
  }
  for (const RespValue& value : replies.values) {
    const bool does_nothing =
        value.is_error() && std::ranges::any_of(nothing_now, [&value](std::string_view word) {
          return value.text.starts_with(word);
        });
    if (!does_nothing) continue;
    // Another is the primary by now, or soon.
    if (value.text.starts_with("READONLY")) forget_connections();
    co_return failure(options_.code, to_string(options_.to) + ": " + std::string(value.text));
  }
  if (asks_time) {
    const Result<std::int64_t> second = read_time(replies.values.back());
    replies.values.pop_back();
    const Result<std::int64_t> first = read_time(replies.values.back());
    replies.values.pop_back();
    // One that cannot be is asked for again with the next call.
    if (first && second) (void)replies.server->clock.sample(*first, *second, sent, runtime_.now());
  }
  co_return replies;
}

void Client::forget_connections() {
  for (const Way& way : ways_) way.pipeline->drop();
}

void Client::close() {
  for (const Way& way : ways_) way.pipeline->close();
}

}  // namespace headrace::valkey
