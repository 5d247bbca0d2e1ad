// kit/held_source.h: a source whose answers the test lets go when it wants to.
//
// A fetch reads the value at once, as a slow source would, and answers when release() is called; so
// any interleaving of read, write, invalidation and late answer can be forced.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/source.h"

namespace headrace::kit {

class HeldSource final : public Source {
 public:
  std::map<std::string, std::string> rows;
  bool hold = false;  // Otherwise answers come at once.
  bool failing = false;
  bool revisions = false;  // Answers carry the value as revision, and may be "unchanged".
  std::size_t reads = 0;
  std::size_t reads_for_update = 0;
  std::size_t batches = 0;
  std::size_t batches_max = 1;
  // What the next fetches of an entity are answered, in their order, instead of its row.
  std::map<std::string, std::deque<Fetched>> next_answers;
  std::vector<Fetch> asked;  // All of them.
  bool shows_late = false;
  bool lags = false;         // Revisions are numbers of states, and are compared.
  std::uint32_t billed = 1;  // Of each answer.
  bool empty = false;        // Answers are those of queries that found nothing.

  // Writes put the first field's JSON into the row.
  bool hold_writes = false;            // They wait for release_writes(), before the row changes ...
  bool hold_after = false;             // ... or after it.
  std::optional<Error> write_fault{};  // What writes answer; the row changes all the same.
  std::string written_revision = "r2";
  std::vector<Dependency> made_of{};
  std::vector<Dependency> also_changes{};  // What Written::changed says.
  // The database in whose commits it makes a store's changes along with its own, and by what.
  std::string database{};
  std::size_t most_along = 100;
  std::size_t along_left = 100;  // It does so for this many writes more.
  std::function<void(const std::vector<std::string>&)> make_along{};
  std::vector<Write> wrote;  // All that it was asked for.

  [[nodiscard]] std::size_t held() const { return waiting_.size(); }
  void release() {
    for (const auto& handle : std::exchange(waiting_, {})) handle.resume();
  }

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++reads;
    Result<Fetched> answer = read(fetch);
    if (hold) {
      const Held held{*this};
      co_await held;
    }
    co_return answer;
  }

  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    ++batches;
    reads += fetches.size();
    std::vector<Result<Fetched>> answers;
    for (const Fetch& fetch : fetches) answers.push_back(read(fetch));
    if (hold) {
      const Held held{*this};
      co_await held;
    }
    co_return answers;
  }

  bool shows_commits_late() const noexcept override { return shows_late; }
  bool may_lag() const noexcept override { return lags || shows_late; }
  std::size_t batch_max() const noexcept override { return batches_max; }
  bool covers(std::string_view revision, std::string_view floor) const override {
    if (!lags) return true;
    if (revision.empty()) return false;
    return std::stoull(std::string(revision)) >= std::stoull(std::string(floor));
  }
  std::vector<Dependency> dependencies() const override { return made_of; }
  bool is_writable() const noexcept override { return true; }
  std::string commits_in() const override { return database; }
  std::size_t along_max() const noexcept override { return most_along; }

  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override {
    ++reads_for_update;
    if (failing) co_return failure(Code::source_failed, "the source fails, as the test wants");
    Fetched answer{.kind = Kind::absent};
    if (const auto row = rows.find(fetch.entity); row != rows.end()) {
      answer = {.payload = row->second, .revision = state_of(fetch.entity)};
    }
    if (hold) {
      const Held held{*this};
      co_await held;
    }
    co_return answer;
  }
  [[nodiscard]] std::string state_of(const std::string& entity) const {
    const auto row = rows.find(entity);
    return row == rows.end() ? "" : "state:" + row->second;
  }

  [[nodiscard]] std::size_t held_writes() const { return writing_.size(); }
  void release_writes() {
    for (const auto& handle : std::exchange(writing_, {})) handle.resume();
  }
  Task<Result<Written>> write(Write write) override {
    if (hold_writes) {
      const HeldWrite held{*this};
      co_await held;
    }
    wrote.push_back(write);
    if (write.expected && *write.expected != state_of(write.entity)) {
      co_return Written{.conflict = true};
    }
    const bool found = write.mode == Write::Mode::upsert || rows.contains(write.entity);
    Written written{.found = found, .revision = written_revision, .changed = also_changes};
    if (found && write.mode == Write::Mode::remove) {
      rows.erase(write.entity);
      written.deletes = 1;
    } else if (found) {
      rows[write.entity] = write.fields.front().second;
      written.writes = 1;
    }
    if (found && make_along && !write.along.empty() && along_left > 0) {
      --along_left;
      make_along(write.along);
      written.along = true;
    }
    if (hold_after) {
      const HeldWrite held{*this};
      co_await held;
    }
    if (write_fault) co_return std::unexpected(*write_fault);
    co_return written;
  }

 private:
  struct HeldWrite {
    HeldSource& source;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      source.writing_.push_back(awaiting);
    }
    void await_resume() const noexcept {}
  };
  struct Held {
    HeldSource& source;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      source.waiting_.push_back(awaiting);
    }
    void await_resume() const noexcept {}
  };

  Result<Fetched> read(const Fetch& fetch) {
    asked.push_back(fetch);
    auto& queued = next_answers[fetch.entity];
    if (!queued.empty()) {
      Fetched next = std::move(queued.front());
      queued.pop_front();
      return next;
    }
    if (failing) return failure(Code::source_failed, "the source fails, as the test wants");
    const auto row = rows.find(fetch.entity);
    if (row == rows.end()) return Fetched{.kind = Kind::absent};
    if (revisions && fetch.revision == row->second) return Fetched{.unchanged = true};
    return Fetched{.payload = row->second,
                   .revision = revisions ? row->second : "",
                   .billed = billed,
                   .empty = empty};
  }

  std::vector<std::coroutine_handle<>> waiting_;
  std::vector<std::coroutine_handle<>> writing_;
};

}  // namespace headrace::kit
