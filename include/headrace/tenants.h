// headrace/tenants.h: who asks, and what they may.
//
// Threads:   an Identity is immutable but for its end; a Doorkeeper may be asked from any thread.
// Errors:    admit() returns not_allowed (a key that is none, unknown, expired or revoked: one
//            text for all) or store_unavailable (nobody can say now whether it holds).
// Lifetimes: an Identity lives as long as somebody holds it, also after its key has ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/records.h"
#include "headrace/result.h"

namespace headrace {

enum class Scope : std::uint32_t {
  kv_read = 1u << 0,
  kv_write = 1u << 1,
  kv_delete = 1u << 2,
  kv_list = 1u << 3,
  session_read = 1u << 4,
  session_write = 1u << 5,
  session_revoke = 1u << 6,
  counter_write = 1u << 7,
  ratelimit_check = 1u << 8,
  policy_read = 1u << 9,  // Of the policies that the key names.
  invalidate = 1u << 10,
  watch = 1u << 11,
  usage_read = 1u << 12,
  admin = 1u << 13,
};
// "kv:read", as keys are told their scopes.
[[nodiscard]] std::string_view name_of(Scope scope) noexcept;

class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr explicit Scopes(std::uint32_t bits) noexcept : bits_(bits) {}
  [[nodiscard]] constexpr bool has(Scope scope) const noexcept {
    return (bits_ & static_cast<std::uint32_t>(scope)) != 0;
  }
  [[nodiscard]] constexpr Scopes with(Scope scope) const noexcept {
    return Scopes(bits_ | static_cast<std::uint32_t>(scope));
  }
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }
  friend constexpr bool operator==(Scopes, Scopes) noexcept = default;

 private:
  std::uint32_t bits_ = 0;
};

class Meter;  // limits: what a tenant has used of its rates.

// Whoever a key was given to.
struct Identity {
  TenantId tenant = system_tenant;
  std::string tenant_name{};
  std::string key_id{};  // Clear; not a secret.
  Scopes scopes{};
  std::vector<std::string> policies{};  // Which it may read; "*": all.
  std::string key_prefix{};             // All its keys begin with this.
  Records::Ceiling ceiling{};
  std::size_t value_bytes_max = 1 << 20;
  std::shared_ptr<Meter> meter{};  // Shared by all keys of the tenant; null: no limits.
  // Set when the key has ended, whatever the reason; whoever keeps an identity looks before each
  // use.
  mutable std::atomic<bool> has_ended{false};
};
using IdentityRef = std::shared_ptr<const Identity>;

class Doorkeeper {
 public:
  virtual ~Doorkeeper() = default;

  // Whose key this is.  Takes as long for a wrong key as for a right one.
  [[nodiscard]] virtual Result<IdentityRef> admit(std::string_view key) = 0;
  // Who asks without a key; null: nobody may.
  [[nodiscard]] virtual IdentityRef anonymous() const = 0;
};

}  // namespace headrace
