// Read-modify-write: an update starts from what the source says now, and never from what is kept.
//
// The source is read with the exact state that it is in, the editor decides, and the change is made
// only if that is still its state.  Whoever came in between is not overwritten: then all of it is
// done again, after a pause that grows and is left to chance, so that two who meet part.
//
// A try whose end nobody knows is not followed by another: it may have been made, and an edit like
// "one more" must not be made twice.
#include <algorithm>
#include <exception>

#include "cache/impl.h"
#include "core/mutants.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

constexpr Duration pause_first = std::chrono::milliseconds(1);
constexpr Duration pause_most = std::chrono::milliseconds(64);

// Reading has changed nothing, whatever became of it.
Error unread(const Error& error) {
  const bool is_definite = left_all_as_it_was(error.code);
  return {.code = is_definite ? error.code : Code::refused,
          .what = "the source could not be read for the update: " + error.what +
                  "; nothing was changed"};
}

Result<std::optional<Edit>> edited(Editor& editor, const Current& current) {
  try {
    return editor(current);
  } catch (const std::exception& thrown) {
    return failure(Code::loader_threw, thrown.what());
  } catch (...) {
    return failure(Code::loader_threw, "the update's editor threw what is no exception");
  }
}

}  // namespace

// In [0, 1) of what it may be, so that those who meet do not meet again.
Duration Engine::Impl::pause_before(std::uint32_t tries) const {
  const Duration most = std::min(pause_most, pause_first * (1 << std::min(tries, 16U)));
  const double share = static_cast<double>(ports_.random.bits() >> 11) / 0x1p53;
  return std::chrono::floor<Duration>(most * share);
}

Task<Result<Current>> Engine::Impl::ask_current(std::shared_ptr<const Writing> writing) {
  auto fetching = writing->compiled->source->fetch_for_update(
      {.entity = writing->write.entity, .deadline = writing->write.deadline, .primary = true});
  Result<Fetched> fetched = co_await std::move(fetching);
  if (!fetched) co_return std::unexpected(std::move(fetched.error()));
  writing->policy->count_billed(fetched->kind, fetched->empty, fetched->billed);
  co_return Current{.kind = fetched->kind,
                    .payload = std::move(fetched->payload),
                    .state = std::move(fetched->revision)};
}

Task<Result<Current>> Engine::Impl::fetch_for_update(PolicyHandle policy, std::string entity) {
  Result<WritingRef> opened = open_write(policy, {.entity = std::move(entity)});
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  const WritingRef writing = *std::move(opened);
  const Policy& declared = writing->compiled->policy;
  if (declared.writable.empty() && !declared.removable) {
    co_return failure(Code::not_allowed,
                      "policy \"" + declared.name + "\" cannot be written to; set its `writable`");
  }
  auto asking = ask_current(writing);
  auto in_time =
      within(ports_.executor, gate_, std::move(asking), writing->write.deadline,
             Error{.code = Code::timed_out, .what = "the source did not answer in time"});
  co_return co_await in_time;
}

// The write that the editor wants; none: nothing is to be changed.
Task<Result<std::optional<Write>>> Engine::Impl::decide(UpdatingRef updating) {
  const Writing& any = *updating->any;
  auto asking = ask_current(updating->any);
  Result<Current> current = co_await std::move(asking);
  if (!current) co_return std::unexpected(unread(current.error()));
  Result<std::optional<Edit>> edit = edited(updating->editor, *current);
  if (!edit) co_return std::unexpected(std::move(edit.error()));
  if (!*edit) co_return std::nullopt;
  Write write{.entity = any.write.entity,
              .mode = (*edit)->mode,
              .fields = std::move((*edit)->fields),
              .deadline = any.write.deadline};
  if (Result<void> may = allowed(any.compiled->policy, write); !may) {
    co_return std::unexpected(std::move(may.error()));
  }
  write.expected = std::move(current->state);
  co_return write;
}

// If nobody waits for it any more it invalidates by itself, as change_source() does.
Task<Result<Written>> Engine::Impl::attempt(UpdatingRef updating, Write write) {
  const bool is_absent = write.expected->empty();
  updating->tried = std::make_shared<Writing>();
  updating->tried->policy = updating->any->policy;
  updating->tried->compiled = updating->any->compiled;
  updating->tried->write = std::move(write);
  if (is_absent && updating->tried->write.mode != Write::Mode::upsert) {
    co_return Written{.found = false};
  }
  if (removed(Mechanism::expected_state)) updating->tried->write.expected.reset();
  updating->is_untouched = false;
  auto changing = change_source(updating->tried);
  Result<Written> outcome = co_await std::move(changing);
  updating->is_untouched = outcome ? outcome->conflict : left_all_as_it_was(outcome.error().code);
  if (updating->given_up.load() && !updating->is_untouched) {
    auto settling = settle_write(updating->tried, outcome);
    (void)co_await std::move(settling);
  }
  co_return outcome;
}

