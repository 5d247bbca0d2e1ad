// headrace/cache.h: one question, "what is under this entity?", answered through every tier.
//
// A Cache<T> is the typed view of one policy of an engine.  It looks in memory, then in the
// engine's store, then asks the caller's fetch.  However many callers miss on one entity at once,
// the fetch runs once; and what it brings is kept only if nothing was invalidated meanwhile.
//
//   headrace::Engine engine({}, {runtime, runtime, runtime});
//   auto users = headrace::Cache<User>::open(engine, {.name = "users", .fresh_for = 5min});
//   auto answer = headrace::wait(users->get_or_fetch("42", load_user));
//
// Threads:   any member may be called from any thread.
// Errors:    returned, never thrown.  A fetch that throws is reported as Code::loader_threw.
// Lifetimes: a hit only reads its arguments.  A miss keeps the fetch until its load has ended, a
//            refresh included, so a fetch may capture by value, and by reference only what outlives
//            the engine.  The engine must outlive the cache and its lookups.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "headrace/engine.h"

namespace headrace {

// How a T becomes bytes.  Specialise it to keep a T in a store; a T without one stays in memory:
//
//   template <> struct headrace::Codec<User> {
//     static std::string encode(const User& user);
//     static headrace::Result<User> decode(std::string_view bytes);
//   };
//
// A static `std::size_t bytes(const User&)` tells what a value occupies, if sizeof does not.
template <class T>
struct Codec {};

template <>
struct Codec<std::string> {
  static std::string encode(const std::string& value) { return value; }
  static Result<std::string> decode(std::string_view bytes) { return std::string(bytes); }
  static std::size_t bytes(const std::string& value) { return sizeof value + value.capacity(); }
};

// What a fetch returns: a value, or why there is none.  A T converts to it.
template <class T>
struct Found {
  Kind kind = Kind::value;
  std::shared_ptr<const T> value{};
  std::string revision{};
  std::uint32_t billed = 1;
  bool empty = false;  // A query that found nothing; its source charges for it all the same.

  Found() = default;
  Found(T found) : value(std::make_shared<const T>(std::move(found))) {}  // NOLINT: on purpose.
  [[nodiscard]] static Found absent() { return of(Kind::absent); }
  [[nodiscard]] static Found null() { return of(Kind::null); }

 private:
  static Found of(Kind kind) {
    Found found;
    found.kind = kind;
    return found;
  }
};

// A fetch: called with the question, returns a task or, if it need not wait, the outcome itself.
template <class F, class T>
concept FetchOf = std::copy_constructible<std::decay_t<F>> && requires(F& fetch, Fetch question) {
  requires std::same_as<std::invoke_result_t<F&, Fetch>, Task<Result<Found<T>>>> ||
               std::convertible_to<std::invoke_result_t<F&, Fetch>, Result<Found<T>>>;
};

template <class T>
class Cache {
 public:
  // Declares `policy` on `engine`.  May return: as Engine::define.
  [[nodiscard]] static Result<Cache> open(Engine& engine, Policy policy) {
    auto handle = engine.define(std::move(policy), codec(), nullptr);
    if (!handle) return std::unexpected(std::move(handle.error()));
    return Cache(engine, *std::move(handle));
  }

  // The value under `entity`, fetched if no tier holds one that the policy accepts.
  //
  // Fresh:  returned at once, without suspending, allocating or touching `fetch`.
  // Stale:  returned at once, and one refresh starts behind it.  Past `stale_for` the value is
  // gone,
  //         even if that refresh is still running: a slow source cannot freeze the answer.
  // Absent: waits for the load, for at most `fetch_within`, with everyone else who asks for it.
  //         When nobody waits any more the load is told to stop.
  //
  // A failed refresh leaves the stale value and is tried again after `retry_after`, then twice
  // that. An invalidation that happens during a load wins: what was loaded is answered to those who
  // were already waiting (not if the policy is strict: then it is loaded again), and is not kept.
  //
  // May return: what the fetch returned, loader_threw, timed_out, refused, too_large, closed.
  template <FetchOf<T> F>
  [[nodiscard]] Lookup<T> get_or_fetch(std::string_view entity, F&& fetch,
                                       ReadOptions options = {}) const {
    if (!options.refresh && !options.level) {
      if (auto answer = engine_->peek(*policy_, entity)) {
        return Lookup<T>(Answer<T>(*std::move(answer)));
      }
    }
    return Lookup<T>(engine_->read(policy_, entity, loader(std::forward<F>(fetch)), options));
  }

