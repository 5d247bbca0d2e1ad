// headrace/tenants.h: who asks, and what they may.
//
// Threads:   an Identity is immutable but for its end; a Doorkeeper may be asked from any thread.
// Errors:    admit() and renew() return not_allowed (a key that is none, unknown, expired or
// revoked:
//            one text for all) or store_unavailable (nobody can say now whether it holds).
// Lifetimes: an Identity lives as long as somebody holds it, also after its key has ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/rate.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/time.h"

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
inline constexpr std::size_t scope_count = 14;
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
  [[nodiscard]] constexpr bool is_within(Scopes other) const noexcept {
    return (bits_ & ~other.bits_) == 0;
  }
  friend constexpr bool operator==(Scopes, Scopes) noexcept = default;

 private:
  std::uint32_t bits_ = 0;
};

inline constexpr Scopes no_scopes{};
inline constexpr Scopes all_scopes{(1u << scope_count) - 1};
// What an application needs of the service; reading through policies is asked for by name.
inline constexpr Scopes app_scopes = no_scopes.with(Scope::kv_read)
                                         .with(Scope::kv_write)
                                         .with(Scope::kv_delete)
                                         .with(Scope::kv_list)
                                         .with(Scope::session_read)
                                         .with(Scope::session_write)
                                         .with(Scope::session_revoke)
                                         .with(Scope::counter_write)
                                         .with(Scope::ratelimit_check)
                                         .with(Scope::watch)
                                         .with(Scope::usage_read);
// What a key that only reads may have at most; lists are not for it.
inline constexpr Scopes read_scopes = no_scopes.with(Scope::kv_read)
                                          .with(Scope::session_read)
                                          .with(Scope::policy_read)
                                          .with(Scope::usage_read);

// In the order of their bits.
[[nodiscard]] std::vector<std::string> names_of(Scopes scopes);
// May return: invalid_argument, which says what is no scope.
[[nodiscard]] Result<Scopes> parse_scopes(const std::vector<std::string>& names);

// Whoever comes without a tenant's key is this one: the operator, and everybody where no keys are
// wanted.
inline constexpr TenantId default_tenant = 1;
inline constexpr std::string_view default_tenant_name = "default";

class Meter;    // limits: what a tenant has used of its rates.
struct KeyUse;  // tenants: when a key was last used.

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
  WallTime expires = Record::never;
  std::optional<WallTime> replaced{};  // By a new key, since then: this one is about to end.
  std::shared_ptr<KeyUse> use{};       // Null: it has no key that is kept.
  // Set when this no longer holds: the key has ended, or something above is otherwise.  Whoever
  // keeps an identity renews it before each use.
  mutable std::atomic<bool> has_ended{false};

  // Whether the policy is one of those that it may read.
  [[nodiscard]] bool may_read(std::string_view policy) const noexcept;
};
using IdentityRef = std::shared_ptr<const Identity>;

class Doorkeeper {
 public:
  virtual ~Doorkeeper() = default;

  // Whose key this is.  Takes as long for a wrong key as for a right one.
  [[nodiscard]] virtual Result<IdentityRef> admit(std::string_view key) = 0;
  // Who asks without a key; null: nobody may.
  [[nodiscard]] virtual IdentityRef anonymous() const = 0;
  // For who keeps an identity from one use to the next: the same as long as it holds, another if
  // the key holds and something about it is otherwise.
  [[nodiscard]] virtual Result<IdentityRef> renew(IdentityRef who) {
    if (who->has_ended) return failure(Code::not_allowed, "the key does not hold any more");
    return who;
  }
  // Counts a key that was not admitted against the address that it came from.  Not allowed: it has
  // sent too many, and is to wait.  Keys that hold are admitted from there all the same: others may
  // be behind the same address.
  [[nodiscard]] virtual RateDecision refused([[maybe_unused]] std::string_view key,
                                             [[maybe_unused]] std::string_view address) {
    return {};
  }
};

}  // namespace headrace
