#include "io/pipeline.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cassert>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "io/loops.h"

namespace headrace::io {

namespace {

constexpr std::size_t room_bytes = 64 << 10;

std::string in_ms(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

// One call, in the frame of its coroutine.
struct Call {
  std::string request;
  std::size_t replies_left;
  Instant deadline;
  std::uint64_t only_on;  // A connection; 0: any.
  Pipeline::Answer answer{};
  Error error{};  // If it says something.
  std::coroutine_handle<> awaiting{};
};

}  // namespace

class Pipeline::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Runtime& runtime, Options options) : runtime_(runtime), options_(std::move(options)) {
    options_.loop %= runtime_.loops().count();
  }

  // False: it has ended already, with an error.
  bool begin(Call& call);
  void drop();
  void close();

  [[nodiscard]] Duration answer_within() const noexcept { return options_.answer_within; }
  [[nodiscard]] Instant now() const noexcept { return runtime_.now(); }

 private:
  // One connection, from the wish for it to its end.
  struct Life {
    std::uint64_t number = 0;
    std::shared_ptr<Connection> connection{};
    bool is_open = false;  // And greeted.
    bool is_writing = false;
    std::atomic<bool> is_late = false;
    bool is_over = false;
    Executor::TimerId timer = Executor::TimerId::none;
    Instant timer_at{};
    std::deque<Call*> calls{};  // Up to calls_max; those that are sent come first.
    std::size_t sent = 0;
  };
  using LifeRef = std::shared_ptr<Life>;

  void on_loop(std::move_only_function<void()> work) {
    boost::asio::post(runtime_.loops().at(options_.loop), std::move(work));
  }
  [[nodiscard]] Error trouble(std::string_view what) const {
    return {.code = options_.code, .what = to_string(options_.to) + ": " + std::string(what)};
  }
  [[nodiscard]] std::unexpected<Error> too_long() const {
    return std::unexpected(trouble("a reply is longer than " +
                                   std::to_string(options_.reply_bytes_max) +
                                   " bytes (reply_bytes_max)"));
  }

  void run(Task<void> (*work)(std::shared_ptr<Impl>, LifeRef), LifeRef life);
  static Task<void> live(std::shared_ptr<Impl> self, LifeRef life);
  static Task<void> write(std::shared_ptr<Impl> self, LifeRef life);
  Task<Result<void>> greet(LifeRef life, Framing& framing, std::string& unread, Instant deadline);
  Task<Error> read(LifeRef life, Framing& framing, std::string unread);
  Result<std::size_t> hand_out(Life& life, Framing& framing, std::string_view bytes);

  void write_soon(const LifeRef& life);  // REQUIRES: the lock.
  void watch(const LifeRef& life);       // REQUIRES: the lock.
  void look_at_deadlines(const LifeRef& life);
  void end_soon(Code code);  // REQUIRES: the lock.
  void end(const LifeRef& life, Error error);
  static void resume(std::vector<Call*> calls) {
    for (Call* const call : calls) call->awaiting.resume();
  }

  Runtime& runtime_;
  Options options_;
  std::mutex mutex_;
  LifeRef life_;  // None: nobody has called since the last one ended.
  bool closed_ = false;
  std::size_t inside_ = 0;  // Coroutines of ours that have not ended.
  std::condition_variable left_;
  std::uint64_t lives_ = 0;
  std::size_t unsent_bytes_ = 0;
  Duration pause_{0};  // Before the next try.
  Instant retry_at_ = Instant::min();
  std::string last_error_;
};

