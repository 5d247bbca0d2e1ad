#include "tenants/book.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace headrace {

namespace {

constexpr std::size_t tenant_name_max = 32;
constexpr std::size_t key_name_max = 100;
constexpr std::size_t policies_max = 100;
constexpr std::size_t policy_name_max = 64;
constexpr std::size_t key_prefix_max = 256;
constexpr std::uint64_t value_bytes_most = 64 << 20;

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

bool is_tenant_name(const std::string& name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= tenant_name_max && is_alphanumeric(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
}

bool is_visible(const std::string& text, std::size_t bytes_max) {
  return text.size() <= bytes_max && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
         });
}

Result<void> check_limits(const Tenant& tenant) {
  for (const std::uint64_t quota :
       {tenant.rates.burst, tenant.rates.sustained, tenant.rates.daily}) {
    if (quota > Meter::quota_max) {
      return wrong("a rate is at most " + std::to_string(Meter::quota_max) + "; 0 is no limit");
    }
  }
  if (tenant.value_bytes_max < 1 || tenant.value_bytes_max > value_bytes_most) {
    return wrong("value_bytes_max is from 1 to " + std::to_string(value_bytes_most));
  }
  return {};
}

// Makes the change, and says what was otherwise: "burst 0 -> 100".
std::string change_all(Tenant& tenant, const TenantChange& change) {
  std::string detail;
  const auto set = [&detail](std::string_view name, auto& now, const auto& wanted) {
    if (!wanted || now == *wanted) return;
    detail.append(detail.empty() ? "" : ", ").append(name).append(" ");
    detail.append(std::to_string(now)).append(" -> ").append(std::to_string(*wanted));
    now = *wanted;
  };
  set("suspended", tenant.is_suspended, change.is_suspended);
  set("burst", tenant.rates.burst, change.burst);
  set("sustained", tenant.rates.sustained, change.sustained);
  set("daily", tenant.rates.daily, change.daily);
  set("records_max", tenant.ceiling.records_max, change.records_max);
  set("bytes_max", tenant.ceiling.bytes_max, change.bytes_max);
  set("value_bytes_max", tenant.value_bytes_max, change.value_bytes_max);
  return detail;
}

Scopes usual_scopes(KeyKind kind) {
  switch (kind) {
    case KeyKind::live:
    case KeyKind::test: return app_scopes;
    case KeyKind::read_only:
      return no_scopes.with(Scope::kv_read).with(Scope::session_read).with(Scope::usage_read);
    case KeyKind::admin: return all_scopes;
  }
  return no_scopes;
}

Result<void> check_scopes(const NewKey& wanted, Scopes scopes) {
  if (scopes == no_scopes) return wrong("a key without a scope may nothing");
  if (wanted.kind == KeyKind::admin) {
    if (wanted.tenant == default_tenant_name) return {};
    return wrong("a key that administers is the operator's own: its tenant is \"default\"");
  }
  if (scopes.has(Scope::admin)) return wrong("the scope admin is for keys of the kind adm alone");
  if (wanted.kind == KeyKind::read_only && !scopes.is_within(read_scopes)) {
    return wrong(
        "a key that only reads has no scopes but kv:read, session:read, policy:read and "
        "usage:read");
  }
  return {};
}

Result<void> check_key(const NewKey& wanted, WallTime now) {
  if (!is_visible(wanted.name, key_name_max)) {
    return wrong("a key's name has at most 100 bytes and no control characters");
  }
  if (wanted.key_prefix.size() > key_prefix_max) {
    return wrong("a prefix has at most 256 bytes");
  }
  const bool are_policies =
      wanted.policies.size() <= policies_max &&
      std::ranges::all_of(wanted.policies, [](const std::string& name) {
        return !name.empty() && !name.contains(' ') && is_visible(name, policy_name_max);
      });
  if (!are_policies) return wrong("policies are at most 100 names of policies, or \"*\"");
  if (wanted.expires <= now) return wrong("a key's end is in the future");
  return {};
}

Result<void> check_room(const Book& book, const std::string& tenant, const BookLimits& limits,
                        WallTime now) {
  const auto is_live = [now](const auto& one) { return one.second.expires > now; };
  const auto is_its = [&](const auto& one) { return one.second.tenant == tenant && is_live(one); };
  const auto all = static_cast<std::size_t>(std::ranges::count_if(book.keys, is_live));
  const auto its = static_cast<std::size_t>(std::ranges::count_if(book.keys, is_its));
  if (all >= limits.keys_max) {
    return failure(Code::refused, "there are " + std::to_string(all) + " keys already (keys_max)");
  }
  if (its >= limits.keys_per_tenant_max) {
    return failure(Code::refused,
                   "the tenant has " + std::to_string(its) + " keys already (keys_per_tenant_max)");
  }
  return {};
}

}  // namespace

