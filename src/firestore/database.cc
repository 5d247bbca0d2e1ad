#include "firestore/database.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "firestore/status.h"

namespace headrace {

namespace {

using io::Wakeup;

// A connection that lies still is tried this often while calls wait for it, and is given up when
// nothing comes back: a firewall may have forgotten it.
constexpr int keepalive_ms = 60'000;
constexpr int keepalive_timeout_ms = 20'000;
// How long a lost connection waits before it is made again.  gRPC's own is up to two minutes.
constexpr int reconnect_ms_min = 100;
constexpr int reconnect_ms_max = 2'000;
constexpr int message_bytes_max = 16 << 20;

std::shared_ptr<grpc::Channel> channel_of(const FirestoreDatabaseOptions& options,
                                          const firestore::Credentials& credentials) {
  grpc::ChannelArguments arguments;
  // Channels to one server share a connection unless they are told not to.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive_timeout_ms);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, reconnect_ms_min);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, reconnect_ms_min);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, reconnect_ms_max);
  arguments.SetMaxReceiveMessageSize(message_bytes_max);
  arguments.SetUserAgentPrefix("headrace");
  const std::string& target = options.emulator.empty() ? options.endpoint : options.emulator;
  return grpc::CreateCustomChannel(target, credentials.channel, arguments);
}

std::size_t channels_of(const FirestoreDatabaseOptions& options) {
  if (options.channels > 0) return options.channels;
  return std::max(1u, std::thread::hardware_concurrency());
}

std::string fault_of(const FirestoreDatabaseOptions& options) {
  if (options.project.empty() || options.project.contains('/')) {
    return "project: a Firestore database needs the id of its project";
  }
  if (options.database.empty() || options.database.contains('/')) {
    return "database: a name without \"/\" is needed; that of the first is \"(default)\"";
  }
  // Both are sent along with each call, and gRPC ends the program over what it cannot send.
  if (!firestore::can_be_metadata(options.project)) {
    return "project: the id of a project has only printable ASCII characters and no spaces";
  }
  if (!firestore::can_be_metadata(options.database)) {
    return "database: the name of a database has only printable ASCII characters and no spaces";
  }
  const std::string& target = options.emulator.empty() ? options.endpoint : options.emulator;
  if (!target.contains(':') || target.contains('/')) {
    return "\"" + target + "\" is no address; write host:port, without a scheme";
  }
  const bool sound = options.calls_max > 0 && options.queue_max > 0 && options.tries_max > 0 &&
                     options.retry_after >= Duration::zero() &&
                     options.retry_after_max >= options.retry_after;
  if (sound) return "";
  return "a Firestore database needs calls_max, queue_max and tries_max of at least 1, and "
         "retry_after of at most retry_after_max";
}

std::unexpected<Error> nobody_waits() {
  return failure(Code::cancelled, "nobody waits for the Firestore call any more");
}

}  // namespace

FirestoreDatabase::FirestoreDatabase(FirestoreDatabaseOptions options,
                                     const firestore::Credentials& credentials, Clock& clock,
                                     Executor& executor, Random& random)
    : options_(std::move(options)),
      name_("projects/" + options_.project + "/databases/" + options_.database),
      quota_project_(credentials.quota_project),
      clock_(clock),
      executor_(executor),
      random_(random) {
  for (std::size_t i = channels_of(options_); i > 0; --i) {
    stubs_.push_back(google::firestore::v1::Firestore::NewStub(channel_of(options_, credentials)));
  }
}

std::string FirestoreDatabase::where() const {
  return "Firestore database \"" + name_ + "\" at " +
         (options_.emulator.empty() ? options_.endpoint : options_.emulator);
}

std::string FirestoreDatabase::place() const {
  return where() + (options_.emulator.empty() ? "" : ", an emulator");
}

firestore::Stub& FirestoreDatabase::next_stub() {
  const std::size_t turn = next_stub_.fetch_add(1, std::memory_order_relaxed);
  return *stubs_[turn % stubs_.size()]->async();
}

void FirestoreDatabase::prepare(grpc::ClientContext& context) const {
  context.AddMetadata("google-cloud-resource-prefix", name_);
  if (!options_.emulator.empty()) context.AddMetadata("authorization", "Bearer owner");
  if (!quota_project_.empty()) context.AddMetadata("x-goog-user-project", quota_project_);
}

Task<Result<void>> FirestoreDatabase::take_turn(Instant deadline, std::stop_token stop) {
  Waiter wakeup;
  {
    const std::lock_guard lock(mutex_);
    if (calls_ < options_.calls_max) {
      ++calls_;
      co_return Result<void>();
    }
    if (waiting_.size() >= options_.queue_max) {
      co_return failure(Code::refused, "queue_max of " + where() +
                                           " is reached: " + std::to_string(options_.queue_max) +
                                           " calls wait for their turn");
    }
    wakeup = std::make_shared<Wakeup>(executor_);
    waiting_.push_back(wakeup);
  }
  const Executor::TimerId timer = io::wake_at(executor_, deadline, wakeup);
  Wakeup::By by = Wakeup::By::nobody;
  {
    const std::stop_callback on_stop(stop, [raw = wakeup.get()] { raw->wake(Wakeup::By::stop); });
    by = co_await wakeup->waiting();
  }
  if (by == Wakeup::By::grant) {
    executor_.cancel(timer);
    co_return Result<void>();
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase(waiting_, wakeup);
  }
  if (by == Wakeup::By::stop) {
    executor_.cancel(timer);
    co_return nobody_waits();
  }
  co_return failure(Code::timed_out, "no call to " + where() + " ended in time; calls_max is " +
                                         std::to_string(options_.calls_max));
}

void FirestoreDatabase::give_turn() {
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    const Waiter waiter = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiter->wake(Wakeup::By::grant)) return;
  }
  --calls_;
}

