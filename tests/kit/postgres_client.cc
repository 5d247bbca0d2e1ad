#include "kit/postgres_client.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace headrace::kit {

namespace {

constexpr std::uint32_t protocol_3_0 = 3u << 16;
constexpr std::uint32_t null_size = 0xffffffff;

std::string number(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

// Takes a number of so many bytes off the front; what is missing counts as zeroes.
std::uint32_t take_number(std::string_view& from, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value = value << 8 | (from.empty() ? 0u : static_cast<std::uint8_t>(from.front()));
    from.remove_prefix(from.empty() ? 0 : 1);
  }
  return value;
}

std::string row_of(std::string_view body) {
  std::string row;
  const std::uint32_t columns = take_number(body, 2);
  for (std::uint32_t i = 0; i < columns; ++i) {
    if (i > 0) row += "|";
    const std::uint32_t size = take_number(body, 4);
    if (size == null_size) {
      row += "(nil)";
      continue;
    }
    row += body.substr(0, size);
    body.remove_prefix(std::min<std::size_t>(size, body.size()));
  }
  return row;
}

// "-CODE message", from the fields of an ErrorResponse: a letter and a text with a zero each.
std::string error_of(std::string_view body) {
  std::string code;
  std::string message;
  while (!body.empty() && body.front() != '\0') {
    const std::string_view field = body.substr(0, body.find('\0'));
    if (field.front() == 'C') code = field.substr(1);
    if (field.front() == 'M') message = field.substr(1);
    body.remove_prefix(std::min(field.size() + 1, body.size()));
  }
  return "-" + code + " " + message;
}

}  // namespace

Result<PostgresClient> PostgresClient::connect(int port, const Parameters& parameters,
                                               std::chrono::milliseconds patience) {
  Result<BlockingSocket> socket = BlockingSocket::connect(port, patience);
  if (!socket) return std::unexpected(std::move(socket.error()));
  std::string start = number(protocol_3_0);
  for (const auto& [name, value] : parameters)
    start.append(name).append(1, '\0').append(value).append(1, '\0');
  start += '\0';
  const auto size = static_cast<std::uint32_t>(start.size() + 4);
  if (Result<void> sent = socket->send(number(size) + start); !sent) {
    return std::unexpected(std::move(sent.error()));
  }
  PostgresClient client(std::move(*socket));
  for (;;) {
    Result<Message> message = client.receive();
    if (!message) return std::unexpected(std::move(message.error()));
    std::string_view body = message->body;
    switch (message->kind) {
      case 'Z': return client;
      case 'E': return failure(Code::refused, error_of(body));
      case 'R':
        if (take_number(body, 4) != 0) return failure(Code::refused, "it wants a password");
        break;
      default: break;
    }
  }
}

Result<std::string> PostgresClient::query(std::string_view sql) {
  const auto size = static_cast<std::uint32_t>(sql.size() + 5);
  Result<void> sent = socket_.send("Q" + number(size) + std::string(sql) + '\0');
  if (!sent) return std::unexpected(std::move(sent.error()));
  std::string rows;
  std::string tag;
  std::string error;
  for (;;) {
    Result<Message> message = receive();
    if (!message) return std::unexpected(std::move(message.error()));
    switch (message->kind) {
      case 'D': rows += row_of(message->body) + "\n"; break;
      case 'C': tag = message->body.substr(0, message->body.find('\0')); break;
      case 'E': error = error_of(message->body); break;
      case 'Z':
        if (!error.empty()) return error;
        if (rows.empty()) return tag;
        rows.pop_back();
        return rows;
      default: break;
    }
  }
}

Result<PostgresClient::Message> PostgresClient::receive() {
  constexpr std::size_t head_size = 5;
  const Result<std::string> head = socket_.read_exactly(head_size);
  if (!head) return std::unexpected(head.error());
  std::string_view rest(*head);
  rest.remove_prefix(1);
  const std::uint32_t size = take_number(rest, 4);
  if (size < 4) return failure(Code::damaged, "no message of PostgreSQL");
  Result<std::string> body = socket_.read_exactly(size - 4);
  if (!body) return std::unexpected(std::move(body.error()));
  return Message{.kind = head->front(), .body = *std::move(body)};
}

}  // namespace headrace::kit
