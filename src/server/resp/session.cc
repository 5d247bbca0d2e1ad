#include "server/resp/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "headrace/meter.h"
#include "server/resp/act.h"
#include "server/resp/glob.h"
#include "server/resp/table.h"

namespace headrace::resp {

namespace {

constexpr std::size_t room_bytes_min = 4 << 10;
constexpr std::size_t room_bytes_kept = 64 << 10;
constexpr std::size_t linger_bytes_max = 16 << 20;

// What was begun before it is to be done before it: it may change who asks, or must wait itself.
bool comes_after_all(const Command& command) noexcept {
  return std::holds_alternative<Later>(command.run) || command.is(no_multi) ||
         command.is(not_queued);
}

// The connection stays, and the client may come again when that time is over.
std::optional<std::string> rate_refusal(Meter& meter, const Command& command, Instant now) {
  const bool is_costly = command.is(lists) || command.is(costly);
  const Meter::Reading reading = meter.spend(is_costly ? cost_of_list : cost_of_command, now);
  if (reading.allowed) return std::nullopt;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(reading.retry_after);
  return "RATELIMIT policy=" + std::string(Meter::windows[reading.tightest].name) +
         " retry_after_ms=" + std::to_string(wait.count());
}

std::string no_permission(const Command& command) {
  return "NOPERM this user has no permissions to run the '" + std::string(command.name) +
         "' command";
}

}  // namespace

Session::Session(io::Connection connection, Service& service, SessionLimits limits,
                 std::move_only_function<void()> ended)
    : connection_(std::move(connection)),
      service_(service),
      limits_(limits),
      ended_(std::move(ended)),
      batch_(service.ports.keyspace, limits.output_bytes_max),
      parser_(limits.request),
      began_(service.ports.clock.now()) {
  client_.who = service.ports.doorkeeper.anonymous();
  follow_identity();
}

Session::~Session() {
  service_.hub.remove(client_.card->id);
  service_.roster.remove(client_.card->id);
  ended_();
}

Task<void> Session::run(std::shared_ptr<Session> self) {
  Session& my = *self;
  const Clock& clock = my.service_.ports.clock;
  for (;;) {
    const Next next = my.take_commands();
    if (my.is_too_much()) co_return;
    while (!my.out_.empty() && !my.is_sending_) {
      my.is_sending_ = true;
      my.going_.swap(my.out_);
      const Result<void> wrote =
          co_await my.connection_.write(my.going_, clock.now_at_most() + my.limits_.write_within);
      my.is_sending_ = false;
      my.going_.clear();
      if (!wrote) co_return;
    }
    if (next == Next::end) break;
    if (next == Next::batch) {
      auto running = my.batch_.run();
      co_await std::move(running);
      co_await my.connection_.home();
      my.take_replies();
    }
    if (next == Next::wait) {
      auto waiting = std::get<Later>(my.waiting_for_->run)(my.asking());
      const std::string reply = co_await std::move(waiting);
      co_await my.connection_.home();
      my.say(reply);
      my.leave_command();
      my.is_renewed_ = false;
    }
    if (next != Next::read) continue;
    const std::size_t room = my.make_room();
    const Instant deadline = my.read_deadline();
    my.is_reading_ = true;
    const Result<std::size_t> got =
        co_await my.connection_.read_some(my.in_.data() + my.end_, room, deadline);
    my.is_reading_ = my.is_waiting_ = my.is_renewed_ = false;
    if (!got || *got == 0) co_return;
    my.end_ += *got;
    my.filled_ = *got == room;
    my.client_.card->active.store(clock.now_at_most(), std::memory_order_relaxed);
  }
  if (my.refused_) {
    auto lingering = linger(self);
    co_await std::move(lingering);
  }
}

// To close while bytes of the client are unread would reset the connection, and with it the reply
// that says what was wrong.
Task<void> Session::linger(std::shared_ptr<Session> self) {
  Session& my = *self;
  my.connection_.finish_writing();
  const Instant deadline = my.service_.ports.clock.now() + my.limits_.linger_within;
  for (std::size_t left = linger_bytes_max; left > 0;) {
    const Result<std::size_t> got =
        co_await my.connection_.read_some(my.in_.data(), my.in_.size(), deadline);
    if (!got || *got == 0) co_return;
    left -= std::min(left, *got);
  }
}

// While the session waits for its client, messages are sent by a coroutine of their own.
Task<void> Session::send_heard(std::shared_ptr<Session> self) {
  Session& my = *self;
  while (!my.out_.empty() && !my.is_sending_) {
    my.is_sending_ = true;
    my.going_.swap(my.out_);
    const Instant deadline = my.service_.ports.clock.now() + my.limits_.write_within;
    const Result<void> wrote = co_await my.connection_.write(my.going_, deadline);
    my.is_sending_ = false;
    my.going_.clear();
    if (!wrote) my.connection_.close();
  }
}

void Session::hear(const std::shared_ptr<Session>& self, const Messages& messages) {
  Session& my = *self;
  if (my.client_.who && !my.service_.ports.doorkeeper.renew(my.client_.who)) {
    my.connection_.close();  // It may not hear this any more.
    return;
  }
  if (!my.client_.who) return;
  RespWriter out(my.out_, my.client_.version);
  for (const Message& message : *messages) {
    if (!may_hear(*my.client_.who, message.channel)) continue;
    if (my.client_.channels.contains(message.channel)) {
      out.push(3).bulk("message").bulk(message.channel).bulk(message.payload);
    }
    for (const std::string& pattern : my.client_.patterns) {
      if (!glob_match(pattern, message.channel)) continue;
      out.push(4).bulk("pmessage").bulk(pattern).bulk(message.channel).bulk(message.payload);
    }
  }
  if (my.is_too_much()) {
    my.connection_.close();
  } else if (my.is_reading_ && !my.is_sending_ && !my.out_.empty()) {
    start(send_heard(self));
  }
}

bool Session::is_too_much() const noexcept {
  return out_.size() > limits_.output_bytes_max;
}

// Serves what is in the buffer, until something must be waited for.
Session::Next Session::take_commands() {
  now_ = service_.ports.clock.wall_now();
  const Next next = take_all();
  service_.counts.commands.fetch_add(std::exchange(taken_, 0), std::memory_order_relaxed);
  return next;
}

Session::Next Session::take_all() {
  while (!client_.is_ending) {
    if (!has_command_) {
      if (begin_ == end_) break;
      const wire::Parse parse = parser_.put(std::string_view(in_).substr(begin_, end_ - begin_));
      if (parse == wire::Parse::more) break;
      if (parse == wire::Parse::failed) {
        if (!batch_.is_empty()) return Next::batch;
        RespWriter(out_, client_.version).error("ERR " + parser_.fault());
        refused_ = true;
        return Next::end;
      }
      has_command_ = true;
    }
    const bool was_line = parser_.was_line();
    const Served served = serve();
    if (served == Served::after_batch) return Next::batch;
    if (served == Served::must_wait) return Next::wait;
    leave_command();
    // The words of a line are gone with the next one.
    if (batch_.is_full() || (was_line && !batch_.is_empty())) return Next::batch;
    if (out_.size() >= limits_.gathered_bytes_max) return Next::flush;
  }
  if (!batch_.is_empty()) return Next::batch;
  return client_.is_ending ? Next::end : Next::read;
}

void Session::leave_command() {
  ++taken_;
  begin_ += parser_.used();
  parser_.skip();
  has_command_ = false;
  using Replies = Client::Replies;
  if (client_.replies == Replies::skipping) {
    client_.replies = Replies::on;
  } else if (client_.replies == Replies::skip_next) {
    client_.replies = Replies::skipping;
  }
}

Session::Served Session::serve() {
  const Args args = parser_.args();
  if (args.empty()) return Served::done;
  const auto found = look_up(args);
  if (!found) {
    refuse(args[0], found.error());
    return Served::done;
  }
  return serve(**found, args);
}

Session::Served Session::serve(const Command& command, Args args) {
  if (!batch_.is_empty() && comes_after_all(command)) return Served::after_batch;
  client_.card->last.store(&command, std::memory_order_relaxed);
  if (const auto refusal = refusal_of(command, args)) {
    refuse(command.name, *refusal);
    return Served::done;
  }
  if (client_.transaction.is_open() && !command.is(not_queued)) {
    if (client_.transaction.queue(command, args)) {
      say("+QUEUED\r\n");
    } else {
      client_.transaction.spoil();
      say_error("ERR the transaction is too large");
    }
    client_.card->queued = static_cast<int>(client_.transaction.size());
    return Served::done;
  }
  if (std::holds_alternative<AtOnce>(command.run)) {
    answer_at_once(command, args);
    return Served::done;
  }
  if (std::holds_alternative<Later>(command.run)) {
    scratch_.clear();
    RespWriter out(scratch_, client_.version);
    if (command.at_once != nullptr && command.at_once(service_, client_, args, out)) {
      say(scratch_);
      return Served::done;
    }
    waiting_for_ = &command;
    return Served::must_wait;
  }
  if (answer_from_memory(command, args)) return Served::done;
  batch_.add(command, args, client_.who, client_.version);
  if (is_muted()) batch_.mute_last();
  return Served::done;
}

// Once for all that came together.  Returns what stands in the way of knowing.
std::optional<std::string> Session::renew() {
  if (!client_.who) return std::nullopt;
  auto who = service_.ports.doorkeeper.renew(client_.who);
  if (!who && who.error().code != Code::not_allowed) return text_of(who.error());
  is_renewed_ = who.has_value();
  client_.who = who ? *std::move(who) : nullptr;
  follow_identity();
  return std::nullopt;
}

// Why the command is not even begun, in the order in which Redis looks.
std::optional<std::string> Session::refusal_of(const Command& command, Args args) {
  if (!is_renewed_ || !client_.who || client_.who->has_ended) {
    if (auto unknown = renew()) return unknown;
  }
  if (!client_.who) {
    if (command.is(no_auth)) return std::nullopt;
    return "NOAUTH Authentication required.";
  }
  const bool in_transaction = client_.transaction.is_open();
  if (in_transaction && command.is(no_multi)) return "ERR Command not allowed inside a transaction";
  const Identity& who = *client_.who;
  const std::uint32_t needed = scopes_of(command).bits();
  if ((who.scopes.bits() & needed) != needed) return no_permission(command);
  if (const auto fault = fault_of_keys(who, command, args)) return std::string(*fault);
  if (client_.version == 2 && client_.subscriptions() > 0 && !command.is(in_subscription)) {
    return "ERR Can't execute '" + std::string(command.name) +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  }
  if (!who.meter) return std::nullopt;
  return rate_refusal(*who.meter, command, service_.ports.clock.now());
}

// A command that only looks, if memory knows all that it looks at.
bool Session::answer_from_memory(const Command& command, Args args) {
  if (!batch_.is_empty() || command.is(writes)) return false;
  found_.clear();
  const KeyPlaces places = command.keys.among(args.size());
  for (int at = places.first; at <= places.last; at += places.step) {
    key_.resize(prefix_bytes_);
    key_ += args[static_cast<std::size_t>(at)];
    auto record = service_.ports.keyspace.peek(key_, now_);
    if (!record) return false;
    found_.push_back(*std::move(record));
  }
  while (slots_.size() < found_.size()) slots_.push_back(slots_.size());
  const std::size_t begin = out_.size();
  RespWriter out(out_, client_.version);
  Act act({.found = found_,
           .slots = std::span(slots_).first(found_.size()),
           .now = now_,
           .who = client_.who.get()},
          command, args, out);
  std::get<OnRecords>(command.run)(act);
  found_.clear();
  if (is_muted()) out_.resize(begin);
  return true;
}

void Session::answer_at_once(const Command& command, Args args) {
  const bool was_skipping = client_.replies == Client::Replies::skipping;
  scratch_.clear();
  RespWriter out(scratch_, client_.version);
  std::get<AtOnce>(command.run)(service_, client_, args, out);
  follow_identity();
  if (!was_skipping) say(scratch_);
}

bool Session::is_muted() const noexcept {
  return client_.replies == Client::Replies::off || client_.replies == Client::Replies::skipping;
}

void Session::say(std::string_view reply) {
  if (is_muted()) return;
  if (batch_.is_empty()) {
    out_ += reply;
  } else {
    batch_.say(reply);
  }
}

// A command that was refused spoils the transaction that it belongs to; an EXEC ends it.
void Session::refuse(std::string_view command, std::string_view why) {
  client_.transaction.spoil();
  if (!same_word(command, "exec")) {
    say_error(why);
    return;
  }
  client_.transaction.end();
  client_.card->queued = -1;
  constexpr std::string_view plain = "ERR ";
  if (why.starts_with(plain)) why.remove_prefix(plain.size());
  say_error("EXECABORT Transaction discarded because of: " + std::string(why));
}

void Session::say_error(std::string_view text) {
  service_.counts.errors.fetch_add(1, std::memory_order_relaxed);
  std::string reply;
  RespWriter(reply, client_.version).error(text);
  say(reply);
}

Asking Session::asking() {
  const Args args = parser_.args();
  return {.service = &service_,
          .client = &client_,
          .who = client_.who,
          .args = std::vector<std::string>(args.begin(), args.end())};
}

void Session::take_replies() {
  if (batch_.has_overflowed()) {
    connection_.close();
  } else {
    out_ += batch_.replies();
  }
  batch_.clear();
}

void Session::follow_identity() {
  if (is_known_ && client_.who.get() == known_) return;
  is_known_ = true;
  known_ = client_.who.get();
  service_.roster.under_mutex([this] { client_.card->who = client_.who; });
  if (known_ != nullptr) RecordKey::write(key_, known_->tenant, default_space, {});
  prefix_bytes_ = key_.size();
  wire::RespRequestLimits limits = limits_.request;
  limits.authenticated = known_ != nullptr;
  parser_.set_limits(limits);
}

// Room behind what was received: a command is parsed in one piece.
std::size_t Session::make_room() {
  std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
            in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
  end_ -= std::exchange(begin_, 0);
  const bool was_filled = std::exchange(filled_, false);
  if (end_ == 0 && in_.size() > room_bytes_kept) {
    in_.resize(room_bytes_kept);
    in_.shrink_to_fit();
  } else if (in_.size() - end_ < room_bytes_min / 2 ||
             (was_filled && in_.size() < room_bytes_kept)) {
    in_.resize(std::max(in_.size() * 2, room_bytes_min));
  }
  return in_.size() - end_;
}

// A command has its time as a whole: one byte now and then does not prolong it.
Instant Session::read_deadline() {
  const Instant now = service_.ports.clock.now_at_most();
  const bool is_inside = end_ > 0;
  is_waiting_ = !is_inside;
  if (is_waiting_ && is_draining_) connection_.close();
  if (is_inside && !is_inside_) request_ends_ = now + limits_.request_within;
  is_inside_ = is_inside;
  if (is_inside) return request_ends_;
  if (!client_.who) return began_ + limits_.auth_within;
  if (client_.subscriptions() > 0 || limits_.idle_within == Duration::zero()) return Instant::max();
  return now + limits_.idle_within;
}

void Session::drain() {
  is_draining_ = true;
  if (is_waiting_) connection_.close();
}

}  // namespace headrace::resp
