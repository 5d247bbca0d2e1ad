#include "sources/http/origin.h"

#include <utility>

#include "sources/http/exchange.h"
#include "wire/http_writer.h"

namespace headrace {

namespace {

using io::Wakeup;

std::unexpected<Error> cancelled() {
  return failure(Code::cancelled, "nobody waits for the HTTP request any more");
}

// The path of the URL without the slash at its end, to put a path behind.
std::string base_of(const wire::Url& url) {
  std::string base = url.target;
  while (base.ends_with('/')) base.pop_back();
  return base;
}

}  // namespace

HttpOrigin::HttpOrigin(HttpOriginOptions options, wire::Url url,
                       std::shared_ptr<io::TlsTrust> trust, Runtime& runtime)
    : options_(std::move(options)),
      url_(std::move(url)),
      trust_(std::move(trust)),
      runtime_(runtime) {}

std::string HttpOrigin::name() const {
  return url_.scheme + "://" + url_.authority();
}

std::string HttpOrigin::request_of(const std::string& target, const std::string& etag) const {
  wire::Request request;
  request.target = base_of(url_) + target;
  request.headers.push_back({"Host", url_.authority()});
  request.headers.push_back({"Accept", "application/json"});
  request.headers.push_back({"User-Agent", "headrace"});
  if (!etag.empty()) request.headers.push_back({"If-None-Match", etag});
  for (const auto& [header, value] : options_.headers) request.headers.push_back({header, value});
  std::string bytes;
  wire::append_request(bytes, request);
  return bytes;
}

Task<Result<wire::Response>> HttpOrigin::get(std::string target, std::string etag, Instant deadline,
                                             std::stop_token stop) {
  return send(request_of(target, etag), deadline, std::move(stop));
}

Task<Result<HttpOrigin::Held>> HttpOrigin::take_place(Instant deadline, std::stop_token stop) {
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    if (!resting_.empty()) {
      Held connection = std::move(resting_.back());
      resting_.pop_back();
      co_return connection;
    }
    if (places_ < options_.connections_max) {
      ++places_;
      co_return Held();
    }
    if (waiting_.size() >= options_.queue_max) {
      co_return failure(Code::refused, "queue_max of " + name() +
                                           " is reached: " + std::to_string(options_.queue_max) +
                                           " requests wait for a connection");
    }
    waiter = std::make_shared<Waiter>(runtime_);
    waiting_.push_back(waiter);
  }
  const std::shared_ptr<Wakeup> wakeup(waiter, &waiter->wakeup);
  const Executor::TimerId timer = wake_at(runtime_, deadline, wakeup);
  Wakeup::By by = Wakeup::By::nobody;
  {
    const std::stop_callback on_stop(stop, [raw = wakeup.get()] { raw->wake(Wakeup::By::stop); });
    by = co_await wakeup->waiting();
  }
  if (by == Wakeup::By::grant) {
    runtime_.cancel(timer);
    co_return std::move(waiter->connection);
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase(waiting_, waiter);
  }
  if (by == Wakeup::By::stop) {
    runtime_.cancel(timer);
    co_return cancelled();
  }
  co_return failure(Code::timed_out, "no connection to " + name() + " became free in time; " +
                                         "connections_max is " +
                                         std::to_string(options_.connections_max));
}

void HttpOrigin::give_place(Held connection) {
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    const std::shared_ptr<Waiter> waiter = std::move(waiting_.front());
    waiting_.pop_front();
    waiter->connection = std::move(connection);
    if (waiter->wakeup.wake(Wakeup::By::grant)) return;
    connection = std::move(waiter->connection);
  }
  if (connection) {
    resting_.push_back(std::move(connection));
  } else {
    --places_;
  }
}

Task<Result<HttpOrigin::Held>> HttpOrigin::connect(Instant deadline) {
  io::Address address{url_.host, url_.port};
  Task<Result<io::Connection>> opening =
      io::connect(runtime_, std::move(address), trust_, deadline);
  Result<io::Connection> opened = co_await std::move(opening);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  co_return std::make_unique<io::Connection>(std::move(*opened));
}

Task<Result<wire::Response>> HttpOrigin::send(std::string bytes, Instant deadline,
                                              std::stop_token stop) {
  Task<Result<Held>> taking = take_place(deadline, stop);
  Result<Held> place = co_await std::move(taking);
  if (!place) co_return std::unexpected(std::move(place.error()));
  Held connection = std::move(*place);
  while (true) {
    bool was_resting = connection != nullptr;
    if (was_resting) {
      co_await connection->home();
      if (!connection->is_quiet()) connection.reset();
      was_resting = connection != nullptr;
    }
    if (!was_resting) {
      Task<Result<Held>> connecting = connect(deadline);
      Result<Held> connected = co_await std::move(connecting);
      if (!connected) {
        give_place(nullptr);
        co_return std::unexpected(std::move(connected.error()));
      }
      connection = std::move(*connected);
    }
    http::Exchange exchange(*connection, name(), options_.body_bytes_max, deadline, stop);
    Task<Result<wire::Response>> running = exchange.run(bytes);
    Result<wire::Response> response = co_await std::move(running);
    if (!exchange.may_rest()) connection.reset();
    if (exchange.was_stale() && was_resting) continue;
    give_place(std::move(connection));
    co_return response;
  }
}

}  // namespace headrace