bool Pipeline::Impl::begin(Call& call) {
  const std::scoped_lock lock(mutex_);
  if (closed_) {
    call.error = {.code = Code::closed, .what = to_string(options_.to) + ": closed here"};
    return false;
  }
  if (call.only_on != 0 && (!life_ || life_->number != call.only_on)) {
    call.error = {.code = Code::cancelled,
                  .what = to_string(options_.to) + ": the connection that was meant is lost"};
    return false;
  }
  if (!life_ && runtime_.now() < retry_at_) {
    call.error = {.code = options_.code,
                  .what = last_error_ + "; it is tried again after " + in_ms(pause_)};
    return false;
  }
  // Whether it works again is for one call to find out, at the price of its time.
  if (life_ && pause_ > Duration::zero() && !life_->calls.empty()) {
    call.error = {.code = options_.code, .what = last_error_ + "; one call is trying it again"};
    return false;
  }
  const bool is_full = life_ && (life_->calls.size() >= options_.calls_max ||
                                 unsent_bytes_ + call.request.size() > options_.request_bytes_max);
  if (is_full) {
    call.error = trouble("too many calls wait for it (" + std::to_string(life_->calls.size()) +
                         "; the limits are calls_max and request_bytes_max)");
    return false;
  }
  if (!life_) {
    life_ = std::make_shared<Life>();
    life_->number = ++lives_;
    run(live, life_);
  }
  unsent_bytes_ += call.request.size();
  life_->calls.push_back(&call);
  if (life_->is_open) write_soon(life_);
  watch(life_);
  return true;
}

// On another turn of the loop, so that all that is asked in this one is written together.
void Pipeline::Impl::write_soon(const LifeRef& life) {
  if (std::exchange(life->is_writing, true)) return;
  run(write, life);
}

// Begins on another turn of the loop.  REQUIRES: the lock.
void Pipeline::Impl::run(Task<void> (*work)(std::shared_ptr<Impl>, LifeRef), LifeRef life) {
  ++inside_;
  on_loop([self = shared_from_this(), work, life = std::move(life)] {
    start(work(self, life), [self] {
      const std::scoped_lock lock(self->mutex_);
      --self->inside_;
      self->left_.notify_all();
    });
  });
}

Task<void> Pipeline::Impl::write(std::shared_ptr<Impl> self, LifeRef life) {
  std::string bytes;
  while (true) {
    bytes.clear();
    {
      const std::scoped_lock lock(self->mutex_);
      if (life->is_over || life->sent == life->calls.size()) {
        life->is_writing = false;
        co_return;
      }
      for (; life->sent < life->calls.size(); ++life->sent) {
        bytes += life->calls[life->sent]->request;
      }
      self->unsent_bytes_ -= bytes.size();
    }
    const Instant deadline = self->runtime_.now() + self->options_.answer_within;
    const Result<void> wrote = co_await life->connection->write(bytes, deadline);
    if (wrote) continue;
    life->connection->close();  // Whoever reads from it ends its life.
    co_return;
  }
}

Task<void> Pipeline::Impl::live(std::shared_ptr<Impl> self, LifeRef life) {
  const std::unique_ptr<Framing> framing = self->options_.framing();
  const Instant deadline = self->runtime_.now() + self->options_.connect_within;
  auto opening = connect(self->runtime_, self->options_.to, self->options_.trust, deadline);
  Result<Connection> opened = co_await std::move(opening);
  if (!opened) {
    self->end(life, {.code = self->options_.code, .what = std::move(opened.error().what)});
    co_return;
  }
  {
    const std::scoped_lock lock(self->mutex_);
    if (life->is_over) co_return;
    life->connection = std::make_shared<Connection>(std::move(*opened));
  }
  std::string unread;
  auto greeting = self->greet(life, *framing, unread, deadline);
  const Result<void> greeted = co_await std::move(greeting);
  if (!greeted) {
    self->end(life, {.code = self->options_.code, .what = greeted.error().what});
    co_return;
  }
  {
    const std::scoped_lock lock(self->mutex_);
    if (life->is_over) co_return;
    life->is_open = true;
    if (!life->calls.empty()) self->write_soon(life);
  }
  auto reading = self->read(life, *framing, std::move(unread));
  Error error = co_await std::move(reading);
  self->end(life, std::move(error));
  if (self->options_.lost) self->options_.lost(life->number);
}

