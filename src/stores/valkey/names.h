// stores/valkey/names.h: what the records of a store are called on the server.
//
// A slot and what stands beside it have the same hash tag, the part in braces, so that a cluster
// keeps them together.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/key.h"
#include "headrace/token.h"

namespace headrace::valkey {

class Names {
 public:
  explicit Names(std::string prefix) : prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string slot(const StoreKey& key) const;
  [[nodiscard]] std::string beside(const StoreKey& key) const;  // Guards and floors.
  [[nodiscard]] std::string watermark(const WatermarkId& id) const;

  // What all names of slots match, as the server's SCAN takes it, and a few others.
  [[nodiscard]] std::string slots_pattern() const;
  // The key of a slot of that name; none if it is the name of something else.
  [[nodiscard]] std::optional<StoreKey> key_of(std::string_view slot) const;

 private:
  std::string prefix_;
};

// Tokens as the records hold them: 16 bytes.
[[nodiscard]] std::string bytes_of(const Token& token);
[[nodiscard]] Token token_of(std::string_view bytes);  // REQUIRES: 16 bytes.

}  // namespace headrace::valkey
