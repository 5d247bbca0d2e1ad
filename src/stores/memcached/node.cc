#include "stores/memcached/node.h"

#include <algorithm>
#include <utility>

#include "stores/memcached/trial.h"

namespace headrace::memcached {

namespace {

using wire::MemcachedReply;
using wire::MemcachedRequest;
using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;

// Less than this an item's time to live is not a date.
constexpr std::int64_t dates_after = 60 * 60 * 24 * 30;
constexpr Duration life_lasts = std::chrono::hours(24 * 365 * 10);
constexpr Duration usage_every = std::chrono::seconds(2);
constexpr Duration refusal_told_every = std::chrono::minutes(1);

class Replying final : public io::Framing {
 public:
  // `strange` is called with what is wrong, if the peer does not talk as memcached does.
  Replying(std::size_t reply_bytes_max, std::function<void(const Error&)> strange)
      : strange_(std::move(strange)), reader_(reply_bytes_max) {}
  Result<Found> first(std::string_view bytes) override {
    const Result<std::size_t> size = reader_.size_of_first(bytes);
    if (!size) {
      strange_(size.error());
      return std::unexpected(size.error());
    }
    return Found{.bytes = *size};
  }

 private:
  std::function<void(const Error&)> strange_;
  wire::MemcachedReader reader_;
};

std::uint64_t counted(const MemcachedReply& stats, std::string_view name) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, wire::integer_of(stats.stat(name)).value_or(0)));
}

Store::Usage usage_of(const MemcachedReply& stats) {
  return {.entries = counted(stats, "curr_items"),
          .bytes = counted(stats, "bytes"),
          .bytes_max = counted(stats, "limit_maxbytes"),
          .evicted_total = counted(stats, "evictions"),
          .expired_total = counted(stats, "reclaimed")};
}

}  // namespace

std::shared_ptr<Node> Node::make(Runtime& runtime, Clock& clock, const Names& names,
                                 Options options) {
  auto node = std::make_shared<Node>(runtime, clock, names, std::move(options));
  node->open();
  return node;
}

Node::Node(Runtime& runtime, Clock& clock, const Names& names, Options options)
    : runtime_(runtime),
      clock_(clock),
      names_(names),
      options_(std::move(options)),
      name_(io::to_string(options_.address)),
      trial_(names.trial(runtime.token())) {}

void Node::open() {
  MemcachedRequest trial = trial_of(trial_);
  io::Pipeline::Options pipeline{.to = options_.address, .loop = options_.loop};
  pipeline.framing = [weak = weak_from_this(), most = options_.reply_bytes_max] {
    return std::make_unique<Replying>(most, [weak](const Error& error) {
      if (const auto self = weak.lock())
        self->judge(error.what + "; " + std::string(needed_server));
    });
  };
  pipeline.greeting.request = std::move(trial.bytes);
  pipeline.greeting.replies = trial.replies;
  pipeline.greeting.check = [weak = weak_from_this()](const io::Pipeline::Greeted& greeted) {
    const auto self = weak.lock();
    return self ? self->greet(greeted) : failure(Code::closed, "closed here");
  };
  pipeline.connect_within = options_.connect_within;
  pipeline.answer_within = options_.answer_within;
  pipeline.reply_bytes_max = options_.reply_bytes_max;
  pipeline_ = std::make_unique<io::Pipeline>(runtime_, std::move(pipeline));
}

Result<void> Node::greet(const io::Pipeline::Greeted& greeted) {
  const Result<MemcachedReply> stats = judge_trial(greeted.replies);
  judge(stats ? "" : stats.error().what);
  if (!stats) return std::unexpected(stats.error());
  {
    const std::lock_guard lock(mutex_);
    usage_ = usage_of(*stats);
  }
  return begin_session(greeted, *stats);
}

void Node::judge(std::string_view why) {
  const std::lock_guard lock(mutex_);
  unfit_ = why.empty() ? "" : name_ + ": " + std::string(why);
}

// The clock goes on where it is the same process that was talked to before: its bounds still hold,
// and if it is behind them, it has been asleep.
Result<void> Node::begin_session(const io::Pipeline::Greeted& greeted,
                                 const MemcachedReply& stats) {
  const std::int64_t time = wire::integer_of(stats.stat("time")).value_or(0);
  const std::int64_t uptime = wire::integer_of(stats.stat("uptime")).value_or(0);
  if (time < 2 * dates_after || expiry_of(ServerTime(std::chrono::seconds(time))) < time) {
    return failure(Code::store_unavailable,
                   "its calendar says " + std::to_string(time) +
                       " s since 1970, which cannot be; set the clock of its machine, and start it "
                       "again");
  }
  std::string process(stats.stat("pid"));
  process.append(" ").append(std::to_string(time - uptime));
  const Instant received = clock_.now();
  const Instant sent = received - (runtime_.now() - greeted.sent);
  const std::lock_guard lock(mutex_);
  ServerClock clock(sent, received, time);
  if (session_ && process == process_) {
    // What the last session knows of its clock, this reading included, whether it is behind or not.
    if (!session_->observe(sent, received, time)) {
      return failure(Code::store_unavailable,
                     "its clock is behind; it was stopped, or is badly short of processor time");
    }
    clock = session_->clock();
  }
  process_ = std::move(process);
  session_ = std::make_shared<Session>(greeted.connection, clock, options_.seen_max);
  return {};
}

