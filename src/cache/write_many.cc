// Many writes at once: each succeeds or fails on its own, and what they outdate is invalidated
// together, once, before the reply.
#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "cache/impl.h"
#include "cache/together.h"

namespace headrace {

namespace {

// Of one entity the order would be chance.
bool has_twice(const std::vector<Write>& writes) {
  std::set<std::string_view> entities;
  for (const Write& write : writes) {
    if (!entities.insert(write.entity).second) return true;
  }
  return false;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.end()));
}

void append(Settling& to, Settling&& from) {
  append(to.what.keys, std::move(from.what.keys));
  append(to.what.tags, std::move(from.what.tags));
  append(to.what.policies, std::move(from.what.policies));
  append(to.done.keys, std::move(from.done.keys));
  append(to.done.watermarks, std::move(from.done.watermarks));
}

void unite(std::vector<std::string>& names) {
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
}

}  // namespace

Task<void> Engine::Impl::change_one(WritingRef writing) {
  auto changing = change_in_time(writing);
  writing->outcome = co_await std::move(changing);
}

// What they outdate, in as few invalidations as may be.
Task<Held> Engine::Impl::settle_all(std::shared_ptr<const std::vector<WritingRef>> writings) {
  Held held = Held::everywhere;
  for (auto next = writings->begin(); next != writings->end();) {
    Settling all;
    std::size_t told = 0;
    for (; next != writings->end() && all.what.keys.size() < limits_.keys_per_invalidation_max / 2;
         ++next) {
      const Result<Written>& outcome = (*next)->outcome;
      if (!outcome && left_all_as_it_was(outcome.error().code)) continue;
      append(all, settling_of(**next, outcome));
      ++told;
    }
    if (told == 0) continue;
    unite(all.what.tags);
    unite(all.what.policies);
    // A watermark that one commit has replaced may be older than another commit that needs it.
    if (told > 1) all.done.watermarks.clear();
    auto invalidating = invalidate_now(std::move(all.what), std::move(all.done));
    held = std::max(held, co_await std::move(invalidating));
  }
  co_return held;
}

// Under guards of their own.
Task<std::vector<Result<WriteOutcome>>> Engine::Impl::write_each(PolicyHandle policy,
                                                                 std::vector<Write> writes) {
  auto all = std::make_shared<std::vector<Write>>(std::move(writes));
  auto outcomes = std::make_shared<std::vector<Result<WriteOutcome>>>(all->size());
  const auto one = [](std::shared_ptr<Impl> self, PolicyHandle under, Write write,
                      std::shared_ptr<std::vector<Result<WriteOutcome>>> into,
                      std::size_t place) -> Task<void> {
    auto writing = self->write(std::move(under), std::move(write));
    (*into)[place] = co_await std::move(writing);
  };
  co_await Together(all->size(), limits_.writes_at_once,
                    [self = shared_from_this(), one, policy, all, outcomes](std::size_t i) {
                      return one(self, policy, std::move((*all)[i]), outcomes, i);
                    });
  co_return std::move(*outcomes);
}

Task<std::vector<Result<WriteOutcome>>> Engine::Impl::write_many(PolicyHandle policy,
                                                                 std::vector<Write> writes) {
  std::vector<Result<WriteOutcome>> outcomes(writes.size());
  const bool too_many = writes.size() > limits_.writes_max;
  if (too_many || has_twice(writes)) {
    outcomes.assign(writes.size(),
                    failure(Code::invalid_argument,
                            too_many ? "writes_max: more than " +
                                           std::to_string(limits_.writes_max) + " writes at once"
                                     : "two writes of one entity at once: one would be lost"));
    co_return outcomes;
  }
  if (policy->snapshot().compiled->policy.level >= Level::linearizable) {
    auto guarded = write_each(std::move(policy), std::move(writes));
    co_return co_await std::move(guarded);
  }
  auto open = std::make_shared<std::vector<WritingRef>>();
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    Result<WritingRef> opened = open_write(policy, std::move(writes[i]));
    Result<void> may;
    if (opened) may = allowed((*opened)->compiled->policy, (*opened)->write);
    if (!opened || !may) {
      outcomes[i] = std::unexpected(opened ? may.error() : opened.error());
      continue;
    }
    open->push_back(*std::move(opened));
    places.push_back(i);
  }
  co_await Together(
      open->size(), limits_.writes_at_once,
      [self = shared_from_this(), open](std::size_t i) { return self->change_one((*open)[i]); });
  auto settling = settle_all(open);
  const Held held = co_await std::move(settling);
  for (std::size_t i = 0; i < open->size(); ++i) {
    const Result<Written>& outcome = (*open)[i]->outcome;
    outcomes[places[i]] = outcome ? Result<WriteOutcome>(outcome_of(*outcome, held))
                                  : std::unexpected(outcome.error());
  }
  co_return outcomes;
}

}  // namespace headrace
