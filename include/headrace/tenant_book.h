// headrace/tenant_book.h: tenants, their keys and what they may, kept among Headrace's own records.
//
// A key is shown once, when it is made; what is kept of it is a digest, and what stands before its
// secret.  Whoever asks is admitted from an immutable picture in memory, without a lock and with
// the same work for a right key as for a wrong one.
//
// Each change, its event in the log of changes included, is one edit that also raises the book's
// generation.  An instance whose records are shared reads the generation every `check_every`, and
// loads the book anew if it has been raised.  Its picture holds for `sure_for` from the moment at
// which the last such read BEGAN that found its own generation; after that it answers
// store_unavailable and admits no tenant's key.  So a change that was acknowledged at t is obeyed
// everywhere from t + sure_for on: a read that began after t finds the change, for both are of one
// record and the edit was done; and no picture holds longer than sure_for after a read that began
// before t.  A clock that is read late only shortens that.  With records that this process keeps
// alone, changes hold at once.
//
// The operator's keys and, where no keys are wanted, whoever comes without one hold whatever
// becomes of the records.
//
// Threads:   any.
// Errors:    invalid_argument (the text says what is wrong), not_allowed (it is there already, or
//            may not be changed so), refused (a limit, which the text names), and those of Records.
//            Of what is looked for and not there: an empty optional.
// Lifetimes: borrows its ports.  close() must have completed before it is destroyed; identities may
//            outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/meter.h"
#include "headrace/random.h"
#include "headrace/tenants.h"

namespace headrace {

// "live", "test", "ro", "adm": the second word of a key.
enum class KeyKind : std::uint8_t { live, test, read_only, admin };
[[nodiscard]] std::string_view name_of(KeyKind kind) noexcept;

struct Tenant {
  TenantId id = default_tenant;
  std::string name{};  // a-z, 0-9, - and _, up to 32 of them.
  bool is_suspended = false;
  Rates rates{};
  Records::Ceiling ceiling{};
  std::uint64_t value_bytes_max = 1 << 20;
  WallTime created{};
};

// What is to be otherwise; the rest stays.
struct TenantChange {
  std::optional<bool> is_suspended{};
  std::optional<std::uint64_t> burst{};
  std::optional<std::uint64_t> sustained{};
  std::optional<std::uint64_t> daily{};
  std::optional<std::uint64_t> records_max{};
  std::optional<std::uint64_t> bytes_max{};
  std::optional<std::uint64_t> value_bytes_max{};
};

struct TenantKey {
  std::string id{};
  std::string tenant{};
  std::string name{};  // For people.
  KeyKind kind = KeyKind::live;
  Scopes scopes{};
  std::vector<std::string> policies{};
  std::string key_prefix{};
  std::string digest{};
  WallTime created{};
  WallTime expires = Record::never;
  std::optional<WallTime> replaced{};
  std::optional<WallTime> last_used{};  // To the minute; of keys() alone.
};

struct NewKey {
  std::string tenant{};
  std::string name{};
  KeyKind kind = KeyKind::live;
  std::optional<Scopes> scopes{};  // Without: what is usual for the kind.
  std::vector<std::string> policies{};
  std::string key_prefix{};
  WallTime expires = Record::never;
};

struct MadeKey {
  std::string text{};  // The key itself: said once, kept nowhere.
  TenantKey key{};
};

// Who changes something, as the log of changes says it.
struct Actor {
  std::string who{};   // A key's id, or "operator".
  std::string from{};  // An address; may be empty.
};

struct TenantEvent {
  std::uint64_t number = 0;  // The generation that the change made.
  WallTime at{};
  Actor actor{};
  std::string what{};  // "key.revoked"
  std::string tenant{};
  std::string key_id{};  // If it was about a key.
  std::string detail{};
};

struct TenantBookOptions {
  std::size_t tenants_max = 1000;
  std::size_t keys_max = 10000;
  std::size_t keys_per_tenant_max = 50;
  std::size_t events_max = 1000;  // The newest are kept.
  Duration check_every = std::chrono::milliseconds(250);
  Duration sure_for = std::chrono::seconds(1);
  Duration grace_max = std::chrono::days(30);
  std::uint64_t instances = 1;              // Among which rates are divided.
  std::uint64_t value_bytes_max = 1 << 20;  // Of who has no tenant, and of tenants at first.
  std::uint64_t refusals_per_minute = 10;
  std::size_t addresses_max = 4096;  // From which refusals are remembered.
  // The operator's: whoever has one may do everything.
  std::vector<std::string> operator_keys{};
  enum class Strangers : std::uint8_t { welcome, refused };
  Strangers strangers = Strangers::refused;  // Who comes without a key.
};

class TenantBook final : public Doorkeeper {
 public:
  // A digest that nobody can invert, SHA-256 or an HMAC of it.
  using Digest = std::function<std::string(std::string_view)>;
  struct Ports {
    Keyspace& keyspace;
    Executor& executor;
    Random& random;
    Digest digest;
  };
  TenantBook(TenantBookOptions options, Ports ports);
  ~TenantBook() override;
  TenantBook(const TenantBook&) = delete;
  TenantBook& operator=(const TenantBook&) = delete;

  // Loads the book and goes on looking after it, also if that fails at first.
  [[nodiscard]] Task<Result<void>> open();
  [[nodiscard]] Task<void> close();

  [[nodiscard]] Result<IdentityRef> admit(std::string_view key) override;
  [[nodiscard]] IdentityRef anonymous() const override;
  [[nodiscard]] Result<IdentityRef> renew(IdentityRef who) override;
  [[nodiscard]] RateDecision refused(std::string_view key, std::string_view address) override;

  // What changes return is so here when they do, and everywhere within `sure_for`.
  [[nodiscard]] Task<Result<Tenant>> create_tenant(std::string name, TenantChange with,
                                                   Actor actor);
  [[nodiscard]] Task<Result<std::optional<Tenant>>> change_tenant(std::string name,
                                                                  TenantChange change, Actor actor);
  // Empty: there is no such tenant.
  [[nodiscard]] Task<Result<std::optional<MadeKey>>> create_key(NewKey key, Actor actor);
  // A new key that may what the old one may; the old one ends `grace` from now, or before.
  [[nodiscard]] Task<Result<std::optional<MadeKey>>> rotate_key(std::string id, Duration grace,
                                                                Actor actor);
  // Whether there was one.
  [[nodiscard]] Task<Result<bool>> revoke_key(std::string id, Actor actor);

  [[nodiscard]] Task<Result<std::vector<Tenant>>> tenants();
  // Of a tenant; of all, if the name is empty.
  [[nodiscard]] Task<Result<std::vector<TenantKey>>> keys(std::string tenant);
  // The newest first.
  [[nodiscard]] Task<Result<std::vector<TenantEvent>>> events(std::size_t events_max);

  struct TenantStats {
    std::string name{};
    Meter::Counts counts{};
  };
  struct Stats {
    std::vector<TenantStats> tenants{};  // By their ids: the eldest first.
    // As refused() was told: keys that do not hold, texts that are none, and those of them that
    // came from where too many had come from.
    std::uint64_t refused = 0;
    std::uint64_t mistyped = 0;
    std::uint64_t limited = 0;
    std::uint64_t generation = 0;
    bool is_sure = false;
  };
  [[nodiscard]] Stats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace headrace
