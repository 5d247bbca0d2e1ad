// The life of a write: the source first, then all that the change outdates, and only then the
// reply.
//
// A load that read the old value is cut off by the invalidation, whichever side of the source's
// commit it read; a load that starts after the write has ended reads the new value.  What the
// engine does not hear of is a crash between the two steps: then only the bound helps.
//
// Where the store is kept in the source's own database there is no such step between: what the
// change is known to outdate in the store goes along in the source's commit.  A lease from before
// the commit is void with it, and whoever has one from after it reads the new value.  What only the
// outcome tells, and all of it if the outcome is not known, is invalidated afterwards as elsewhere.
#include <algorithm>
#include <cassert>
#include <set>

#include "cache/impl.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Some sources spell a name in more than one way; to outdate too much is harmless.
bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// No names stand for all of them.
bool share_a_field(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return true;
  return std::ranges::any_of(a, [&b](const std::string& one) {
    return std::ranges::any_of(b,
                               [&one](const std::string& other) { return same_name(one, other); });
  });
}

bool outdates(const Dependency& change, const Dependency& reads) {
  return !change.database.empty() && change.database == reads.database &&
         same_name(change.collection, reads.collection) &&
         share_a_field(change.fields, reads.fields);
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "\"" : ", \"") + name + "\"";
  return list;
}

// What the write changes, as far as the policy knows.
std::vector<Dependency> named_changes(const Compiled& compiled, const Write& write) {
  if (compiled.dependencies.empty()) return {};
  Dependency change = compiled.dependencies.front();
  change.fields.clear();
  // Whoever comes or goes may enter or leave the answer of any query.
  if (write.mode == Write::Mode::update) {
    for (const auto& [name, value] : write.fields) change.fields.push_back(name);
  }
  return {std::move(change)};
}

// Whether a write of the policy's changes what is read: then its revision tells whether a read
// contains the change.  Those of another database, or of what a trigger changed, cannot be
// compared.
bool is_written(const Compiled& compiled, const Dependency& reads) {
  if (compiled.dependencies.empty()) return false;
  const Dependency& written = compiled.dependencies.front();
  return written.database == reads.database && same_name(written.collection, reads.collection);
}

}  // namespace

// Whether the policy lets this write through.
Result<void> allowed(const Policy& policy, const Write& write) {
  const std::string who = "policy \"" + policy.name + "\"";
  if (write.expected && write.expected->empty() && write.mode != Write::Mode::upsert) {
    return failure(Code::invalid_argument, "what is expected to be absent can only be made");
  }
  if (write.mode == Write::Mode::remove) {
    if (!write.fields.empty()) {
      return failure(Code::invalid_argument, "a removal names no fields");
    }
    if (policy.removable) return {};
    return failure(Code::not_allowed, who + " does not allow removing; set its `removable`");
  }
  if (policy.writable.empty()) {
    return failure(Code::not_allowed, who + " cannot be written to; set its `writable`");
  }
  if (write.fields.empty()) return failure(Code::invalid_argument, "the write names no fields");
  std::vector<std::string> foreign;
  for (const auto& [name, value] : write.fields) {
    if (std::ranges::count(write.fields, name, &std::pair<std::string, std::string>::first) > 1) {
      return failure(Code::invalid_argument, name + ": is named twice");
    }
    if (std::ranges::find(policy.writable, name) == policy.writable.end()) foreign.push_back(name);
  }
  if (foreign.empty()) return {};
  return failure(Code::not_allowed, who + " does not allow writing " + listed(foreign) +
                                        "; its writable fields are " + listed(policy.writable));
}

WriteOutcome outcome_of(const Written& written, Held held) {
  return {.found = written.found,
          .revision = written.revision,
          .held = held,
          .conflict = written.conflict};
}

bool left_all_as_it_was(Code code) noexcept {
  return code == Code::invalid_argument || code == Code::refused || code == Code::not_allowed;
}

Invalidation Engine::Impl::outdated_by(const Writing& writing,
                                       const std::vector<Dependency>& changes,
                                       const std::string& revision, bool of_entity_alone) const {
  const std::string& entity = writing.write.entity;
  Invalidation what;
  what.keys.push_back({writing.compiled->policy.name, entity, revision});
  what.tags = writing.compiled->tags_of(entity);
  for (const PolicyHandle& policy : all()) {
    const std::shared_ptr<const Compiled> compiled = policy->snapshot().compiled;
    bool one = false;
    bool whole = false;
    bool comparable = false;
    for (const Dependency& reads : compiled->dependencies) {
      for (const Dependency& change : changes) {
        if (!outdates(change, reads)) continue;
        // Both must name the members of the collection in the same way.
        const bool exact = change.of_entity && reads.of_entity;
        one = one || exact;
        whole = whole || !exact;
        comparable = comparable || is_written(*writing.compiled, reads);
      }
    }
    const std::string& name = compiled->policy.name;
    if (whole && !of_entity_alone) {
      what.policies.push_back(name);
    } else if (one && name != writing.compiled->policy.name) {
      what.keys.push_back({name, entity, comparable ? revision : std::string()});
    }
  }
  return what;
}

