#include <utility>

#include "tenants/impl.h"

namespace headrace {

namespace {

BookLimits limits_of(const TenantBookOptions& options) {
  return {.tenants_max = options.tenants_max,
          .keys_max = options.keys_max,
          .keys_per_tenant_max = options.keys_per_tenant_max,
          .value_bytes_max = options.value_bytes_max};
}

}  // namespace

Task<Result<Tenant>> TenantBook::create_tenant(std::string name, TenantChange with, Actor actor) {
  Keeper::Plan plan = [impl = impl_, name,
                       with](const Book& book) -> Result<std::optional<BookChange>> {
    auto planned =
        plan_tenant(book, name, with, limits_of(impl->options_), impl->clock_.wall_now());
    if (!planned) return std::unexpected(std::move(planned.error()));
    return *std::move(planned);
  };
  auto changing = Impl::change(impl_, std::move(plan), std::move(actor));
  const auto made = co_await std::move(changing);
  if (!made) co_return std::unexpected(made.error());
  co_return *made->book->tenant(name);
}

Task<Result<std::optional<Tenant>>> TenantBook::change_tenant(std::string name, TenantChange change,
                                                              Actor actor) {
  Keeper::Plan plan = [name, change](const Book& book) -> Result<std::optional<BookChange>> {
    if (book.tenant(name) == nullptr) return std::optional<BookChange>();
    auto planned = plan_tenant_change(book, name, change);
    if (!planned) return std::unexpected(std::move(planned.error()));
    return *std::move(planned);
  };
  auto changing = Impl::change(impl_, std::move(plan), std::move(actor));
  const auto made = co_await std::move(changing);
  if (!made) co_return std::unexpected(made.error());
  if (!made->did) co_return std::optional<Tenant>();
  co_return std::optional<Tenant>(*made->book->tenant(name));
}

namespace {

// A key's text, drawn anew for each attempt.
struct Drawn {
  std::string id{};
  std::string text{};
};

KeyDraw draw(TenantBook::Ports& ports, KeyKind kind, WallTime now, Drawn& drawn) {
  drawn.id = draw_text(ports.random, key_id_chars);
  drawn.text = key_text(kind, drawn.id, draw_text(ports.random, key_secret_chars));
  return {.id = drawn.id, .digest = ports.digest(drawn.text), .now = now};
}

std::optional<MadeKey> made_key(const Keeper::Made& made, const Drawn& drawn) {
  if (!made.did) return std::nullopt;
  return MadeKey{.text = drawn.text, .key = *made.book->key(drawn.id)};
}

}  // namespace

Task<Result<std::optional<MadeKey>>> TenantBook::create_key(NewKey key, Actor actor) {
  const auto drawn = std::make_shared<Drawn>();
  Keeper::Plan plan = [impl = impl_, key = std::move(key),
                       drawn](const Book& book) -> Result<std::optional<BookChange>> {
    if (key.tenant != default_tenant_name && book.tenant(key.tenant) == nullptr) {
      return std::optional<BookChange>();
    }
    auto planned = plan_key(book, key, limits_of(impl->options_),
                            draw(impl->ports_, key.kind, impl->clock_.wall_now(), *drawn));
    if (!planned) return std::unexpected(std::move(planned.error()));
    return *std::move(planned);
  };
  auto changing = Impl::change(impl_, std::move(plan), std::move(actor));
  const auto made = co_await std::move(changing);
  if (!made) co_return std::unexpected(made.error());
  co_return made_key(*made, *drawn);
}

Task<Result<std::optional<MadeKey>>> TenantBook::rotate_key(std::string id, Duration grace,
                                                            Actor actor) {
  if (grace < Duration(0) || grace > impl_->options_.grace_max) {
    co_return failure(Code::invalid_argument, "the grace is from 0 to 30 days (grace_max)");
  }
  const auto drawn = std::make_shared<Drawn>();
  Keeper::Plan plan = [impl = impl_, id, grace,
                       drawn](const Book& book) -> Result<std::optional<BookChange>> {
    const WallTime now = impl->clock_.wall_now();
    const TenantKey* const old = book.key(id);
    if (old == nullptr || old->expires <= now) return std::optional<BookChange>();
    auto planned = plan_rotation(book, id, grace, draw(impl->ports_, old->kind, now, *drawn));
    if (!planned) return std::unexpected(std::move(planned.error()));
    return *std::move(planned);
  };
  auto changing = Impl::change(impl_, std::move(plan), std::move(actor));
  const auto made = co_await std::move(changing);
  if (!made) co_return std::unexpected(made.error());
  co_return made_key(*made, *drawn);
}

Task<Result<bool>> TenantBook::revoke_key(std::string id, Actor actor) {
  Keeper::Plan plan = [id](const Book& book) -> Result<std::optional<BookChange>> {
    if (book.key(id) == nullptr) return std::optional<BookChange>();
    return plan_revocation(book, id);
  };
  auto changing = Impl::change(impl_, std::move(plan), std::move(actor));
  const auto made = co_await std::move(changing);
  if (!made) co_return std::unexpected(made.error());
  co_return made->did;
}

// Looking.

Task<Result<std::vector<Tenant>>> TenantBook::tenants() {
  auto refreshing = Impl::refresh(impl_);
  const auto fresh = co_await std::move(refreshing);
  if (!fresh) co_return std::unexpected(fresh.error());
  std::vector<Tenant> all;
  for (const auto& [name, tenant] : impl_->book()->tenants) all.push_back(tenant);
  co_return all;
}

Task<Result<std::vector<TenantKey>>> TenantBook::keys(std::string tenant) {
  auto refreshing = Impl::refresh(impl_);
  const auto fresh = co_await std::move(refreshing);
  if (!fresh) co_return std::unexpected(fresh.error());
  const WallTime now = impl_->clock_.wall_now();
  std::vector<TenantKey> all;
  std::vector<std::string> ids;
  for (const auto& [id, key] : impl_->book()->keys) {
    if ((!tenant.empty() && key.tenant != tenant) || key.expires <= now) continue;
    all.push_back(key);
    ids.push_back(id);
  }
  auto reading = impl_->keeper_.uses(std::move(ids));
  const auto uses = co_await std::move(reading);
  if (!uses) co_return std::unexpected(uses.error());
  for (TenantKey& key : all) {
    if (const auto at = uses->find(key.id); at != uses->end()) key.last_used = at->second;
  }
  co_return all;
}

Task<Result<std::vector<TenantEvent>>> TenantBook::events(std::size_t events_max) {
  auto reading = impl_->keeper_.events();
  auto events = co_await std::move(reading);
  if (events && events->size() > events_max) events->resize(events_max);
  co_return events;
}

}  // namespace headrace
