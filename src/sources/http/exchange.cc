#include "sources/http/exchange.h"

#include <utility>

namespace headrace::http {

namespace {

wire::HttpLimits limits_of(std::size_t body_bytes_max) {
  wire::HttpLimits limits;
  limits.body_bytes_max = body_bytes_max;
  return limits;
}

}  // namespace

Exchange::Exchange(io::Connection& connection, std::string name, std::size_t body_bytes_max,
                   Instant deadline, std::stop_token stop)
    : connection_(connection),
      name_(std::move(name)),
      deadline_(deadline),
      stop_(std::move(stop)),
      parser_(limits_of(body_bytes_max)) {}

Task<Result<wire::Response>> Exchange::run(std::string_view bytes) {
  const std::stop_callback on_stop(stop_, [this] { connection_.close(); });
  const Result<void> written = co_await connection_.write(bytes, deadline_);
  if (!written) co_return broken(written.error());
  while (state_ == wire::Parse::more) {
    const Result<std::size_t> got = co_await connection_.read_some(room_, room_bytes, deadline_);
    if (!got) co_return broken(got.error());
    std::optional<Error> error = take(*got);
    if (error) co_return std::unexpected(std::move(*error));
  }
  wire::Response response = parser_.take();
  may_rest_ = pending_.empty() && response.keep_alive && !stop_.stop_requested();
  co_return response;
}

std::unexpected<Error> Exchange::broken(Error error) {
  if (stop_.stop_requested()) {
    return failure(Code::cancelled, "nobody waits for the HTTP request any more");
  }
  // `closed` without a stop: the one before on this connection was stopped at its very end.
  const bool is_lost = error.code == Code::source_unavailable || error.code == Code::closed;
  was_stale_ = nothing_came_ && is_lost;
  return std::unexpected(std::move(error));
}

std::optional<Error> Exchange::take(std::size_t size) {
  if (size == 0) {
    if (!nothing_came_) state_ = parser_.finish();
    if (state_ == wire::Parse::done) return std::nullopt;
    return broken({Code::source_unavailable, name_ + " hung up before its answer ended"}).error();
  }
  nothing_came_ = false;
  pending_.append(room_, size);
  const wire::Parsed parsed = parser_.put(pending_);
  pending_.erase(0, parsed.used);
  state_ = parsed.state;
  if (state_ != wire::Parse::failed) return std::nullopt;
  return Error{Code::source_failed, name_ + " answered garbage: " + parser_.fault().what};
}

}  // namespace headrace::http