Task<Result<void>> Pipeline::Impl::greet(LifeRef life, Framing& framing, std::string& unread,
                                         Instant deadline) {
  const Greeting& greeting = options_.greeting;
  if (greeting.replies == 0) co_return Result<void>();
  const Instant sent = runtime_.now();
  const Result<void> wrote = co_await life->connection->write(greeting.request, deadline);
  if (!wrote) co_return std::unexpected(wrote.error());
  std::string room(room_bytes, '\0');
  std::size_t taken = 0;
  for (std::size_t left = greeting.replies; left > 0;) {
    const Result<Framing::Found> found = framing.first(std::string_view(unread).substr(taken));
    if (!found) co_return std::unexpected(trouble(found.error().what));
    if (found->bytes > 0) {
      taken += found->bytes;
      --left;
      continue;
    }
    if (unread.size() > options_.reply_bytes_max) co_return too_long();
    const Result<std::size_t> got =
        co_await life->connection->read_some(room.data(), room.size(), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return std::unexpected(trouble("it hung up when it was greeted"));
    unread.append(room, 0, *got);
  }
  if (greeting.check) {
    const Greeted greeted{.connection = life->number,
                          .sent = sent,
                          .replies = std::string_view(unread).substr(0, taken)};
    const Result<void> sound = greeting.check(greeted);
    if (!sound) co_return std::unexpected(trouble(sound.error().what));
  }
  unread.erase(0, taken);
  co_return Result<void>();
}

// Returns what ended it.
Task<Error> Pipeline::Impl::read(LifeRef life, Framing& framing, std::string unread) {
  std::string room(room_bytes, '\0');
  while (true) {
    Result<std::size_t> taken = hand_out(*life, framing, unread);
    if (!taken) {
      life->connection->close();
      co_return trouble(taken.error().what);
    }
    unread.erase(0, *taken);
    if (unread.size() > options_.reply_bytes_max) {
      life->connection->close();
      co_return too_long().error();
    }
    const Result<std::size_t> got =
        co_await life->connection->read_some(room.data(), room.size(), Instant::max());
    if (life->is_late) co_return trouble("it did not answer in time");
    if (!got) co_return Error{.code = options_.code, .what = got.error().what};
    if (*got == 0) co_return trouble("it hung up");
    unread.append(room, 0, *got);
  }
}

// Returns how many bytes were whole replies.
Result<std::size_t> Pipeline::Impl::hand_out(Life& life, Framing& framing, std::string_view bytes) {
  std::vector<Call*> ended;
  std::size_t taken = 0;
  Result<std::size_t> outcome = 0;
  while (taken < bytes.size()) {
    const Result<Framing::Found> found = framing.first(bytes.substr(taken));
    if (!found) {
      outcome = std::unexpected(found.error());
      break;
    }
    if (found->bytes == 0) break;
    const std::string_view reply = bytes.substr(taken, found->bytes);
    taken += found->bytes;
    if (found->is_push) {
      if (options_.pushed) options_.pushed(reply);
      continue;
    }
    const std::scoped_lock lock(mutex_);
    if (life.sent == 0) {
      outcome = failure(options_.code, "it answers what nobody has asked");
      break;
    }
    Call* const call = life.calls.front();
    call->answer.bytes += reply;
    if (--call->replies_left > 0) continue;
    call->answer.connection = life.number;
    pause_ = Duration::zero();  // Now, and not when it was greeted: it does what it is asked.
    life.calls.pop_front();
    --life.sent;
    ended.push_back(call);
  }
  resume(std::move(ended));
  if (!outcome) return outcome;
  return taken;
}

// One timer, which is not set anew for each call: it looks at whose turn it is.
void Pipeline::Impl::watch(const LifeRef& life) {
  if (life->is_over || life->calls.empty()) return;
  const Instant when = life->calls.front()->deadline;
  if (life->timer != Executor::TimerId::none) {
    if (life->timer_at <= when) return;
    runtime_.cancel(life->timer);
  }
  auto work = [weak = weak_from_this(), life] {
    if (const auto self = weak.lock()) self->look_at_deadlines(life);
  };
  life->timer = runtime_.post_at(when, std::move(work));
  life->timer_at = when;
}

void Pipeline::Impl::look_at_deadlines(const LifeRef& life) {
  std::vector<Call*> late;
  {
    const std::scoped_lock lock(mutex_);
    if (life->is_over) return;
    life->timer = Executor::TimerId::none;
    const Instant now = runtime_.now();
    if (life->is_open) {
      if (!life->calls.empty() && life->calls.front()->deadline <= now) {
        life->is_late = true;
        life->connection->close();
        return;
      }
    } else {
      const auto is_late = [now](const Call* call) { return call->deadline <= now; };
      std::ranges::copy_if(life->calls, std::back_inserter(late), is_late);
      std::erase_if(life->calls, is_late);
    }
    for (Call* const call : late) {
      unsent_bytes_ -= call->request.size();
      call->error = trouble("it could not be reached in time");
    }
    watch(life);
  }
  if (!late.empty()) on_loop([calls = std::move(late)]() mutable { resume(std::move(calls)); });
}

void Pipeline::Impl::end(const LifeRef& life, Error error) {
  std::vector<Call*> calls;
  {
    const std::scoped_lock lock(mutex_);
    life->is_over = true;
    // It may have connected after somebody closed it, and wait for a server that says nothing.
    if (life->connection) life->connection->close();
    if (closed_) error = {.code = Code::closed, .what = to_string(options_.to) + ": closed here"};
    if (life->timer != Executor::TimerId::none) runtime_.cancel(life->timer);
    for (std::size_t i = 0; i < life->calls.size(); ++i) {
      Call* const call = life->calls[i];
      if (i >= life->sent) unsent_bytes_ -= call->request.size();
      call->error = error;
      calls.push_back(call);
    }
    life->calls.clear();
    life->sent = 0;
    if (life_ == life) life_ = nullptr;
    // One that was good a moment ago is tried again at once; after that the pause grows.
    if (!life->is_open || life->is_late) {
      pause_ = std::clamp(2 * pause_, options_.retry_after, options_.retry_after_max);
      const double share = 0.5 + static_cast<double>(runtime_.bits() >> 11) * 0x1.0p-54;
      retry_at_ = runtime_.now() + std::chrono::duration_cast<Duration>(share * pause_);
    }
    last_error_ = error.what;
  }
  resume(std::move(calls));
}

void Pipeline::Impl::close() {
  std::unique_lock lock(mutex_);
  if (!std::exchange(closed_, true)) end_soon(Code::closed);
  if (runtime_.loops().current()) return;
  left_.wait(lock, [this] { return inside_ == 0; });
}

void Pipeline::Impl::drop() {
  const std::scoped_lock lock(mutex_);
  end_soon(options_.code);
}

void Pipeline::Impl::end_soon(Code code) {
  if (!life_) return;
  if (life_->connection) life_->connection->close();
  on_loop([self = shared_from_this(), life = life_, code] {
    self->end(life, {.code = code, .what = to_string(self->options_.to) + ": closed here"});
  });
}

Pipeline::Pipeline(Runtime& runtime, Options options)
    : impl_(std::make_shared<Impl>(runtime, std::move(options))) {}

Pipeline::~Pipeline() {
  close();
}

void Pipeline::drop() {
  impl_->drop();
}

void Pipeline::close() {
  impl_->close();
}

namespace {

template <class Impl>
struct Awaited {
  Impl& impl;
  Call& call;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> awaiting) const {
    call.awaiting = awaiting;
    const auto kept = impl.shared_from_this();  // The call may end, and its owner go, before this.
    return impl.begin(call);
  }
  void await_resume() const noexcept {}
};

}  // namespace

Task<Result<Pipeline::Answer>> Pipeline::call(std::string request, std::size_t replies,
                                              Duration within, std::uint64_t only_on) {
  assert(replies > 0);
  const std::shared_ptr<Impl> impl = impl_;
  const Duration time = within > Duration::zero() ? within : impl->answer_within();
  Call call{.request = std::move(request),
            .replies_left = replies,
            .deadline = impl->now() + time,
            .only_on = only_on};
  const Awaited<Impl> ended{*impl, call};
  co_await ended;
  if (!call.error.what.empty()) co_return std::unexpected(std::move(call.error));
  co_return std::move(call.answer);
}

}  // namespace headrace::io
