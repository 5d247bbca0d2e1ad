// serve/stores.h: the stores that a configuration names, opened.
//
// Whoever cannot be reached now may be later, but for a memcached that is not fit to be a store.
//
// Threads:   blocks the calling thread, which is none of the runtime's.
// Errors:    a Refusal: what is wrong, what would help, and the exit code that it deserves.
// Lifetimes: borrows the runtime; close the store before that stops.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "headrace/runtime.h"
#include "headrace/store.h"

namespace headrace::app {

struct Refusal {
  std::string what{};
  std::string advice{};
  int code = 0;
};

// `section` is what the configuration calls it; `warn` is told of anything odd, now and later.
// Null where there is to be none.
[[nodiscard]] std::expected<std::unique_ptr<Store>, Refusal> open_store(
    const config::StoreConfig& store, std::string_view section, Runtime& runtime,
    std::function<void(std::string)> warn);

// Where it is, for people, without whatever is secret; "memory alone" where there is none.
[[nodiscard]] std::string place_of(const config::StoreConfig& store);
// The same of anything on Valkey.
[[nodiscard]] std::string place_of(const ValkeyStoreOptions& options);
[[nodiscard]] std::string place_of(const ValkeyBusOptions& options);
// The place and the prefix: two that say the same are one store.
[[nodiscard]] std::string store_name(const config::StoreConfig& store);

}  // namespace headrace::app
