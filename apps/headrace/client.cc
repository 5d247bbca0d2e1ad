#include "client.h"

#include <fmt/format.h>

#include "wire/http_writer.h"

namespace headrace::app {

Client::Client(ClientOptions options, wire::Url url, Runtime& runtime,
               std::shared_ptr<io::TlsTrust> trust)
    : options_(std::move(options)),
      url_(std::move(url)),
      runtime_(runtime),
      trust_(std::move(trust)) {
  if (url_.target.ends_with('/')) url_.target.pop_back();
}

Result<std::unique_ptr<Client>> Client::make(ClientOptions options, Runtime& runtime) {
  auto url = wire::parse_url(options.url);
  if (!url) return std::unexpected(url.error());
  std::shared_ptr<io::TlsTrust> trust;
  if (url->scheme == "https") {
    auto made = io::TlsTrust::make(options.tls);
    if (!made) return std::unexpected(made.error());
    trust = std::move(*made);
  }
  return std::make_unique<Client>(std::move(options), std::move(*url), runtime, std::move(trust));
}

void Client::close() {
  std::vector<std::unique_ptr<Link>> closing;
  const std::lock_guard lock(mutex_);
  closing.swap(resting_);
}

std::string Client::bytes_of(wire::Request request) const {
  request.target = url_.target + request.target;
  request.headers.push_back({.name = "Host", .value = url_.authority()});
  request.headers.push_back({.name = "User-Agent", .value = "headrace"});
  if (!options_.api_key.empty()) {
    request.headers.push_back({.name = "Authorization", .value = "Bearer " + options_.api_key});
  }
  std::string bytes;
  wire::append_request(bytes, request);
  return bytes;
}

std::unique_ptr<Client::Link> Client::take_resting() {
  const std::lock_guard lock(mutex_);
  if (resting_.empty()) return nullptr;
  std::unique_ptr<Link> link = std::move(resting_.back());
  resting_.pop_back();
  return link;
}

void Client::give_back(std::unique_ptr<Link> link) {
  const std::lock_guard lock(mutex_);
  if (resting_.size() < options_.idle_max) resting_.push_back(std::move(link));
}

Task<Result<std::unique_ptr<Client::Link>>> Client::open(Instant deadline) {
  io::Address address{.host = url_.host, .port = url_.port};
  Task<Result<io::Connection>> connecting =
      io::connect(runtime_, std::move(address), trust_, deadline);
  Result<io::Connection> connected = co_await std::move(connecting);
  if (!connected) co_return std::unexpected(connected.error());
  co_return std::make_unique<Link>(std::move(*connected));
}

Result<wire::Response> Client::ended(Link& link) {
  if (link.parser.finish() != wire::Parse::done) {
    return failure(Code::source_unavailable, "the server closed the connection amid its answer");
  }
  wire::Response response = link.parser.take();
  response.keep_alive = false;
  return response;
}

Task<Result<wire::Response>> Client::exchange(Link* link, std::string bytes, Instant deadline) {
  const Result<void> wrote = co_await link->connection.write(bytes, deadline);
  if (!wrote) co_return std::unexpected(wrote.error());
  std::string received;
  for (;;) {
    const Result<std::size_t> got =
        co_await link->connection.read_some(link->buffer.get(), Link::room, deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return ended(*link);
    received.append(link->buffer.get(), *got);
    const wire::Parsed parsed = link->parser.put(received);
    if (parsed.state == wire::Parse::failed) {
      co_return failure(Code::source_failed,
                        "the server's answer is no HTTP: " + link->parser.fault().what);
    }
    received.erase(0, parsed.used);
    if (parsed.state == wire::Parse::done) co_return link->parser.take();
  }
}

Task<Result<wire::Response>> Client::send(wire::Request request) {
  const Instant deadline = runtime_.now() + options_.within;
  const std::string bytes = bytes_of(std::move(request));
  for (;;) {
    std::unique_ptr<Link> link = take_resting();
    const bool rested = link != nullptr;
    if (!rested) {
      Task<Result<std::unique_ptr<Link>>> opening = open(deadline);
      Result<std::unique_ptr<Link>> opened = co_await std::move(opening);
      if (!opened) co_return std::unexpected(opened.error());
      link = std::move(*opened);
    }
    Task<Result<wire::Response>> exchanging = exchange(link.get(), bytes, deadline);
    Result<wire::Response> response = co_await std::move(exchanging);
    if (response && response->keep_alive) give_back(std::move(link));
    if (response || !rested || response.error().code == Code::timed_out) co_return response;
  }
}

}  // namespace headrace::app