const Tenant* Book::tenant(const std::string& name) const {
  const auto at = tenants.find(name);
  return at == tenants.end() ? nullptr : &at->second;
}

const TenantKey* Book::key(const std::string& id) const {
  const auto at = keys.find(id);
  return at == keys.end() ? nullptr : &at->second;
}

void Book::make(const BookChange& change) {
  ++generation;
  for (const Tenant& one : change.tenants) {
    tenants[one.name] = one;
    last_tenant = std::max(last_tenant, one.id);
  }
  for (const TenantKey& one : change.keys) keys[one.id] = one;
  for (const std::string& id : change.removed) keys.erase(id);
}

Result<BookChange> plan_tenant(const Book& book, const std::string& name, const TenantChange& with,
                               const BookLimits& limits, WallTime now) {
  if (!is_tenant_name(name)) {
    return wrong(
        "a tenant's name has 1 to 32 of a-z, 0-9, - and _, and begins with a letter or a "
        "digit");
  }
  if (name == default_tenant_name || book.tenant(name) != nullptr) {
    return failure(Code::not_allowed, "there is a tenant \"" + name + "\" already");
  }
  if (book.tenants.size() >= limits.tenants_max) {
    return failure(Code::refused, "there are " + std::to_string(book.tenants.size()) +
                                      " tenants already (tenants_max)");
  }
  Tenant tenant{.id = book.last_tenant + 1,
                .name = name,
                .value_bytes_max = limits.value_bytes_max,
                .created = now};
  std::string detail = change_all(tenant, with);
  if (auto checked = check_limits(tenant); !checked) return std::unexpected(checked.error());
  BookChange change;
  change.event = {.what = "tenant.created", .tenant = name, .detail = std::move(detail)};
  change.tenants.push_back(std::move(tenant));
  return change;
}

Result<BookChange> plan_tenant_change(const Book& book, const std::string& name,
                                      const TenantChange& change) {
  assert(book.tenant(name) != nullptr);
  Tenant tenant = *book.tenant(name);
  std::string detail = change_all(tenant, change);
  if (auto checked = check_limits(tenant); !checked) return std::unexpected(checked.error());
  BookChange made;
  made.event = {.what = "tenant.changed", .tenant = name, .detail = std::move(detail)};
  made.tenants.push_back(std::move(tenant));
  return made;
}

Result<BookChange> plan_key(const Book& book, const NewKey& wanted, const BookLimits& limits,
                            KeyDraw draw) {
  const Scopes scopes = wanted.scopes.value_or(usual_scopes(wanted.kind));
  if (auto checked = check_key(wanted, draw.now); !checked) {
    return std::unexpected(checked.error());
  }
  if (auto checked = check_scopes(wanted, scopes); !checked) {
    return std::unexpected(checked.error());
  }
  if (auto checked = check_room(book, wanted.tenant, limits, draw.now); !checked) {
    return std::unexpected(checked.error());
  }
  BookChange change;
  change.event = {.what = "key.created",
                  .tenant = wanted.tenant,
                  .key_id = draw.id,
                  .detail = std::string(name_of(wanted.kind))};
  change.keys.push_back({.id = std::move(draw.id),
                         .tenant = wanted.tenant,
                         .name = wanted.name,
                         .kind = wanted.kind,
                         .scopes = scopes,
                         .policies = wanted.policies,
                         .key_prefix = wanted.key_prefix,
                         .digest = std::move(draw.digest),
                         .created = draw.now,
                         .expires = wanted.expires});
  return change;
}

Result<BookChange> plan_rotation(const Book& book, const std::string& id, Duration grace,
                                 KeyDraw draw) {
  assert(book.key(id) != nullptr);
  TenantKey old = *book.key(id);
  if (old.replaced) {
    return failure(Code::not_allowed, "this key was replaced already; rotate the one that did it");
  }
  TenantKey made = old;
  made.id = draw.id;
  made.digest = std::move(draw.digest);
  made.created = draw.now;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(grace);
  old.expires = std::min(old.expires, draw.now + ms);
  old.replaced = draw.now;
  BookChange change;
  change.event = {.what = "key.rotated",
                  .tenant = old.tenant,
                  .key_id = id,
                  .detail = "by " + draw.id + ", grace " + std::to_string(ms.count()) + " ms"};
  change.keys.push_back(std::move(made));
  if (old.expires > draw.now) {
    change.keys.push_back(std::move(old));
  } else {
    change.removed.push_back(id);
  }
  return change;
}

BookChange plan_revocation(const Book& book, const std::string& id) {
  assert(book.key(id) != nullptr);
  BookChange change;
  change.event = {.what = "key.revoked", .tenant = book.key(id)->tenant, .key_id = id};
  change.removed.push_back(id);
  return change;
}

}  // namespace headrace
