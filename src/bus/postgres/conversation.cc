// Why a barrier proves what it has to.  A transaction that notifies puts its notifications into the
// server's one queue while it commits, under a lock that it holds until it has; a session is sent
// them in the queue's order, and none before its transaction is visible.  What was said has been
// committed before publish() ended well; so a barrier's notification that is sent later stands
// behind it in the queue, and comes later too.
//
// Notifications die with the server and with the session, so nothing is gained by waiting until the
// commit is safe on its disk or its standbys.  The server does not wait for that where a
// transaction has only notified.
#include "bus/postgres/conversation.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sql/question.h"

namespace headrace::postgres {

namespace {

// Letters, digits, "-" and "_" need no quotes in an array.  unnest() keeps its order.
constexpr char notify_sql[] =
    "SELECT count(pg_notify(CASE left(m, 1) WHEN 'b' THEN $2 ELSE $1 END, m)) "
    "FROM unnest($3::text[]) AS m";

constexpr char never_came_back[] =
    "notifications are committed and do not come back; a proxy that pools transactions does not "
    "pass them on: connect to the server itself, or to a proxy that pools sessions";

std::string own_channel(Runtime& runtime) {
  constexpr char digits[] = "0123456789abcdef";
  const Token token = runtime.token();
  std::string name = "headrace_";
  for (const std::uint64_t half : {token.high, token.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) name += digits[half >> shift & 15];
  }
  return name;
}

}  // namespace

Conversation::Conversation(PostgresBusOptions options, Runtime& runtime)
    : options_(std::move(options)), own_channel_(own_channel(runtime)), runtime_(runtime) {}

Result<void> Conversation::begin() {
  if (!bell_.is_made()) return failure(Code::bus_unavailable, "no descriptor is left for the bus");
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
  return {};
}

void Conversation::listen(std::weak_ptr<BusListener> listener) {
  const std::scoped_lock lock(mutex_);
  listener_ = std::move(listener);
}

std::shared_ptr<BusListener> Conversation::listener() const {
  const std::scoped_lock lock(mutex_);
  return listener_.lock();
}

Task<Result<void>> Conversation::say(std::shared_ptr<Conversation> self, Portion portion) {
  auto job = std::make_shared<Job>();
  job->portion = std::move(portion);
  return carry_out(std::move(self), std::move(job));
}

Task<Result<void>> Conversation::barrier(std::shared_ptr<Conversation> self) {
  auto job = std::make_shared<Job>();
  {
    const std::scoped_lock lock(self->mutex_);
    job->barrier = ++self->barriers_;
  }
  job->portion.payloads.push_back(barrier_payload(job->barrier));
  return carry_out(std::move(self), std::move(job));
}

Task<Result<void>> Conversation::carry_out(std::shared_ptr<Conversation> self, JobRef job) {
  job->wakeup = std::make_shared<io::Wakeup>(self->runtime_);
  Result<void> taken = self->enqueue(job);
  if (!taken) co_return taken;
  const Executor::TimerId timer =
      io::wake_at(self->runtime_, self->runtime_.now() + self->options_.answer_within, job->wakeup);
  const io::Wakeup::By by = co_await job->wakeup->waiting();
  self->runtime_.cancel(timer);
  co_return self->outcome_of(*job, by);
}

Result<void> Conversation::enqueue(const JobRef& job) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return failure(Code::bus_unavailable, "the bus was closed here");
    if (queue_.size() + said_.size() >= jobs_max) {
      return failure(Code::bus_unavailable, "too much waits for the bus already (jobs_max)");
    }
    queue_.push_back(job);
  }
  bell_.ring();
  return {};
}

Result<void> Conversation::outcome_of(Job& job, io::Wakeup::By by) {
  const std::scoped_lock lock(mutex_);
  if (by == io::Wakeup::By::grant) return {};
  if (by == io::Wakeup::By::stop) return std::unexpected(job.error);
  job.given_up = true;
  if (job.committed) return failure(Code::bus_unavailable, never_came_back);
  if (!trouble_.what.empty()) return std::unexpected(trouble_);
  return failure(Code::bus_unavailable, "PostgreSQL did not take what was to be said in time");
}

void Conversation::close() {
  std::thread thread;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    thread = std::move(thread_);
  }
  bell_.stop();
  if (thread.joinable()) thread.join();
}

void Conversation::run() {
  while (!bell_.is_stopped()) {
    Result<void> done = hears_ ? turn() : connect();
    if (done) continue;
    hears_.reset();
    says_.reset();
    fail_all(done.error());
    pause_before_next_try();
  }
  hears_.reset();
  says_.reset();
  fail_all({.code = Code::bus_unavailable, .what = "the bus was closed here"});
}

// The one that hears runs nothing else: so what comes to it has come by itself.  A proxy that pools
// transactions does pass on what a transaction's own session is notified of while it runs.
Result<void> Conversation::connect() {
  auto hears = open();
  if (!hears) return std::unexpected(std::move(hears.error()));
  const std::string sql =
      "LISTEN " + sql::quoted(options_.channel) + "; LISTEN " + sql::quoted(own_channel_);
  Result<void> listens = (*hears)->run(sql, {}, runtime_.now() + options_.answer_within);
  if (!listens) return listens;
  auto says = open();
  if (!says) return std::unexpected(std::move(says.error()));
  hears_ = std::move(*hears);
  says_ = std::move(*says);
  frames_.restart();
  {
    const std::scoped_lock lock(mutex_);
    trouble_ = {};
  }
  // Whoever has been listening may have missed what was said before.
  if (const auto told = listener()) told->missed();
  return {};
}