Task<Result<Written>> Engine::Impl::try_update(UpdatingRef updating) {
  const Instant deadline = updating->any->write.deadline;
  for (updating->tries = 1;; ++updating->tries) {
    auto deciding = decide(updating);
    Result<std::optional<Write>> decided = co_await std::move(deciding);
    if (!decided) co_return std::unexpected(std::move(decided.error()));
    if (!*decided) {
      updating->tried = nullptr;
      co_return Written{};
    }
    if (updating->given_up.load()) co_return failure(Code::timed_out, "nobody waits any more");
    auto attempting = attempt(updating, **std::move(decided));
    Result<Written> outcome = co_await std::move(attempting);
    const bool is_blind = !outcome && !left_all_as_it_was(outcome.error().code);
    const bool tries_on = outcome ? outcome->conflict : is_blind && removed(Mechanism::single_try);
    if (!tries_on) co_return outcome;
    const Instant next = ports_.clock.now() + pause_before(updating->tries);
    const bool is_last = updating->tries >= limits_.update_tries_max;
    if (is_last || next >= deadline) {
      co_return failure(
          Code::refused,
          "update_tries_max or load_within: others changed the entity during each of " +
              std::to_string(updating->tries) + " tries; nothing was changed");
    }
    const Pause pause{ports_.executor, next};
    co_await pause;
  }
}

// What it outdates is invalidated before the guard goes.  What has changed nothing is no error to
// the guard, which then goes at once.
Task<Result<void>> Engine::Impl::update_under_guard(UpdatingRef updating, Instant deadline) {
  updating->any->write.deadline = std::min(updating->any->write.deadline, deadline);
  auto trying = try_update(updating);
  updating->outcome = co_await std::move(trying);
  if (!updating->outcome && !updating->is_untouched) {
    co_return std::unexpected(updating->outcome.error());
  }
  if (updating->is_untouched || !updating->tried) co_return Result<void>();
  auto settling = settle_write(updating->tried, updating->outcome);
  updating->held = co_await std::move(settling);
  co_return Result<void>();
}

namespace {

UpdateOutcome update_outcome_of(const Updating& updating, const Written& written, Held held) {
  return {.changed = updating.tried != nullptr && written.found,
          .tries = updating.tries,
          .write = outcome_of(written, held)};
}

}  // namespace

Task<Result<UpdateOutcome>> Engine::Impl::update_linearizably(UpdatingRef updating) {
  Change change = [self = shared_from_this(), updating](Instant deadline) {
    return self->update_under_guard(updating, deadline);
  };
  auto guarding = write_guarded(outdated_by(*updating->any), std::move(change), Wait::confirmed);
  const Result<Held> held = co_await std::move(guarding);
  if (!held) co_return std::unexpected(held.error());
  if (!updating->outcome) co_return std::unexpected(updating->outcome.error());
  co_return update_outcome_of(*updating, *updating->outcome, std::max(updating->held, *held));
}

Task<Result<UpdateOutcome>> Engine::Impl::update(PolicyHandle policy, std::string entity,
                                                 Editor editor) {
  if (!editor) co_return failure(Code::invalid_argument, "an update needs an editor");
  // Until the editor has said more: of any field, and it may come or go.
  Result<WritingRef> opened =
      open_write(policy, {.entity = std::move(entity), .mode = Write::Mode::upsert});
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  auto updating = std::make_shared<Updating>();
  updating->any = *std::move(opened);
  updating->editor = std::move(editor);
  if (updating->any->compiled->policy.level >= Level::linearizable) {
    auto guarded = update_linearizably(std::move(updating));
    co_return co_await std::move(guarded);
  }
  auto trying = try_update(updating);
  auto in_time = within(
      ports_.executor, gate_, std::move(trying), updating->any->write.deadline,
      Error{.code = Code::timed_out,
            .what = "the update did not end in time; nobody knows whether it was made, read before "
                    "you repeat it"});
  const Result<Written> outcome = co_await in_time;
  if (!outcome) {
    // It may be late and still under way: then what it tries is not ours to look at, and it will
    // invalidate by itself what it has not begun yet.
    updating->given_up.store(true);
    if (!updating->is_untouched.load()) {
      auto settling = settle_write(updating->any, outcome);
      (void)co_await std::move(settling);
    }
    co_return std::unexpected(outcome.error());
  }
  if (!updating->tried) co_return update_outcome_of(*updating, *outcome, Held::everywhere);
  auto settling = settle_write(updating->tried, outcome);
  const Held held = co_await std::move(settling);
  co_return update_outcome_of(*updating, *outcome, held);
}

}  // namespace headrace
