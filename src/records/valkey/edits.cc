// Edits: read, ask the editor, and have the script compare and write; again if others were faster.
//
// The keys of an edit are read by one command, so that what an editor declines it declines for
// something that was there at one moment.  A conflict has changed nothing, and is the one outcome
// after which anything is sent again.
//
// Which tenants have records with ends is written down before the first such record of each is: who
// sweeps finds them there.  A server that has forgotten it is another incarnation, to which it is
// told anew.
#include <algorithm>
#include <coroutine>
#include <utility>

#include "records/valkey/valkey_records.h"

namespace headrace::valkey_records {

namespace {

using valkey::Answers;
using valkey::Ask;
using valkey::Copies;

constexpr Duration pause_min = std::chrono::microseconds(100);
constexpr unsigned pause_doublings_max = 7;  // Up to 12.8 ms.

// Lets the others go on for a moment of random length.
class Pause {
 public:
  Pause(Runtime& runtime, std::size_t tries) : runtime_(runtime) {
    const auto doublings = std::min<std::size_t>(tries, pause_doublings_max);
    const auto most = static_cast<std::uint64_t>(pause_min.count()) << doublings;
    time_ = Duration(static_cast<Duration::rep>(runtime.bits() % most));
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    runtime_.post_at(runtime_.now() + time_, [waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  Runtime& runtime_;
  Duration time_{0};
};

std::unexpected<Error> over(const Outcome& outcome, const Records::Ceiling& ceiling) {
  const bool records = outcome.what == Outcome::What::over_records;
  const std::uint64_t max = records ? ceiling.records_max : ceiling.bytes_max;
  return failure(Code::over_quota, "this would make " + std::to_string(outcome.number) + " of " +
                                       std::to_string(max) +
                                       (records ? " records (records_max)" : " bytes (bytes_max)") +
                                       "; remove some");
}

// What is there after the edit, which has given versions up to `last`.
std::vector<RecordRef> left_by(const std::vector<Kept>& found, std::vector<Records::Change> changes,
                               std::uint64_t last) {
  using What = Records::Change::What;
  const auto puts = std::ranges::count(changes, What::put, &Records::Change::what);
  std::uint64_t version = last - static_cast<std::uint64_t>(puts);
  std::vector<RecordRef> left;
  left.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    switch (changes[i].what) {
      case What::keep: left.push_back(found[i].record); break;
      case What::remove: left.emplace_back(); break;
      case What::put:
        changes[i].record.version = ++version;
        left.push_back(std::make_shared<const Record>(std::move(changes[i].record)));
        break;
    }
  }
  return left;
}

std::vector<RecordRef> records_of(const std::vector<Kept>& kept) {
  std::vector<RecordRef> records;
  records.reserve(kept.size());
  for (const Kept& one : kept) records.push_back(one.record);
  return records;
}

}  // namespace

Task<Result<ValkeyRecords::Seen>> ValkeyRecords::see(std::vector<RecordKey> keys) {
  std::vector<std::string> words{"MGET"};
  for (const RecordKey& key : keys) words.push_back(names_.record(key));
  RespCommands commands;
  commands.add(words);
  auto asking = ask_one(words.back(), std::move(commands));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const std::vector<RespValue>& values = answers->all.front().values.front().items;
  if (values.size() != keys.size()) {
    co_return failed({.what = "MGET answers another number of records"});
  }
  Seen seen{.incarnation = answers->incarnation};
  for (const RespValue& value : values) {
    Result<Kept> kept = read_kept(value);
    if (!kept) co_return failed(std::move(kept.error()));
    seen.kept.push_back(*std::move(kept));
  }
  co_return seen;
}

// Among the tenants that have records with ends.
Task<Result<void>> ValkeyRecords::enter(TenantId tenant, Token incarnation) {
  {
    const std::scoped_lock lock(mutex_);
    const auto known = entered_.find(tenant);
    if (known != entered_.end() && known->second == incarnation) co_return Result<void>();
  }
  const std::string name = names_.tenants();
  std::vector<Ask> one(1);
  one.front().slot = router_->slot_of(name);
  one.front().commands.add({"SADD", name, std::to_string(tenant)});
  auto asking = ask(std::move(one), Copies::before_it_counts);
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  const std::scoped_lock lock(mutex_);
  entered_[tenant] = incarnation;
  co_return Result<void>();
}

Task<Result<Outcome>> ValkeyRecords::carry_out(Plan plan) {
  const std::uint16_t slot = router_->slot_of(plan.names.front());
  const std::string keys = std::to_string(plan.names.size());
  const auto server = router_->known_server_of(slot);
  std::vector<std::string> words{"EVALSHA", server ? server->shas.front() : "", keys};
  words.insert(words.end(), plan.names.begin(), plan.names.end());
  words.insert(words.end(), plan.arguments.begin(), plan.arguments.end());
  for (bool by_name = server != nullptr;; by_name = false) {
    if (!by_name) {
      words[0] = "EVAL";
      words[1] = edit_script;
    }
    std::vector<Ask> one(1);
    one.front().slot = slot;
    one.front().commands.add(words);
    auto asking = ask(std::move(one), Copies::before_it_counts);
    const Result<Answers> answers = co_await std::move(asking);
    if (!answers) co_return std::unexpected(answers.error());
    const RespValue& value = answers->all.front().values.front();
    if (by_name && value.is_error()) continue;  // It has lost the script, and done nothing.
    Result<Outcome> outcome = read_outcome(value);
    if (!outcome) co_return failed(std::move(outcome.error()));
    co_return outcome;
  }
}

Task<Result<std::vector<RecordRef>>> ValkeyRecords::edit(std::vector<RecordKey> keys, Editor editor,
                                                         Ceiling ceiling) {
  for (std::size_t tries = 0; tries < options_.edit_tries_max; ++tries) {
    auto seeing = see(keys);
    Result<Seen> seen = co_await std::move(seeing);
    if (!seen) co_return std::unexpected(std::move(seen.error()));
    auto changes = editor(records_of(seen->kept));
    if (!changes) co_return records_of(seen->kept);
    Plan plan = plan_of(names_, keys, seen->kept, *changes, ceiling);
    if (!plan.changes) co_return records_of(seen->kept);
    if (plan.has_ends) {
      auto entering = enter(keys.front().tenant(), seen->incarnation);
      const Result<void> entered = co_await std::move(entering);
      if (!entered) co_return std::unexpected(entered.error());
    }
    auto carrying = carry_out(std::move(plan));
    const Result<Outcome> outcome = co_await std::move(carrying);
    if (!outcome) co_return std::unexpected(outcome.error());
    switch (outcome->what) {
      case Outcome::What::made:
        edits_.fetch_add(1, std::memory_order_relaxed);
        co_return left_by(seen->kept, *std::move(changes), outcome->number);
      case Outcome::What::over_records:
      case Outcome::What::over_bytes: co_return over(*outcome, ceiling);
      case Outcome::What::conflict: break;
    }
    Pause pause(runtime_, tries);
    co_await pause;
  }
  co_return failure(Code::refused, "others changed the same records " +
                                       std::to_string(options_.edit_tries_max) +
                                       " times in between (edit_tries_max); try again later");
}

}  // namespace headrace::valkey_records
