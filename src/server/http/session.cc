#include "server/http/session.h"

#include <algorithm>
#include <utility>

namespace headrace::http {

namespace {

constexpr std::size_t room_bytes_min = 4 << 10;
constexpr std::size_t body_room_bytes = 64 << 10;
constexpr std::size_t linger_bytes_max = 16 << 20;
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

// Without the port, which is another each time.
std::string host_of(std::string address) {
  address.resize(std::min(address.rfind(':'), address.size()));
  return address;
}

}  // namespace

Session::Session(io::Connection connection, Service& service, const Clock& clock,
                 SessionLimits limits)
    : connection_(std::move(connection)),
      service_(service),
      clock_(clock),
      limits_(limits),
      parser_(limits.http) {}

Task<void> Session::run(std::shared_ptr<Session> self) {
  Session& my = *self;
  for (;;) {
    const Next next = my.take_requests();
    if (!my.out_.empty()) {
      const Result<void> wrote =
          co_await my.connection_.write(my.out_, my.clock_.now_at_most() + my.limits_.write_within);
      if (!wrote) co_return;
      my.out_.clear();
      my.gathered_ = 0;
    }
    if (next == Next::end) break;
    if (next == Next::ask) {
      if (my.peer_.empty()) my.peer_ = host_of(my.connection_.peer());
      Reply reply = co_await my.service_.answer(my.parser_.take(), my.peer_);
      co_await my.connection_.home();
      my.out_.append(reply.bytes);
      my.note(reply.said);
    }
    if (next != Next::read) continue;
    const std::size_t room = my.make_room();
    const Instant deadline = my.read_deadline();
    const Result<std::size_t> got =
        co_await my.connection_.read_some(my.in_.data() + my.end_, room, deadline);
    my.waiting_ = false;
    if (got && *got > 0) {
      my.end_ += *got;
      my.filled_ = *got == room;
      my.asked_at_ = my.clock_.now();
      continue;
    }
    const bool late = !got && got.error().code == Code::timed_out && my.phase_ != Phase::idle;
    if (!late) co_return;
    my.refuse({.status = 408, .what = "the request did not arrive in time"});
  }
  if (my.refused_) co_await linger(self);
}

// To close while bytes of the client are unread would reset the connection, and with it the answer
// that says what was wrong.
Task<void> Session::linger(std::shared_ptr<Session> self) {
  Session& my = *self;
  my.connection_.finish_writing();
  const Instant deadline = my.clock_.now() + my.limits_.linger_within;
  for (std::size_t left = linger_bytes_max; left > 0;) {
    const Result<std::size_t> got =
        co_await my.connection_.read_some(my.in_.data(), my.in_.size(), deadline);
    if (!got || *got == 0) co_return;
    left -= std::min(left, *got);
  }
}

// Answers what is in the buffer and can be answered at once.
Session::Next Session::take_requests() {
  if (ending_) return Next::end;
  while (begin_ < end_) {
    const wire::Parsed parsed = parser_.put(std::string_view(in_).substr(begin_, end_ - begin_));
    begin_ += parsed.used;
    if (parsed.state == wire::Parse::failed) {
      refuse(parser_.fault());
      return Next::end;
    }
    if (parsed.state == wire::Parse::more) break;
    continued_ = false;
    phase_ = Phase::idle;
    const auto said = service_.answer_now(parser_.request(), visitor_, out_);
    if (!said) return Next::ask;
    parser_.skip();
    note(*said);
    if (ending_) return Next::end;
    if (gathered_ >= limits_.pipeline_max || out_.size() >= limits_.answer_bytes_max) {
      return Next::flush;
    }
  }
  if (parser_.wants_continue() && !std::exchange(continued_, true)) out_.append(go_on);
  return Next::read;
}

void Session::note(const Said& said) {
  ++gathered_;
  const Instant now = clock_.now();
  service_.count(said, now - asked_at_);
  asked_at_ = now;
  ending_ = ending_ || !said.keep_alive;
}

void Session::refuse(const wire::HttpFault& fault) {
  const Reply reply = service_.refuse(fault);
  out_.append(reply.bytes);
  note(reply.said);
  ending_ = true;
  refused_ = true;
}

// Room behind what was received: the parser wants its lines in one piece.
std::size_t Session::make_room() {
  std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
            in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
  end_ -= std::exchange(begin_, 0);
  if (std::exchange(filled_, false) || in_.size() - end_ < room_bytes_min / 2) {
    const std::size_t room_bytes_max = std::max(limits_.http.header_bytes_max * 2, body_room_bytes);
    in_.resize(std::clamp(in_.size() * 2, room_bytes_min, room_bytes_max));
  }
  return in_.size() - end_;
}

// A phase has its time as a whole: one byte now and then does not prolong it.
Instant Session::read_deadline() {
  Phase phase = Phase::idle;
  if (begin_ < end_ || parser_.is_inside()) {
    phase = parser_.has_header() ? Phase::body : Phase::header;
  }
  waiting_ = phase == Phase::idle;
  if (waiting_ && service_.is_draining()) connection_.close();
  if (phase != phase_ || phase == Phase::idle) {
    phase_ = phase;
    const Duration within = phase == Phase::idle     ? limits_.idle_within
                            : phase == Phase::header ? limits_.header_within
                                                     : limits_.body_within;
    phase_ends_ = clock_.now_at_most() + within;
  }
  return phase_ends_;
}

void Session::drain() {
  if (waiting_) connection_.close();
}

}  // namespace headrace::http
