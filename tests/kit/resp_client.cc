#include "kit/resp_client.h"

#include <charconv>
#include <utility>

namespace headrace::kit {

namespace {

// The number of a header such as "$12"; -1 is nil.
Result<long long> size_in(const std::string& line) {
  long long size = 0;
  const char* const end = line.data() + line.size();
  const auto [at, bad] = std::from_chars(line.data() + 1, end, size);
  if (bad != std::errc() || at != end) return failure(Code::damaged, "no size: " + line);
  return size;
}

}  // namespace

std::string resp_of(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

Result<RespClient> RespClient::connect(int port, std::chrono::milliseconds patience) {
  Result<BlockingSocket> socket = BlockingSocket::connect(port, patience);
  if (!socket) return std::unexpected(std::move(socket.error()));
  return RespClient(std::move(*socket));
}

Result<void> RespClient::send(const std::vector<std::string>& words) {
  return socket_.send(resp_of(words));
}

Result<std::string> RespClient::command(const std::vector<std::string>& words) {
  if (Result<void> sent = send(words); !sent) return std::unexpected(std::move(sent.error()));
  return receive();
}

Result<std::string> RespClient::receive() {
  const Result<std::string> line = socket_.read_line();
  if (!line) return line;
  const char kind = line->empty() ? '\0' : line->front();
  switch (kind) {
    case '-': return *line;
    case '_': return "(nil)";
    case '+':
    case ':':
    case ',':
    case '(':
    case '#': return line->substr(1);
    case '$':
    case '!':
    case '=':
    case '*':
    case '%':
    case '~':
    case '>': break;
    default: return failure(Code::damaged, "no RESP: " + *line);
  }
  const Result<long long> size = size_in(*line);
  if (!size) return std::unexpected(size.error());
  if (*size < 0) return "(nil)";
  if (kind == '%') return read_list(*size, true);
  if (kind == '*' || kind == '~' || kind == '>') return read_list(*size, false);
  Result<std::string> text = socket_.read_exactly(static_cast<std::size_t>(*size) + 2);
  if (!text) return text;
  text->resize(text->size() - 2);
  if (kind == '=') text->erase(0, 4);  // "txt:"
  return kind == '!' ? "-" + *text : *text;
}

Result<std::string> RespClient::read_list(long long size, bool pairs) {
  std::string text;
  for (long long i = 0; i < size; ++i) {
    if (i > 0) text += ", ";
    Result<std::string> item = receive();
    if (!item) return item;
    text += *item;
    if (!pairs) continue;
    item = receive();
    if (!item) return item;
    text += ": " + *item;
  }
  return pairs ? "{" + text + "}" : "[" + text + "]";
}

std::string SteadyRespClient::command(const std::vector<std::string>& words) {
  return client_.ask(open_, [&words](RespClient& client) { return client.command(words); });
}

}  // namespace headrace::kit
