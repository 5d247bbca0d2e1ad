#include "kit/blocking_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace headrace::kit {

namespace {

std::unexpected<Error> fault_of(const char* what) {
  const int error = errno;
  const Code code =
      error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS || error == ETIMEDOUT
          ? Code::timed_out
      : error == ECONNREFUSED ? Code::source_unavailable
                              : Code::source_failed;
  return failure(code, std::string(what) + ": " + std::generic_category().message(error));
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

}  // namespace

Result<BlockingSocket> BlockingSocket::connect(int port, std::chrono::milliseconds patience) {
  BlockingSocket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  made.set_patience(patience);
  const int on = 1;
  ::setsockopt(made.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address = loopback(port);
  if (::connect(made.socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fault_of("connect");
  }
  return made;
}

BlockingSocket::~BlockingSocket() {
  if (socket_ >= 0) ::close(socket_);
}

void BlockingSocket::set_patience(std::chrono::milliseconds patience) {
  const timeval limit{.tv_sec = patience.count() / 1000,
                      .tv_usec = static_cast<suseconds_t>(patience.count() % 1000) * 1000};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Result<void> BlockingSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return fault_of("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> BlockingSocket::read_line() {
  std::size_t end = 0;
  while ((end = read_.find("\r\n")) == std::string::npos) {
    if (Result<void> more = read_more(); !more) return std::unexpected(std::move(more.error()));
  }
  std::string line = read_.substr(0, end);
  read_.erase(0, end + 2);
  return line;
}

Result<std::string> BlockingSocket::read_exactly(std::size_t size) {
  while (read_.size() < size) {
    if (Result<void> more = read_more(); !more) return std::unexpected(std::move(more.error()));
  }
  std::string bytes = read_.substr(0, size);
  read_.erase(0, size);
  return bytes;
}

Result<std::string> BlockingSocket::read_some() {
  if (read_.empty()) {
    if (Result<void> more = read_more(); !more) return std::unexpected(std::move(more.error()));
  }
  return std::exchange(read_, {});
}

Result<std::string> BlockingSocket::read_all() {
  for (;;) {
    Result<void> more = read_more();
    if (more) continue;
    if (more.error().code != Code::closed) return std::unexpected(std::move(more.error()));
    return std::exchange(read_, {});
  }
}

void BlockingSocket::end_sending() {
  ::shutdown(socket_, SHUT_WR);
}

Result<void> BlockingSocket::read_more() {
  std::array<char, std::size_t{16} << 10> room;
  const ssize_t size = ::recv(socket_, room.data(), room.size(), 0);
  if (size < 0) return fault_of("read");
  if (size == 0) return failure(Code::closed, "the other side ended the connection");
  read_.append(room.data(), static_cast<std::size_t>(size));
  return {};
}

BlockingListener::BlockingListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  constexpr int waiting_max = 16;
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port());
  if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket_, waiting_max) != 0) {
    ADD_FAILURE() << "cannot listen on port " << port();
  }
}

BlockingListener::~BlockingListener() {
  ::close(socket_);
}

Result<BlockingSocket> BlockingListener::accept(std::chrono::milliseconds patience) {
  pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 0) {
    return failure(Code::timed_out, "nobody connects");
  }
  BlockingSocket made(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
  if (made.socket_ < 0) return fault_of("accept");
  made.set_patience(BlockingSocket::usual_patience);
  return made;
}

}  // namespace headrace::kit