// As far as it is known before the source is asked.
Invalidation Engine::Impl::outdated_by(const Writing& writing) const {
  return outdated_by(writing, named_changes(*writing.compiled, writing.write), {}, false);
}

Invalidation Engine::Impl::outdated_by(const std::vector<SourceChange>& changes) const {
  std::set<std::pair<std::string, std::string>> keys;
  std::set<std::string> tags;
  std::set<std::string> policies;
  for (const PolicyHandle& policy : all()) {
    const std::shared_ptr<const Compiled> compiled = policy->snapshot().compiled;
    const std::string& name = compiled->policy.name;
    for (const SourceChange& change : changes) {
      const Dependency changed{
          .database = change.database, .collection = change.collection, .fields = change.fields};
      for (const Dependency& reads : compiled->dependencies) {
        const bool is_any = change.collection.empty() && change.database == reads.database;
        if (!is_any && !outdates(changed, reads)) continue;
        if (is_any || !change.entity || !reads.of_entity) {
          policies.insert(name);
        } else if (keys.emplace(name, *change.entity).second) {
          for (std::string& tag : compiled->tags_of(*change.entity)) tags.insert(std::move(tag));
        }
      }
    }
  }
  Invalidation what{.tags = {tags.begin(), tags.end()},
                    .policies = {policies.begin(), policies.end()}};
  for (const auto& [name, entity] : keys) {
    if (!policies.contains(name)) what.keys.push_back({name, entity});
  }
  return what;
}

// What the write has outdated, or may have, and what of that the store has been told.
Settling Engine::Impl::settling_of(const Writing& writing, const Result<Written>& outcome) const {
  std::vector<Dependency> changes = named_changes(*writing.compiled, writing.write);
  if (outcome && !outcome->changed.empty()) {
    changes = outcome->changed;
  } else if (!outcome) {
    for (Dependency& change : changes) change.fields.clear();
  }
  // If the entity was not there, or not as was expected, nothing has changed; but a copy of it that
  // is kept is outdated, and so may be what else is kept under its name.
  const bool of_entity_alone = outcome && (!outcome->found || outcome->conflict);
  const bool may_lag = writing.compiled->source->may_lag();
  std::string revision = outcome && may_lag ? outcome->revision : std::string();
  if (revision.size() > revision_bytes_max) revision.clear();
  Settling settling{.what = outdated_by(writing, changes, revision, of_entity_alone)};
  if (outcome && outcome->along) settling.done = writing.along;
  return settling;
}

Task<Held> Engine::Impl::settle_write(WritingRef writing, Result<Written> outcome) {
  Settling settling = settling_of(*writing, outcome);
  auto invalidation = invalidate_now(std::move(settling.what), std::move(settling.done));
  co_return co_await std::move(invalidation);
}

// Where the store is kept in the source's database: what the change is known to outdate there.
// Markers and floors need an answer of the store's and stay behind.
void Engine::Impl::take_along(Writing& writing) const {
  const Source& source = *writing.compiled->source;
  if (ports_.store == nullptr || source.may_lag()) return;
  const std::string database = source.commits_in();
  if (database.empty() || database != ports_.store->commits_in()) return;
  Result<Orders> orders = orders_of(outdated_by(writing));
  if (!orders) return;
  std::erase_if(orders->keys, [&denied = orders->denied](const StoreKey& key) {
    return std::ranges::count(denied, key) > 0;
  });
  std::vector<std::string> along = ports_.store->voiding(orders->keys, orders->watermarks);
  if (along.empty() || along.size() > source.along_max()) return;
  writing.write.along = std::move(along);
  writing.along = {.keys = std::move(orders->keys), .watermarks = std::move(orders->watermarks)};
}

