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
  ValkeyBus(ValkeyBusOptions options, ClientOptions client, Runtime& runtime)
      : options_(std::move(options)),
        stream_(stream_of(options_.prefix)),
        client_(runtime, client),
        reader_(std::make_shared<Reader>(options_, client, runtime)) {}
  ~ValkeyBus() override { ValkeyBus::close(); }

  void listen(std::weak_ptr<BusListener> listener) override { reader_->start(std::move(listener)); }

  Task<Result<void>> publish(std::vector<BusMessage> messages) override {
    if (messages.empty()) co_return Result<void>();
    RespCommands commands;
    const std::string keep = std::to_string(options_.messages_max);
    for (const BusMessage& message : messages) {
      commands.add({"XADD", stream_, "MAXLEN", "~", keep, "*", "m", encode_message(message)});
    }
    auto calling = client_.call(std::move(commands));
    const Result<Replies> replies = co_await std::move(calling);
    if (!replies) co_return std::unexpected(replies.error());
    const auto error = std::ranges::find_if(replies->values, &RespValue::is_error);
    if (error == replies->values.end()) co_return Result<void>();
    co_return failure(Code::bus_unavailable, options_.address + ": " + std::string(error->text));
  }

  Task<Result<void>> barrier() override {
    // What was read last has to be there still: then nothing behind it is gone.
    const std::optional<Position> read = reader_->position();
    const std::string last = to_string(read.value_or(Position{}));
    RespCommands commands;
    commands.add({"XREVRANGE", stream_, "+", "-", "COUNT", "1"})
        .add({"XRANGE", stream_, last, last});
    auto calling = client_.call(std::move(commands));
    const Result<Replies> replies = co_await std::move(calling);
    if (!replies) co_return std::unexpected(replies.error());
    const RespValue& newest = replies->values.front();
    if (newest.is_error()) {
      co_return failure(Code::bus_unavailable, options_.address + ": " + std::string(newest.text));
    }
    if (read && replies->values[1].items.empty()) {
      co_return failure(Code::bus_unavailable,
                        options_.address + ": what was read of the stream is gone from it");
    }
    // Without an entry there is nothing to be heard, but the reader's own first one.
    const Position position = newest_of(newest).value_or(Position{});
    auto reaching = Reader::reached(reader_, position, replies->server->incarnation);
    const Result<void> reached = co_await std::move(reaching);
    if (!reached && reader_->reads_another(replies->server->incarnation)) {
      client_.forget_connections();
    }
    co_return reached;
  }

  void close() override {
    reader_->close();
    client_.close();
  }

 private:
  const ValkeyBusOptions options_;
  const std::string stream_;
  Client client_;
  std::shared_ptr<Reader> reader_;
};

}  // namespace

}  // namespace headrace::valkey

namespace headrace {

Result<std::unique_ptr<Bus>> open_valkey_bus(ValkeyBusOptions options, Runtime& runtime) {
  const auto address = io::parse_address(options.address);
  if (!address) return std::unexpected(address.error());
  if (options.prefix.empty() || options.prefix.size() > name_bytes_max) {
    return failure(Code::invalid_argument, "a bus's prefix has 1 to 64 characters");
  }
  valkey::ClientOptions client{.to = *address,
                               .login = {.user = options.user, .password = options.password},
                               .code = Code::bus_unavailable,
                               .connections = 1,
                               .connect_within = options.connect_within,
                               .answer_within = options.answer_within};
  if (options.tls) {
    auto trust = io::TlsTrust::make(options.tls_ca_file);
    if (!trust) return std::unexpected(trust.error());
    client.tls = *std::move(trust);
  }
  return std::make_unique<valkey::ValkeyBus>(std::move(options), std::move(client), runtime);
}

}  // namespace headrace
