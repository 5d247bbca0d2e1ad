#include "bus/valkey/reader.h"

#include <algorithm>
#include <utility>

#include "io/loops.h"
#include "wire/bus_message.h"

namespace headrace::valkey {

namespace {

std::unexpected<Error> unavailable(std::string what) {
  return failure(Code::bus_unavailable, std::move(what));
}

// The value behind `name` in an entry's list of names and values.
std::string_view field_of(const RespValue& fields, std::string_view name) {
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    if (fields.items[i].text == name) return fields.items[i + 1].text;
  }
  return {};
}

}  // namespace

std::string stream_of(const std::string& prefix) {
  return prefix + ":bus";
}

std::optional<Position> newest_of(const RespValue& entries) {
  if (entries.items.empty() || entries.items.front().items.empty()) return std::nullopt;
  return read_position(entries.items.front().items.front().text);
}

Task<Result<Answers>> ask_stream(Router& router, const std::string& stream, RespCommands commands,
                                 Duration within) {
  std::vector<Ask> one;
  one.push_back({.slot = router.slot_of(stream), .commands = std::move(commands)});
  return router.ask(std::move(one), Copies::as_they_come, within);
}

Reader::Reader(const ValkeyBusOptions& options, std::unique_ptr<Router> router, Runtime& runtime)
    : options_(options),
      stream_(stream_of(options.prefix)),
      runtime_(runtime),
      router_(std::move(router)) {}

void Reader::start(std::weak_ptr<BusListener> listener) {
  listener_ = std::move(listener);
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return;
    reads_ = true;
  }
  headrace::start(read_on(shared_from_this()), [self = shared_from_this()] {
    const std::scoped_lock lock(self->mutex_);
    self->reads_ = false;
    self->ended_.notify_all();
  });
}

Task<void> Reader::read_on(std::shared_ptr<Reader> self) {
  while (true) {
    bool anew = false;
    {
      const std::scoped_lock lock(self->mutex_);
      anew = std::exchange(self->begins_anew_, false);
      if (anew) self->position_.reset();
    }
    if (anew) {
      auto asking = self->router_->incarnation();
      (void)co_await std::move(asking);
    }
    const bool begins = !self->position_.has_value();
    auto reading = begins ? self->begin() : self->read_once();
    const Result<void> done = co_await std::move(reading);
    if (!done) {
      auto pause = std::make_shared<io::Wakeup>(self->runtime_);
      {
        const std::scoped_lock lock(self->mutex_);
        if (self->closed_) co_return;
        self->pause_ = pause;
      }
      (void)io::wake_at(self->runtime_, self->runtime_.now() + self->options_.retry_after, pause);
      (void)co_await pause->waiting();
    }
    const std::scoped_lock lock(self->mutex_);
    if (self->closed_) co_return;
  }
}