// The source's part.  If nobody waits for it any more it invalidates by itself when it has ended.
Task<Result<Written>> Engine::Impl::change_source(WritingRef writing) {
  take_along(*writing);
  Write write = writing->write;
  auto task = writing->compiled->source->write(std::move(write));
  Result<Written> outcome = co_await std::move(task);
  if (outcome) {
    PolicyState& policy = *writing->policy;
    policy.count(Count::source_writes, outcome->writes);
    policy.count(Count::source_deletes, outcome->deletes);
    policy.count_billed(outcome->found ? Kind::value : Kind::absent, false, outcome->reads);
  }
  // Given up is set before the caller's own invalidation begins: either that one comes after this
  // end, or this one does.
  if (writing->given_up.load()) {
    auto settled = settle_write(writing, outcome);
    (void)co_await std::move(settled);
  }
  co_return outcome;
}

// Under a guard on all that the change is known to outdate by key.
Task<Result<WriteOutcome>> Engine::Impl::write_linearizably(WritingRef writing) {
  Invalidation what = outdated_by(*writing);
  Change change = [self = shared_from_this(), writing](Instant deadline) {
    return self->change_under_guard(writing, deadline);
  };
  auto guarding = write_guarded(std::move(what), std::move(change), Wait::confirmed);
  const Result<Held> held = co_await std::move(guarding);
  if (!held) co_return std::unexpected(held.error());
  co_return outcome_of(*writing->outcome, std::max(writing->held, *held));
}

// What the change turned out to outdate is invalidated before the guard goes.
Task<Result<void>> Engine::Impl::change_under_guard(WritingRef writing, Instant deadline) {
  writing->write.deadline = std::min(writing->write.deadline, deadline);
  auto changing = change_source(writing);
  writing->outcome = co_await std::move(changing);
  if (!writing->outcome) co_return std::unexpected(writing->outcome.error());
  auto settling = settle_write(writing, writing->outcome);
  writing->held = co_await std::move(settling);
  co_return Result<void>();
}

// What has to be so before the source is asked for anything.
Result<WritingRef> Engine::Impl::open_write(const PolicyHandle& policy, Write write) const {
  if (closed_.load()) return failure(Code::closed, "the engine is closed");
  if (!policy->is_defined()) return failure(Code::unknown_policy, "the policy has been removed");
  auto writing = std::make_shared<Writing>();
  writing->policy = policy;
  writing->compiled = policy->snapshot().compiled;
  if (write.entity.size() > entity_bytes_max) {
    return failure(Code::too_large, "the entity is over 1024 bytes (entity_bytes_max)");
  }
  // What cannot be invalidated afterwards must not be changed.
  for (const std::string& tag : writing->compiled->tags_of(write.entity)) {
    if (tag.size() <= tag_bytes_max) continue;
    return failure(Code::too_large, "the entity makes a tag of more than 1280 bytes");
  }
  const Instant latest = ports_.clock.now() + writing->compiled->policy.load_within;
  write.along.clear();
  write.deadline = write.deadline == Instant{} ? latest : std::min(write.deadline, latest);
  writing->write = std::move(write);
  return writing;
}

// The source's part, by the write's deadline.
Task<Result<Written>> Engine::Impl::change_in_time(WritingRef writing) {
  Error late{.code = Code::timed_out,
             .what =
                 "the source did not confirm the write in time; nobody knows whether it was "
                 "made, read before you repeat it"};
  auto task = change_source(writing);
  auto change =
      within(ports_.executor, gate_, std::move(task), writing->write.deadline, std::move(late));
  Result<Written> outcome = co_await change;
  if (!outcome && !left_all_as_it_was(outcome.error().code)) writing->given_up.store(true);
  co_return outcome;
}

Task<Result<WriteOutcome>> Engine::Impl::write(PolicyHandle policy, Write write) {
  Result<WritingRef> opened = open_write(policy, std::move(write));
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  const WritingRef writing = *std::move(opened);
  const Policy& declared = writing->compiled->policy;
  if (Result<void> may = allowed(declared, writing->write); !may) {
    co_return std::unexpected(std::move(may.error()));
  }
  if (declared.level >= Level::linearizable) {
    auto guarded = write_linearizably(writing);
    Result<WriteOutcome> outcome = co_await std::move(guarded);
    co_return outcome;
  }
  if (removed(Mechanism::after_commit)) {
    auto early = settle_write(writing, Written{});
    (void)co_await std::move(early);
  }
  auto changing = change_in_time(writing);
  const Result<Written> outcome = co_await std::move(changing);
  if (!outcome && left_all_as_it_was(outcome.error().code)) {
    co_return std::unexpected(outcome.error());
  }
  if (removed(Mechanism::after_commit) && outcome) co_return outcome_of(*outcome, Held::everywhere);
  auto settled = settle_write(writing, outcome);
  const Held held = co_await std::move(settled);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return outcome_of(*outcome, held);
}

}  // namespace headrace
