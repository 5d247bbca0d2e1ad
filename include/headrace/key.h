// headrace/key.h: what names an entry: tenant, policy, version and entity.
//
// A Key is injective: two different quadruples never have equal bytes, whatever bytes they hold,
// because each part stands behind its length.  Stores see only its StoreKey, which has a fixed
// length and shows no entity: entities are often personal.
//
// Threads:   values; immutable once made.
// Errors:    make() refuses a part that is over its limit.
// Lifetimes: a Key owns its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace {

inline constexpr std::size_t entity_bytes_max = 1024;
inline constexpr std::size_t name_bytes_max = 64;  // Of a tenant, a policy or a tag's fixed part.

// The name under which stores keep an entry: 32 bytes whatever the entity's length.  The first half
// names tenant and policy, the second the entity.  Version and shape are left out on purpose: an
// invalidation must void what any version of the program has kept.  The envelope repeats the key's
// bytes, so that another version's entry, or a collision, is noticed and costs a miss.
struct StoreKey {
  std::uint64_t words[4] = {0, 0, 0, 0};

  [[nodiscard]] std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(words), sizeof words};
  }
  friend bool operator==(const StoreKey&, const StoreKey&) noexcept = default;
};

struct StoreKeyHash {
  std::size_t operator()(const StoreKey& key) const noexcept { return key.words[1] ^ key.words[3]; }
};

class Key {
 public:
  // What stands before the entity.  `shape` is a fingerprint of what the policy asks the source, so
  // that a policy whose fields change never reads what it kept before.
  struct Scope {
    std::string tenant{};
    std::string policy{};
    std::uint32_t version = 1;
    std::uint64_t shape = 0;
  };

  // May return: too_large (tenant or policy over name_bytes_max, entity over entity_bytes_max),
  // invalid_argument (empty policy).
  [[nodiscard]] static Result<Key> make(const Scope& scope, std::string_view entity);

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view entity() const noexcept {
    return std::string_view(bytes_).substr(entity_at_);
  }
  friend bool operator==(const Key& a, const Key& b) noexcept { return a.bytes_ == b.bytes_; }

 private:
  Key(std::string bytes, std::size_t entity_at) noexcept
      : bytes_(std::move(bytes)), entity_at_(entity_at) {}

  std::string bytes_;
  std::size_t entity_at_;
};

// The StoreKey of an entity, for those who know only the names: invalidations.
[[nodiscard]] StoreKey store_key_of(std::string_view tenant, std::string_view policy,
                                    std::string_view entity) noexcept;

}  // namespace headrace