Task<Result<void>> FirestoreDatabase::run(firestore::Call& call, Instant deadline,
                                          std::stop_token stop) {
  Task<Result<void>> taking = take_turn(deadline, stop);
  Result<void> taken = co_await std::move(taking);
  if (!taken) co_return std::unexpected(std::move(taken.error()));
  if (stop.stop_requested() || clock_.now() >= deadline) {
    give_turn();
    if (stop.stop_requested()) co_return nobody_waits();
    co_return failure(Code::timed_out, "the deadline passed before " + where() + " was asked");
  }
  // Shared with the timer, which may be at work when the call ends.
  const auto context = std::make_shared<grpc::ClientContext>();
  prepare(*context);
  // The server is told how long the answer is wanted, in real time: there is no other to tell it.
  const Duration left = deadline - clock_.now();
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::ceil<std::chrono::microseconds>(left));
  const Executor::TimerId timer = executor_.post_at(deadline, [context] { context->TryCancel(); });
  {
    const std::stop_callback on_stop(stop, [raw = context.get()] { raw->TryCancel(); });
    const firestore::Call::Waiting waiting = call.waiting(next_stub(), *context);
    co_await waiting;
  }
  executor_.cancel(timer);
  give_turn();
  co_return Result<void>();
}

firestore::Stub& FirestoreDatabase::stub_of_stream(grpc::ClientContext& context) {
  prepare(context);
  return next_stub();
}

Task<bool> FirestoreDatabase::pause(std::size_t next, Instant deadline, std::stop_token stop) {
  constexpr std::size_t doublings_max = 16;
  if (next > options_.tries_max || stop.stop_requested()) co_return false;
  const Duration whole =
      std::min(options_.retry_after * (std::int64_t{1} << std::min(next - 2, doublings_max)),
               options_.retry_after_max);
  const auto share = static_cast<double>(random_.bits() >> 11) * 0x1p-53;
  const auto half = static_cast<double>(whole.count()) / 2;
  const Instant again =
      clock_.now() + whole / 2 + Duration(static_cast<Duration::rep>(share * half));
  if (again >= deadline) co_return false;
  const auto wakeup = std::make_shared<Wakeup>(executor_);
  const Executor::TimerId timer = io::wake_at(executor_, again, wakeup);
  Wakeup::By by = Wakeup::By::nobody;
  {
    const std::stop_callback on_stop(stop, [raw = wakeup.get()] { raw->wake(Wakeup::By::stop); });
    by = co_await wakeup->waiting();
  }
  if (by == Wakeup::By::stop) executor_.cancel(timer);
  co_return by == Wakeup::By::time;
}

Error FirestoreDatabase::error_of(const grpc::Status& status, Instant deadline,
                                  const std::stop_token& stop) const {
  if (stop.stop_requested()) return nobody_waits().error();
  if (status.error_code() == grpc::CANCELLED && clock_.now() >= deadline) {
    return {Code::timed_out, where() + ": it did not answer in time"};
  }
  return firestore::error_of(status, where());
}

Result<std::shared_ptr<FirestoreDatabase>> open_firestore_database(FirestoreDatabaseOptions options,
                                                                   Clock& clock, Executor& executor,
                                                                   Random& random) {
  if (const std::string fault = fault_of(options); !fault.empty()) {
    return failure(Code::invalid_argument, fault);
  }
  Result<firestore::Credentials> credentials = firestore::make_credentials(options);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  return std::make_shared<FirestoreDatabase>(std::move(options), *credentials, clock, executor,
                                             random);
}

}  // namespace headrace