Result<std::unique_ptr<Session>> Conversation::open() const {
  return Session::open({.connection = options_.connection,
                        .password = options_.password,
                        .code = Code::bus_unavailable},
                       runtime_, bell_, runtime_.now() + options_.connect_within);
}

Result<void> Conversation::turn() {
  const std::vector<JobRef> jobs = take_jobs();
  if (!jobs.empty()) {
    Result<void> said = notify(jobs);
    if (!said) {
      fail(jobs, said.error());
      if (says_->is_lost()) return said;
    }
  }
  const Result<bool> heard = hear();
  if (!heard) return std::unexpected(heard.error());
  return rest_or_give_up(*heard);
}

// As many as go into one transaction.  Who does not wait any more has been told that it failed.
std::vector<Conversation::JobRef> Conversation::take_jobs() {
  std::vector<JobRef> jobs;
  std::size_t bytes = 0;
  const std::scoped_lock lock(mutex_);
  while (!queue_.empty() && bytes < portion_bytes_max) {
    JobRef job = std::move(queue_.front());
    queue_.pop_front();
    if (job->given_up) continue;
    bytes += job->portion.bytes;
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Result<void> Conversation::notify(const std::vector<JobRef>& jobs) {
  std::string payloads = "{";
  for (const JobRef& job : jobs) {
    for (const std::string& payload : job->portion.payloads) {
      if (payloads.size() > 1) payloads += ',';
      payloads += payload;
    }
  }
  payloads += '}';
  const std::vector<std::string> parameters{options_.channel, own_channel_, std::move(payloads)};
  Result<void> done = says_->run(notify_sql, parameters, runtime_.now() + options_.answer_within);
  if (!done) return done;
  const Instant now = runtime_.now();
  const std::scoped_lock lock(mutex_);
  for (const JobRef& job : jobs) {
    if (job->barrier == 0) {
      job->wakeup->wake(io::Wakeup::By::grant);
      continue;
    }
    job->committed = true;
    job->committed_at = now;
    said_.push_back(job);
  }
  return {};
}

// Whether there was anything: then there may be more.
Result<bool> Conversation::hear() {
  const Result<void> read = hears_->read();
  bool any = false;
  while (const auto notification = hears_->next()) {
    hear(*notification);
    any = true;
  }
  if (!read) return std::unexpected(read.error());
  return any;
}

void Conversation::hear(const Notification& notification) {
  if (notification.channel == own_channel_) {
    std::uint64_t number = 0;
    const std::string& text = notification.payload;
    const char* const end = text.data() + text.size();
    const bool good =
        text.starts_with('b') && std::from_chars(text.data() + 1, end, number).ptr == end;
    if (good) came_back(number);
    return;
  }
  const auto told = listener();
  FrameReader::Read read = frames_.read(notification.payload);
  if (!told) return;
  if (read.missed) told->missed();
  for (const BusMessage& message : read.messages) told->heard(message);
}

void Conversation::came_back(std::uint64_t barrier) {
  failures_ = 0;
  const std::scoped_lock lock(mutex_);
  while (!said_.empty() && said_.front()->barrier <= barrier) {
    said_.front()->wakeup->wake(io::Wakeup::By::grant);
    said_.pop_front();
  }
}

// A session to which its own notifications do not come back hears nobody else's either.
Result<void> Conversation::rest_or_give_up(bool has_more) {
  constexpr Duration rest_max = std::chrono::hours(1);
  Instant until = runtime_.now() + rest_max;
  {
    const std::scoped_lock lock(mutex_);
    has_more = has_more || !queue_.empty();
    if (!said_.empty()) until = said_.front()->committed_at + options_.answer_within;
  }
  if (runtime_.now() >= until) return failure(Code::bus_unavailable, never_came_back);
  if (!has_more) hears_->wait(until);
  return {};
}

void Conversation::fail_all(const Error& error) {
  std::vector<JobRef> jobs;
  {
    const std::scoped_lock lock(mutex_);
    jobs.assign(queue_.begin(), queue_.end());
    jobs.insert(jobs.end(), said_.begin(), said_.end());
    queue_.clear();
    said_.clear();
    trouble_ = error;
  }
  fail(jobs, error);
}

void Conversation::fail(const std::vector<JobRef>& jobs, const Error& error) {
  const std::scoped_lock lock(mutex_);
  for (const JobRef& job : jobs) {
    job->error = error;
    job->wakeup->wake(io::Wakeup::By::stop);
  }
}

// The first time at once: most sessions that were good and are lost can be had again.
void Conversation::pause_before_next_try() {
  if (++failures_ <= 1) return;
  Duration pause = options_.retry_after;
  for (int i = 2; i < failures_ && pause < options_.retry_after_max; ++i) pause *= 2;
  bell_.rest(runtime_, runtime_.now() + std::min(pause, options_.retry_after_max));
}

}  // namespace headrace::postgres