  // What memory holds fresh now; never waits, fetches or refreshes.
  [[nodiscard]] std::optional<Answer<T>> peek(std::string_view entity) const {
    if (auto answer = engine_->peek(*policy_, entity)) return Answer<T>(*std::move(answer));
    return std::nullopt;
  }

  // Once this has ended, no read that starts later is answered with what the source said before.
  [[nodiscard]] Task<Result<Held>> invalidate(std::string_view entity) const {
    Invalidation what;
    what.keys.push_back({name(), std::string(entity)});
    return engine_->invalidate(std::move(what));
  }

  // Keeps `value`, voiding loads in progress; see Engine::put for what it cannot order.
  [[nodiscard]] Task<Result<Held>> put(std::string_view entity, T value) const {
    return engine_->put(policy_, std::string(entity), Kind::value,
                        std::make_shared<const T>(std::move(value)));
  }

  [[nodiscard]] std::string name() const { return name_; }
  [[nodiscard]] const PolicyHandle& handle() const noexcept { return policy_; }

 private:
  Cache(Engine& engine, PolicyHandle policy)
      : engine_(&engine), policy_(std::move(policy)), name_(policy_name(*policy_)) {}

  static std::shared_ptr<const ValueCodec> codec();

  template <class F>
  static Task<Result<Loaded>> run(std::shared_ptr<F> fetch, Fetch question) {
    using Outcome = std::invoke_result_t<F&, Fetch>;
    Result<Found<T>> found = failure(Code::cancelled, "");
    if constexpr (std::same_as<Outcome, Task<Result<Found<T>>>>) {
      auto task = (*fetch)(std::move(question));
      found = co_await std::move(task);
    } else {
      found = (*fetch)(std::move(question));
    }
    if (!found) co_return std::unexpected(std::move(found.error()));
    co_return Loaded{.kind = found->kind,
                     .value = std::move(found->value),
                     .revision = std::move(found->revision),
                     .billed = found->billed,
                     .empty = found->empty};
  }

  template <class F>
  static Loader loader(F&& fetch) {
    auto kept = std::make_shared<std::decay_t<F>>(std::forward<F>(fetch));
    return [kept](Fetch question) { return run(kept, std::move(question)); };
  }

  Engine* engine_;
  PolicyHandle policy_;
  std::string name_;
};

template <class T>
std::shared_ptr<const ValueCodec> Cache<T>::codec() {
  auto made = std::make_shared<ValueCodec>();
  if constexpr (requires(const T& value) { Codec<T>::bytes(value); }) {
    made->bytes = [](const void* value) { return Codec<T>::bytes(*static_cast<const T*>(value)); };
  } else {
    made->bytes = [](const void*) { return sizeof(T); };
    made->is_plain = std::is_trivially_copyable_v<T> && alignof(T) <= 8;
  }
  if constexpr (requires(const T& value, std::string_view bytes) {
                  Codec<T>::encode(value);
                  Codec<T>::decode(bytes);
                }) {
    made->encode = [](const void* value) {
      return Codec<T>::encode(*static_cast<const T*>(value));
    };
    made->decode = [](std::string_view bytes) -> Result<std::shared_ptr<const void>> {
      auto value = Codec<T>::decode(bytes);
      if (!value) return std::unexpected(std::move(value.error()));
      return std::make_shared<const T>(*std::move(value));
    };
  }
  return made;
}

}  // namespace headrace
