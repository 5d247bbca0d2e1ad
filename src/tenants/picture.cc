#include "tenants/picture.h"

#include <utility>

namespace headrace {

namespace {

// Whether all that an identity says is the same of both.
bool says_the_same(const Identity& a, const Identity& b) {
  return a.tenant == b.tenant && a.tenant_name == b.tenant_name && a.key_id == b.key_id &&
         a.scopes == b.scopes && a.policies == b.policies && a.key_prefix == b.key_prefix &&
         a.ceiling.records_max == b.ceiling.records_max &&
         a.ceiling.bytes_max == b.ceiling.bytes_max && a.value_bytes_max == b.value_bytes_max &&
         a.meter == b.meter && a.expires == b.expires && a.replaced == b.replaced;
}

std::shared_ptr<Identity> identity_of(const TenantKey& key) {
  auto who = std::make_shared<Identity>();
  who->tenant = default_tenant;
  who->tenant_name = default_tenant_name;
  who->key_id = key.id;
  who->scopes = key.scopes;
  who->policies = key.policies;
  if (key.kind == KeyKind::admin) who->policies = {"*"};
  who->key_prefix = key.key_prefix;
  who->expires = key.expires;
  who->replaced = key.replaced;
  return who;
}

// The operator's own tenant has no limits of its own.
void belong(Identity& who, const Tenant& tenant, std::shared_ptr<Meter> meter) {
  who.tenant = tenant.id;
  who.tenant_name = tenant.name;
  who.ceiling = tenant.ceiling;
  who.value_bytes_max = tenant.value_bytes_max;
  who.meter = std::move(meter);
}

}  // namespace

IdentityRef operator_identity(std::string id, std::uint64_t value_bytes_max) {
  auto who = std::make_shared<Identity>();
  who->tenant = default_tenant;
  who->tenant_name = default_tenant_name;
  who->key_id = std::move(id);
  who->scopes = all_scopes;
  who->policies = {"*"};
  who->value_bytes_max = value_bytes_max;
  return who;
}

Picture::Picture(std::shared_ptr<const Book> book, const Options& options, const Picture* before)
    : book_(std::move(book)) {
  add_meters(options, before);
  add_entries(options, before);
  add_stranger(options, before);
}

void Picture::add_meters(const Options& options, const Picture* before) {
  for (const auto& [name, tenant] : book_->tenants) {
    const Rates rates = tenant.rates.share_of(options.instances);
    std::shared_ptr<Meter>& meter = meters_[name];
    if (before != nullptr && before->meters_.contains(name)) meter = before->meters_.at(name);
    if (!meter) meter = std::make_shared<Meter>(rates);
    meter->set(rates);
  }
}

void Picture::add_entries(const Options& options, const Picture* before) {
  for (const auto& [id, key] : book_->keys) {
    auto who = identity_of(key);
    who->value_bytes_max = options.value_bytes_max;
    if (key.tenant != default_tenant_name) {
      const Tenant* const tenant = book_->tenant(key.tenant);
      if (tenant == nullptr || tenant->is_suspended) continue;
      belong(*who, *tenant, meters_.at(key.tenant));
    }
    const Entry* const had = before == nullptr ? nullptr : before->find(id);
    who->use = had == nullptr ? std::make_shared<KeyUse>() : had->who->use;
    Entry entry{.digest = key.digest, .expires = key.expires, .who = std::move(who)};
    if (had != nullptr && had->digest == entry.digest && says_the_same(*had->who, *entry.who)) {
      entry.who = had->who;
    }
    entries_.emplace(id, std::move(entry));
  }
}

// Once there is a tenant, who comes without a key may only do what the operator does: a client that
// has forgotten its key must not find somebody else's records empty.
void Picture::add_stranger(const Options& options, const Picture* before) {
  if (!options.strangers_welcome) return;
  auto who = std::make_shared<Identity>();
  who->tenant = default_tenant;
  who->tenant_name = default_tenant_name;
  who->policies = {"*"};
  who->value_bytes_max = options.value_bytes_max;
  who->scopes = book_->tenants.empty()
                    ? all_scopes
                    : no_scopes.with(Scope::admin).with(Scope::policy_read).with(Scope::invalidate);
  stranger_ = std::move(who);
  if (before != nullptr && before->stranger_ && says_the_same(*before->stranger_, *stranger_)) {
    stranger_ = before->stranger_;
  }
}

const Picture::Entry* Picture::find(std::string_view id) const noexcept {
  const auto at = entries_.find(id);
  return at == entries_.end() ? nullptr : &at->second;
}

void Picture::end_what_is_gone(const Picture& before) const {
  before.each([this](const std::string& id, const Entry& had) {
    const Entry* const has = find(id);
    if (has == nullptr || has->who != had.who) had.who->has_ended = true;
  });
  if (before.stranger_ && before.stranger_ != stranger_) before.stranger_->has_ended = true;
}

void Picture::end_what_expired(WallTime now) const {
  each([now](const std::string&, const Entry& entry) {
    if (entry.expires <= now) entry.who->has_ended = true;
  });
}

}  // namespace headrace
