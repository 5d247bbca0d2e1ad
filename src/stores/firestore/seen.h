// stores/firestore/seen.h: which version of a slot's document had which token, as far as was seen.
//
// A token names one version for ever, so what is remembered here is never wrong; at most it is a
// version that is there no more.  What is forgotten has to be read.
//
// Threads:   safe from any thread.
// Errors:    none.
// Lifetimes: owns what it holds.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "headrace/key.h"
#include "headrace/token.h"
#include "stores/firestore/records.h"

namespace headrace::firestore {

class Seen {
 public:
  struct Holder {
    StoreKey key{};
    Version version{};
    Moment ends{};
  };

  explicit Seen(std::size_t seen_max) : generation_max_(seen_max / 2 + 1) {}

  void remember(Token token, const Holder& holder) {
    const std::scoped_lock lock(mutex_);
    if (young_.size() >= generation_max_) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_.insert_or_assign(token, holder);
  }
  void forget(Token token) {
    const std::scoped_lock lock(mutex_);
    young_.erase(token);
    old_.erase(token);
  }
  [[nodiscard]] std::optional<Holder> find(Token token, const StoreKey& key) const {
    const std::scoped_lock lock(mutex_);
    for (const Map* map : {&young_, &old_}) {
      const auto found = map->find(token);
      if (found != map->end() && found->second.key == key) return found->second;
    }
    return std::nullopt;
  }

 private:
  struct Hash {
    std::size_t operator()(const Token& token) const noexcept { return token.high ^ token.low; }
  };
  using Map = std::unordered_map<Token, Holder, Hash>;

  const std::size_t generation_max_;
  mutable std::mutex mutex_;
  Map young_;
  Map old_;
};

}  // namespace headrace::firestore
