// A Runtime is one event loop per thread.  Work stays on the thread that posted it; what comes from
// outside is dealt out in turn.
#include "headrace/runtime.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <string>
#include <utility>

#include "io/boottime.h"
#include "io/loops.h"
#include "io/random.h"

namespace headrace {

namespace {

struct Here {
  const void* loops = nullptr;
  std::size_t number = 0;
};
thread_local Here here;

// Signals are for the threads of the application.
void take_no_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD}) {
    sigaddset(&signals, one);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

Runtime::Loops::Loop::Loop(std::size_t number, std::size_t count)
    : timers(count + number, count),
      busy(context.get_executor()),
      timer_ready(context, timers.descriptor()),
      news_ready(context, readiness.descriptor()) {
  watch_timers();
  watch_sockets();
}

void Runtime::Loops::Loop::watch_timers() {
  timer_ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                           if (error) return;
                           io::note_suspend();
                           timers.run_due();
                           watch_timers();
                         });
}

void Runtime::Loops::Loop::watch_sockets() {
  news_ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (error) return;
                          readiness.look();
                          watch_sockets();
                        });
}

Runtime::Loops::Loops(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) loops_.push_back(std::make_unique<Loop>(i, threads));
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
}

Runtime::Loops::~Loops() {
  stop();
  // Who made a descriptor closes it.
  for (const auto& loop : loops_) {
    loop->timer_ready.release();
    loop->news_ready.release();
  }
}

void Runtime::Loops::run(std::size_t number) {
  take_no_signals();
  pthread_setname_np(pthread_self(), ("headrace-" + std::to_string(number)).c_str());
  here = {.loops = this, .number = number};
  loops_[number]->context.run();
  here = {};
}

std::optional<std::size_t> Runtime::Loops::current() const noexcept {
  if (here.loops != this) return std::nullopt;
  return here.number;
}

Runtime::Loops::Loop& Runtime::Loops::chosen() noexcept {
  if (here.loops == this) return *loops_[here.number];
  return *loops_[turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

void Runtime::Loops::post(Executor::Work work) {
  boost::asio::post(chosen().context, std::move(work));
}

Executor::TimerId Runtime::Loops::post_at(Instant when, Executor::Work work) {
  return Executor::TimerId{chosen().timers.post_at(when, std::move(work))};
}

bool Runtime::Loops::cancel(Executor::TimerId timer) {
  const auto number = static_cast<std::uint64_t>(timer);
  return loops_[number % loops_.size()]->timers.cancel(number);
}

void Runtime::Loops::stop() {
  assert(!current());
  for (const auto& loop : loops_) loop->context.stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

Runtime::Runtime(Options options)
    : loops_(std::make_unique<Loops>(options.threads > 0
                                         ? options.threads
                                         : std::max(1U, std::thread::hardware_concurrency()))),
      tick_(io::coarse_tick()) {
  io::note_suspend();
}
Runtime::~Runtime() = default;

Instant Runtime::now() const noexcept {
  return io::boottime_now();
}
Instant Runtime::now_at_most() const noexcept {
  return io::boottime_at_most(tick_);
}
WallTime Runtime::wall_now() const noexcept {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}
void Runtime::post(Work work) {
  loops_->post(std::move(work));
}
Executor::TimerId Runtime::post_at(Instant when, Work work) {
  return loops_->post_at(when, std::move(work));
}
bool Runtime::cancel(TimerId timer) {
  return loops_->cancel(timer);
}
Token Runtime::token() {
  return io::random_token();
}
std::uint64_t Runtime::bits() {
  return io::random_bits();
}
std::size_t Runtime::threads() const noexcept {
  return loops_->count();
}
void Runtime::stop() {
  loops_->stop();
}
Runtime::Loops& Runtime::loops() noexcept {
  return *loops_;
}

}  // namespace headrace
