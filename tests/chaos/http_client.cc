#include "chaos/http_client.h"

#include <charconv>

namespace headrace::chaos {

std::string_view HttpAnswer::header(std::string_view name) const {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string::npos) {
    at += 2;
    const std::string_view line = std::string_view(head).substr(at);
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) continue;
    const std::string_view value = line.substr(name.size() + 2);
    return value.substr(0, value.find("\r\n"));
  }
  return {};
}

Result<void> HttpClient::send(std::string_view method, const std::string& target,
                              const std::string& body) {
  if (!socket_) {
    Result<kit::BlockingSocket> made = kit::BlockingSocket::connect(port_, patience_);
    if (!made) return std::unexpected(std::move(made.error()));
    socket_.emplace(std::move(*made));
  }
  std::string bytes(method);
  bytes += " " + target + " HTTP/1.1\r\nHost: h\r\n";
  if (!body.empty()) {
    bytes += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size());
    bytes += "\r\n";
  }
  bytes += "\r\n" + body;
  Result<void> sent = socket_->send(bytes);
  if (!sent) socket_.reset();
  return sent;
}

Result<HttpAnswer> HttpClient::receive() {
  if (!socket_) return failure(Code::closed, "there is no connection");
  HttpAnswer answer;
  std::string& bytes = answer.head;
  std::size_t whole = std::string::npos;
  while (bytes.size() < whole) {
    Result<std::string> more = socket_->read_some();
    if (!more) {
      socket_.reset();
      return std::unexpected(std::move(more.error()));
    }
    bytes += *more;
    const std::size_t end = bytes.find("\r\n\r\n");
    if (whole != std::string::npos || end == std::string::npos) continue;
    const std::uint64_t length = number_of(answer.header("Content-Length"));
    whole = end + 4 + static_cast<std::size_t>(length);
  }
  const std::size_t end = bytes.find("\r\n\r\n");
  answer.body = bytes.substr(end + 4);
  answer.status = static_cast<int>(number_of(std::string_view(bytes).substr(9, 3)));
  const bool closes = answer.header("Connection") == "close";
  bytes.resize(end + 2);
  if (closes) socket_.reset();
  return answer;
}

Result<HttpAnswer> HttpClient::ask(std::string_view method, const std::string& target,
                                   const std::string& body) {
  Result<void> sent = send(method, target, body);
  if (!sent) return std::unexpected(std::move(sent.error()));
  return receive();
}

std::string_view member_of(std::string_view json, std::string_view name) {
  const std::string wanted = "\"" + std::string(name) + "\":";
  const std::size_t at = json.find(wanted);
  if (at == std::string_view::npos) return {};
  std::string_view value = json.substr(at + wanted.size());
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return value.substr(0, value.find('"'));
  }
  return value.substr(0, value.find_first_of(",}"));
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace headrace::chaos