// From the newest entry on; there has to be one, to be found again.
Task<Result<void>> Reader::begin() {
  RespCommands commands;
  commands.add({"XREVRANGE", stream_, "+", "-", "COUNT", "1"});
  auto asking = ask_stream(*router_, stream_, std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const Answer& answer = answers->all.front();
  const RespValue& newest = answer.values.front();
  if (newest.is_error()) co_return unavailable(std::string(newest.text));
  std::optional<Position> position = newest_of(newest);
  if (!position) {
    RespCommands first;
    first.add({"XADD", stream_, "*", "begin", "1"});
    auto adding = ask_stream(*router_, stream_, std::move(first));
    const Result<Answers> added = co_await std::move(adding);
    if (!added) co_return std::unexpected(added.error());
    const Answer& there = added->all.front();
    const bool is_same = there.server->incarnation == answer.server->incarnation;
    position = read_position(there.values.front().text);
    if (!position || !is_same) co_return unavailable(std::string(there.values.front().text));
  }
  if (std::exchange(was_begun_, true)) missed();
  has_read(*position, answer.server->incarnation);
  co_return Result<void>();
}

Task<Result<void>> Reader::read_once() {
  const Position from = *position_;
  const std::string from_text = to_string(from);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(options_.listen_for);
  RespCommands commands;
  commands
      .add({"XREAD", "COUNT", std::to_string(options_.read_max), "BLOCK",
            std::to_string(ms.count()), "STREAMS", stream_, from_text})
      .add({"XRANGE", stream_, from_text, from_text});
  auto asking = ask_stream(*router_, stream_, std::move(commands),
                           options_.listen_for + options_.answer_within);
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const Answer& answer = answers->all.front();
  const RespValue& streams = answer.values[0];
  const RespValue& again = answer.values[1];
  if (streams.is_error() || again.is_error()) {
    co_return unavailable(std::string(streams.is_error() ? streams.text : again.text));
  }
  // Only what stands behind an entry that is still there is whole.
  const bool is_same = answer.server->incarnation == incarnation_;
  if (!is_same || again.items.empty()) {
    const std::scoped_lock lock(mutex_);
    position_.reset();
    co_return Result<void>();
  }
  Position last = from;
  const Result<void> handed = hand_over(streams, last);
  if (!handed) missed();
  has_read(last, incarnation_);
  co_return Result<void>();
}

// What cannot be read may have been an invalidation.
Result<void> Reader::hand_over(const RespValue& streams, Position& last) {
  Result<void> outcome;
  if (streams.items.size() < 2) return outcome;  // Nothing new: null, in either version.
  const auto listener = listener_.lock();
  for (const RespValue& entry : streams.items[1].items) {
    const auto position =
        entry.items.size() == 2 ? read_position(entry.items[0].text) : std::nullopt;
    if (!position) return unavailable("an entry of the stream has no position");
    last = *position;
    const std::string_view bytes = field_of(entry.items[1], "m");
    if (bytes.empty() && !field_of(entry.items[1], "begin").empty()) continue;
    const Result<BusMessage> message = decode_message(bytes);
    if (!message) {
      outcome = std::unexpected(message.error());
    } else if (listener) {
      listener->heard(*message);
    }
  }
  return outcome;
}

void Reader::missed() {
  if (const auto listener = listener_.lock()) listener->missed();
}

std::optional<Position> Reader::position() const {
  const std::scoped_lock lock(mutex_);
  return position_;
}

bool Reader::has(const Position& position, const Token& incarnation) const {
  return position_ && incarnation_ == incarnation && *position_ >= position;
}

void Reader::has_read(Position position, Token incarnation) {
  const std::scoped_lock lock(mutex_);
  position_ = position;
  incarnation_ = incarnation;
  for (const Waiting& one : waiting_) {
    if (has(one.position, one.incarnation)) one.wakeup->wake(io::Wakeup::By::grant);
  }
}

Task<Result<void>> Reader::reached(std::shared_ptr<Reader> self, Position position,
                                   Token incarnation) {
  auto wakeup = std::make_shared<io::Wakeup>(self->runtime_);
  std::list<Waiting>::iterator mine;  // Of up to barriers_max.
  {
    const std::scoped_lock lock(self->mutex_);
    if (self->has(position, incarnation)) co_return Result<void>();
    if (self->closed_) co_return failure(Code::bus_unavailable, "the bus was closed here");
    if (self->waiting_.size() >= barriers_max) {
      co_return unavailable("too many barriers wait for the bus already (barriers_max)");
    }
    mine = self->waiting_.insert(self->waiting_.end(), {position, incarnation, wakeup});
  }
  const Executor::TimerId timer =
      io::wake_at(self->runtime_, self->runtime_.now() + self->options_.answer_within, wakeup);
  const io::Wakeup::By by = co_await wakeup->waiting();
  self->runtime_.cancel(timer);
  const std::scoped_lock lock(self->mutex_);
  self->waiting_.erase(mine);
  if (by == io::Wakeup::By::grant) co_return Result<void>();
  co_return unavailable("what was said on the bus is not read to its end in time");
}

bool Reader::reads_another(Token incarnation) {
  const std::scoped_lock lock(mutex_);
  if (!position_ || incarnation_ == incarnation) return false;
  begins_anew_ = true;
  return true;
}

void Reader::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    if (pause_) pause_->wake(io::Wakeup::By::stop);
    for (const Waiting& one : waiting_) one.wakeup->wake(io::Wakeup::By::stop);
  }
  router_->close();
  if (runtime_.loops().current()) return;
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !reads_; });
}

}  // namespace headrace::valkey
