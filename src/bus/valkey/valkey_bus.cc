// What is said goes over one connection, so that it stands in the stream in its order; what is read
// comes over another, which waits for more.
#include <algorithm>
#include <utility>

#include "bus/valkey/reader.h"
#include "headrace/bus/valkey.h"
#include "wire/bus_message.h"

namespace headrace::valkey {

namespace {

class ValkeyBus final : public Bus {
 public:
  // One router to say, and one to hear.
  ValkeyBus(ValkeyBusOptions options, std::unique_ptr<Router> says, std::unique_ptr<Router> hears,
            Runtime& runtime)
      : options_(std::move(options)),
        stream_(stream_of(options_.prefix)),
        router_(std::move(says)),
        reader_(std::make_shared<Reader>(options_, std::move(hears), runtime)) {}
  ~ValkeyBus() override { ValkeyBus::close(); }

  void listen(std::weak_ptr<BusListener> listener) override { reader_->start(std::move(listener)); }

  Task<Result<void>> publish(std::vector<BusMessage> messages) override {
    if (messages.empty()) co_return Result<void>();
    RespCommands commands;
    const std::string keep = std::to_string(options_.messages_max);
    for (const BusMessage& message : messages) {
      commands.add({"XADD", stream_, "MAXLEN", "~", keep, "*", "m", encode_message(message)});
    }
    auto asking = ask_stream(*router_, stream_, std::move(commands));
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    const Answer& answer = answers->all.front();
    const auto error = std::ranges::find_if(answer.values, &RespValue::is_error);
    if (error == answer.values.end()) co_return Result<void>();
    co_return trouble(answer, error->text);
  }

  Task<Result<void>> barrier() override {
    // What was read last has to be there still: then nothing behind it is gone.
    const std::optional<Position> read = reader_->position();
    const std::string last = to_string(read.value_or(Position{}));
    RespCommands commands;
    commands.add({"XREVRANGE", stream_, "+", "-", "COUNT", "1"})
        .add({"XRANGE", stream_, last, last});
    auto asking = ask_stream(*router_, stream_, std::move(commands));
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    const Answer& answer = answers->all.front();
    const RespValue& newest = answer.values.front();
    if (newest.is_error()) co_return trouble(answer, newest.text);
    if (read && answer.values[1].items.empty()) {
      co_return trouble(answer, "what was read of the stream is gone from it");
    }
    // Without an entry there is nothing to be heard, but the reader's own first one.
    const Position position = newest_of(newest).value_or(Position{});
    auto reaching = Reader::reached(reader_, position, answer.server->incarnation);
    const Result<void> reached = co_await std::move(reaching);
    if (!reached && reader_->reads_another(answer.server->incarnation)) {
      auto asking_anew = router_->incarnation();
      (void)co_await std::move(asking_anew);
    }
    co_return reached;
  }

  void close() override {
    reader_->close();
    router_->close();
  }

 private:
  [[nodiscard]] static std::unexpected<Error> trouble(const Answer& answer, std::string_view what) {
    return failure(Code::bus_unavailable, answer.server->name + ": " + std::string(what));
  }

  const ValkeyBusOptions options_;
  const std::string stream_;
  const std::unique_ptr<Router> router_;
  std::shared_ptr<Reader> reader_;
};

}  // namespace

}  // namespace headrace::valkey

namespace headrace {

Result<std::unique_ptr<Bus>> open_valkey_bus(ValkeyBusOptions options, Runtime& runtime) {
  if (options.prefix.empty() || options.prefix.size() > name_bytes_max) {
    return failure(Code::invalid_argument, "a bus's prefix has 1 to 64 characters");
  }
  Result<valkey::ClientOptions> client = valkey::client_of(options);
  if (!client) return std::unexpected(std::move(client.error()));
  client->code = Code::bus_unavailable;
  client->connections = 1;
  auto says = valkey::open_router(valkey::where_of(options), *client, runtime);
  if (!says) return std::unexpected(std::move(says.error()));
  auto hears = valkey::open_router(valkey::where_of(options), *std::move(client), runtime);
  if (!hears) return std::unexpected(std::move(hears.error()));
  return std::make_unique<valkey::ValkeyBus>(std::move(options), *std::move(says),
                                             *std::move(hears), runtime);
}

}  // namespace headrace