Task<Result<Replies>> Node::call(MemcachedRequest request, SessionRef only_on) {
  Replies replies{.sent = clock_.now()};
  const std::size_t count = request.replies;
  const std::uint64_t connection = only_on ? only_on->connection : 0;
  auto calling =
      pipeline_->call(std::move(request.bytes), count, options_.answer_within, connection);
  Result<io::Pipeline::Answer> answer = co_await std::move(calling);
  replies.received = clock_.now();
  if (!answer) {
    if (answer.error().code == Code::cancelled) co_return std::unexpected(answer.error());
    co_return failed(std::move(answer.error()));
  }
  replies.bytes = std::make_unique<const std::string>(std::move(answer->bytes));
  std::string_view left = *replies.bytes;
  while (replies.all.size() < count) {
    const Result<MemcachedReply> reply = wire::take_reply(left);
    if (!reply) co_return failed(reply.error());
    replies.all.push_back(*reply);
  }
  {
    const std::lock_guard lock(mutex_);
    replies.session = session_;
    trouble_.clear();
  }
  if (!replies.session || replies.session->connection != answer->connection) {
    co_return failed({.code = Code::store_unavailable, .what = name_ + ": it was lost meanwhile"});
  }
  co_return replies;
}

Task<Result<SessionRef>> Node::session(SessionRef over) {
  {
    const std::lock_guard lock(mutex_);
    if (session_ && session_ != over) co_return session_;
  }
  MemcachedRequest request;
  ask_life(request);
  auto asking = call(std::move(request));
  Result<Replies> replies = co_await std::move(asking);
  if (!replies) co_return std::unexpected(std::move(replies.error()));
  co_return replies->session;
}

void Node::ask_life(MemcachedRequest& request) const {
  request.get(names_.life(), MemcachedRequest::Value::with);
}

Result<Token> Node::life_of(const Replies& replies, const MemcachedReply& reply) {
  if (reply.kind == Kind::missing) return Token();
  const auto record = LifeRecord::parse(reply.value);
  const auto left = reply.left();
  if (reply.kind != Kind::value || !record || left.value_or(-1) < 0) {
    return failed({.code = Code::store_unavailable,
                   .what = name_ + ": the item \"" + names_.life() +
                           "\" is not what Headrace keeps there; give Headrace a prefix of its "
                           "own, or flush_all the server"});
  }
  if (record->servers != options_.servers) {
    return failed({.code = Code::store_unavailable,
                   .what = name_ +
                           ": it is in use with another list of servers; all instances must name "
                           "the same ones, and when the list changes every server must be emptied "
                           "(flush_all), for what moved would be old when it moves back"});
  }
  if (!replies.session->observe(replies.sent, replies.received, record->expires_at - *left)) {
    return failed({.code = Code::store_unavailable,
                   .what = name_ +
                           ": its clock is behind; it was stopped, or is badly short of processor "
                           "time"});
  }
  const std::lock_guard lock(mutex_);
  life_ = record->token;
  return record->token;
}

void Node::make_life(MemcachedRequest& request, const Session& session) const {
  const std::int64_t expires_at = expiry_of(session.latest(clock_.now()) + life_lasts);
  const LifeRecord record{
      .token = runtime_.token(), .servers = options_.servers, .expires_at = expires_at};
  request.set(names_.life(), record.bytes(), {.when = Set::If::absent, .expires_at = expires_at});
}

Token Node::last_life() const {
  const std::lock_guard lock(mutex_);
  return life_;
}

std::string Node::unfit() const {
  const std::lock_guard lock(mutex_);
  return unfit_;
}

std::string Node::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void Node::tell_refused(std::size_t bytes, std::string_view words) {
  const Instant now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    if (refusal_told_ != Instant::min() && now - refusal_told_ < refusal_told_every) return;
    refusal_told_ = now;
  }
  if (!options_.notice) return;
  options_.notice("memcached " + name_ + ": a value of " + std::to_string(bytes) +
                  " bytes was not kept: \"" + std::string(words) +
                  "\"; -I sets how large one may be, -m how much all may have");
}

std::unexpected<Error> Node::strange(const MemcachedReply& reply) {
  const std::string words = reply.kind == Kind::error ? std::string(reply.value) : "nonsense";
  return failed({.code = Code::store_unavailable,
                 .what = name_ + ": it answers \"" + words + "\" to a command of Headrace's"});
}

std::unexpected<Error> Node::failed(Error error) {
  bool begins = false;
  {
    const std::lock_guard lock(mutex_);
    begins = trouble_.empty() && error.code != Code::closed;
    if (error.code != Code::closed) trouble_ = error.what;
  }
  if (begins && options_.notice) options_.notice("memcached " + error.what);
  return failure(error.code == Code::closed ? Code::closed : Code::store_unavailable,
                 "memcached " + error.what);
}

Store::Usage Node::usage() {
  const Instant now = clock_.now();
  Store::Usage usage;
  bool asks = false;
  {
    const std::lock_guard lock(mutex_);
    usage = usage_;
    asks = usage_asked_ == Instant::min() || now - usage_asked_ >= usage_every;
    if (asks) usage_asked_ = now;
  }
  if (asks) start(ask_usage(shared_from_this()));
  return usage;
}

Task<void> Node::ask_usage(std::shared_ptr<Node> self) {
  MemcachedRequest request;
  request.stats();
  auto asking = self->call(std::move(request));
  const Result<Replies> replies = co_await std::move(asking);
  if (!replies || replies->all[0].kind != Kind::stats) co_return;
  const std::lock_guard lock(self->mutex_);
  self->usage_ = usage_of(replies->all[0]);
}

void Node::close() {
  pipeline_->close();
}

}  // namespace headrace::memcached
