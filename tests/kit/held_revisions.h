// kit/held_revisions.h: revisions whose answers the test lets go when it wants to.
//
// A question reads them at once, as a slow source would, and answers when release() is called.
#pragma once

#include <coroutine>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "headrace/revisions.h"

namespace headrace::kit {

class HeldRevisions final : public Revisions {
 public:
  std::map<Part, std::string> now{};        // Of those that are not named: "0".
  std::set<std::string> other_spellings{};  // Values that the source spells otherwise.
  bool hold = false;
  std::optional<Error> fault{};
  std::vector<std::vector<Part>> asked{};

  // Changes a table, or a part of it.
  void change(const Part& part) { now[part] = std::to_string(++changes_); }
  void change(std::string table) { change(Part{.table = std::move(table)}); }

  [[nodiscard]] std::size_t held() const { return waiting_.size(); }
  void release() {
    for (const auto& handle : std::exchange(waiting_, {})) handle.resume();
  }

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant) override {
    asked.push_back(parts);
    Result<PartRevisions> answer = PartRevisions();
    for (const Part& part : parts) {
      answer->push_back({.text = now.contains(part) ? now.at(part) : "0",
                         .own_spelling = !other_spellings.contains(part.value)});
    }
    if (fault) answer = std::unexpected(*fault);
    if (hold) {
      const Held held{*this};
      co_await held;
    }
    co_return answer;
  }

 private:
  struct Held {
    HeldRevisions& revisions;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      revisions.waiting_.push_back(awaiting);
    }
    void await_resume() const noexcept {}
  };

  int changes_ = 0;
  std::vector<std::coroutine_handle<>> waiting_;
};

}  // namespace headrace::kit
