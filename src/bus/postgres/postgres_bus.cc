#include <libpq-fe.h>

#include <algorithm>
#include <cctype>
#include <coroutine>
#include <string_view>
#include <utility>

#include "bus/postgres/conversation.h"
#include "headrace/bus/postgres.h"

namespace headrace::postgres {

namespace {

constexpr std::size_t channel_bytes_max = 63;  // The server's NAMEDATALEN, less one.

class PostgresBus final : public Bus {
 public:
  explicit PostgresBus(std::shared_ptr<Conversation> conversation)
      : conversation_(std::move(conversation)) {}
  ~PostgresBus() override { PostgresBus::close(); }

  void listen(std::weak_ptr<BusListener> listener) override {
    conversation_->listen(std::move(listener));
  }

  Task<Result<void>> publish(std::vector<BusMessage> messages) override {
    std::vector<Portion> portions = portions_of(messages);
    for (Portion& portion : portions) {
      auto saying = Conversation::say(conversation_, std::move(portion));
      const Result<void> said = co_await std::move(saying);
      if (!said) co_return said;
    }
    co_return Result<void>();
  }

  Task<Result<void>> barrier() override { return Conversation::barrier(conversation_); }
  void close() override { conversation_->close(); }

 private:
  const std::shared_ptr<Conversation> conversation_;
};

// The library's words repeat parts of the connection string, which may hold a password.
bool may_hold_password(std::string_view connection) {
  std::string lower(connection);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower.contains("pass") || lower.contains("://");
}

Result<void> check(const PostgresBusOptions& options) {
  char* fault = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(options.connection.c_str(), &fault);
  const std::string why = may_hold_password(options.connection) ? "" : ": " + one_line(fault);
  PQfreemem(fault);
  if (parsed == nullptr) {
    return failure(Code::invalid_argument,
                   "this is no connection string of PostgreSQL, as \"host=db dbname=app "
                   "user=headrace sslmode=verify-full\" is one" +
                       why);
  }
  PQconninfoFree(parsed);
  if (options.channel.empty() || options.channel.size() > channel_bytes_max) {
    return failure(Code::invalid_argument, "a bus's channel has 1 to 63 bytes");
  }
  return {};
}

}  // namespace

}  // namespace headrace::postgres

namespace headrace {

Result<std::unique_ptr<Bus>> open_postgres_bus(PostgresBusOptions options, Runtime& runtime) {
  if (Result<void> sound = postgres::check(options); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  auto conversation = std::make_shared<postgres::Conversation>(std::move(options), runtime);
  if (Result<void> begun = conversation->begin(); !begun) {
    return std::unexpected(std::move(begun.error()));
  }
  return std::make_unique<postgres::PostgresBus>(std::move(conversation));
}

}  // namespace headrace
