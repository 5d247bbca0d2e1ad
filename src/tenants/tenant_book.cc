#include "headrace/tenant_book.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/same_secret.h"
#include "tenants/impl.h"

namespace headrace {

namespace {

constexpr std::size_t key_text_max = 256;  // Of an operator's key; a tenant's has fewer.

std::unexpected<Error> not_a_key() {
  return failure(Code::not_allowed, "the key is not valid");
}
std::unexpected<Error> not_sure() {
  return failure(Code::store_unavailable, "nobody can say now whether the key is valid");
}

Picture::Options shown(const TenantBookOptions& options) {
  return {.instances = options.instances,
          .strangers_welcome = options.strangers == TenantBookOptions::Strangers::welcome,
          .value_bytes_max = options.value_bytes_max};
}

void free_picture(void* picture) {
  const std::unique_ptr<const Picture> freed(static_cast<const Picture*>(picture));
}

}  // namespace

TenantBook::Impl::Impl(TenantBookOptions options, Ports ports)
    : options_(std::move(options)),
      ports_(std::move(ports)),
      clock_(ports_.keyspace.clock()),
      keeper_(ports_.keyspace, options_.events_max),
      refusals_({.quota = options_.refusals_per_minute,
                 .window = std::chrono::minutes(1),
                 .burst = options_.refusals_per_minute},
                options_.addresses_max, ports_.random.bits()),
      is_shared_(ports_.keyspace.records().is_shared()),
      nobody_(ports_.digest(draw_text(ports_.random, key_secret_chars))) {
  assert(options_.events_max > 0 && options_.instances > 0);
  for (const std::string& key : options_.operator_keys) {
    operators_.push_back(
        {ports_.digest(key), operator_identity("operator", options_.value_bytes_max)});
  }
  picture_ =
      std::make_unique<Picture>(std::make_shared<const Book>(), shown(options_), nullptr).release();
}

TenantBook::Impl::~Impl() {
  const std::unique_ptr<const Picture> last(picture_.load());
}

// Admission.

// Every one of them is compared.
IdentityRef TenantBook::Impl::operator_of(std::string_view digest) const {
  IdentityRef who;
  for (const Operator& one : operators_) {
    if (is_same_secret(digest, one.digest)) who = one.who;
  }
  return who;
}

IdentityRef TenantBook::Impl::holder_of(const KeyText& key, std::string_view digest) const {
  const WallTime now = clock_.wall_now();
  return look([&](const Picture& picture) -> IdentityRef {
    const Picture::Entry* const entry = picture.find(key.id);
    const bool fits = is_same_secret(digest, entry == nullptr ? nobody_ : entry->digest);
    if (!fits || entry == nullptr || entry->expires <= now) return nullptr;
    entry->who->use->note(now);
    return entry->who;
  });
}

Result<IdentityRef> TenantBook::Impl::admit(std::string_view key) {
  const std::string digest = ports_.digest(key.substr(0, key_text_max));
  if (IdentityRef who = operator_of(digest); who && key.size() <= key_text_max) return who;
  const auto text = KeyText::parse(key);
  if (!text) return not_a_key();
  IdentityRef who = holder_of(*text, digest);
  if (!is_sure()) return not_sure();
  if (!who) return not_a_key();
  return who;
}

RateDecision TenantBook::Impl::refused(std::string_view key, std::string_view address) {
  ++(KeyText::parse(key) ? refused_ : mistyped_);
  const RateDecision decision = refusals_.spend(address, clock_.now());
  if (!decision.allowed) ++limited_;
  return decision;
}

Result<IdentityRef> TenantBook::Impl::renew(const IdentityRef& who) {
  if (who->tenant == default_tenant && who->key_id.empty()) {
    if (!who->has_ended) return who;
    if (IdentityRef now = stranger()) return now;
    return not_a_key();
  }
  const auto is_who = [&who](const Operator& one) { return one.who == who; };
  if (std::ranges::any_of(operators_, is_who)) return who;
  if (!is_sure()) return not_sure();
  const WallTime now = clock_.wall_now();
  if (who->expires <= now) return not_a_key();
  if (!who->has_ended) {
    if (who->use) who->use->note(now);
    return who;
  }
  IdentityRef current = look([&who](const Picture& picture) -> IdentityRef {
    const Picture::Entry* const entry = picture.find(who->key_id);
    return entry == nullptr || entry->who->has_ended ? nullptr : entry->who;
  });
  if (!current) return not_a_key();
  return current;
}

IdentityRef TenantBook::Impl::stranger() const {
  return look([](const Picture& picture) { return picture.stranger(); });
}

bool TenantBook::Impl::is_sure() const {
  if (!is_loaded_.load(std::memory_order_acquire)) return false;
  if (!is_shared_) return true;
  const Instant began{Duration(read_began_.load(std::memory_order_acquire))};
  return clock_.now() - began < options_.sure_for;
}

// The picture.

// Shows the book, which a read that began then has found, or an edit has made.
void TenantBook::Impl::show(Keeper::BookRef book, Instant read_began) {
  const std::scoped_lock lock(showing_);
  const Picture* const before = picture_.load(std::memory_order_acquire);
  const bool is_first = !is_loaded_.load(std::memory_order_relaxed);
  if (!is_first && book->generation < before->book().generation) return;
  if (is_first || book->generation > before->book().generation) {
    auto made = std::make_unique<const Picture>(std::move(book), shown(options_), before);
    const Picture* const now = made.release();
    picture_.store(now, std::memory_order_release);
    now->end_what_is_gone(*before);
    Pins::retire({.what = const_cast<Picture*>(before), .free = free_picture});
    Pins::reclaim();
  }
  read_began_ = std::max(read_began_.load(), read_began.time_since_epoch().count());
  is_loaded_.store(true, std::memory_order_release);
}

// Finds out what generation there is, and loads the book if it is another.
Task<Result<void>> TenantBook::Impl::refresh(std::shared_ptr<Impl> self) {
  const Instant began = self->clock_.now();
  self->is_in_doubt_ = false;
  Keeper::BookRef book = self->book();
  auto asking = self->keeper_.generation();
  const auto generation = co_await std::move(asking);
  if (!generation) {
    self->is_in_doubt_ = true;
    co_return std::unexpected(generation.error());
  }
  if (!self->is_loaded_ || *generation != book->generation) {
    auto loading = self->keeper_.load();
    auto loaded = co_await std::move(loading);
    if (!loaded) {
      self->is_in_doubt_ = true;
      co_return std::unexpected(std::move(loaded.error()));
    }
    book = *std::move(loaded);
  }
  self->show(std::move(book), began);
  co_return Result<void>();
}

Task<Result<Keeper::Made>> TenantBook::Impl::change(std::shared_ptr<Impl> self, Keeper::Plan plan,
                                                    Actor actor) {
  const Instant began = self->clock_.now();
  Keeper::BookRef known = self->is_loaded_ ? self->book() : nullptr;
  auto changing = self->keeper_.change(std::move(known), std::move(plan), std::move(actor));
  auto made = co_await std::move(changing);
  if (made && made->did) self->show(made->book, began);
  if (!made) self->is_in_doubt_ = true;
  co_return made;
}

// Rounds.

void TenantBook::Impl::begin_rounds() {
  const std::scoped_lock lock(rounds_);
  if (is_closed_ || is_round_) return;
  is_round_ = true;
  timer_ = ports_.executor.post_at(clock_.now() + options_.check_every,
                                   [self = shared_from_this()] { start(round(self)); });
}

Task<void> TenantBook::Impl::round(std::shared_ptr<Impl> self) {
  const Instant began = self->clock_.now();
  if (self->is_shared_ || !self->is_loaded_ || self->is_in_doubt_) {
    auto refreshing = refresh(self);
    (void)co_await std::move(refreshing);  // If it failed, the picture is sure for less long.
  }
  self->look([&](const Picture& picture) {
    picture.end_what_expired(self->clock_.wall_now());
    return 0;
  });
  Keeper::Uses uses = self->take_uses();
  auto writing = self->keeper_.write_uses(uses);
  const auto written = co_await std::move(writing);
  if (written) self->note_uses(uses);
  self->end_round(began);
}

// Keys that were used in a minute that the records do not know of.
Keeper::Uses TenantBook::Impl::take_uses() const {
  return look([](const Picture& picture) {
    Keeper::Uses uses;
    picture.each([&uses](const std::string& id, const Picture::Entry& entry) {
      const std::int64_t minute = entry.who->use->minute.load(std::memory_order_relaxed);
      const std::int64_t written = entry.who->use->written.load(std::memory_order_relaxed);
      if (minute <= written || uses.size() >= Keeper::uses_max) return;
      uses.emplace(id, WallTime(std::chrono::minutes(minute)));
    });
    return uses;
  });
}

void TenantBook::Impl::note_uses(const Keeper::Uses& uses) const {
  look([&uses](const Picture& picture) {
    for (const auto& [id, at] : uses) {
      const auto* const entry = picture.find(id);
      if (entry != nullptr) entry->who->use->written = KeyUse::minute_of(at);
    }
    return 0;
  });
}

void TenantBook::Impl::end_round(Instant began) {
  std::coroutine_handle<> closer;
  {
    const std::scoped_lock lock(rounds_);
    is_round_ = !is_closed_;
    closer = std::exchange(closer_, nullptr);
    if (is_round_) {
      timer_ = ports_.executor.post_at(began + options_.check_every,
                                       [self = shared_from_this()] { start(round(self)); });
    }
  }
  if (closer) closer.resume();
}

// False: there is nothing to wait for.
bool TenantBook::Impl::end(std::coroutine_handle<> closer) {
  const std::scoped_lock lock(rounds_);
  is_closed_ = true;
  if (is_round_ && ports_.executor.cancel(timer_)) is_round_ = false;
  if (is_round_) closer_ = closer;
  return is_round_;
}

TenantBook::Stats TenantBook::Impl::stats() const {
  Stats stats{
      .refused = refused_, .mistyped = mistyped_, .limited = limited_, .is_sure = is_sure()};
  look([&stats](const Picture& picture) {
    stats.generation = picture.book().generation;
    std::map<TenantId, TenantStats> by_id;
    for (const auto& [name, meter] : picture.meters()) {
      by_id[picture.book().tenant(name)->id] = {.name = name, .counts = meter->counts()};
    }
    for (auto& [id, one] : by_id) stats.tenants.push_back(std::move(one));
    return 0;
  });
  return stats;
}

TenantBook::TenantBook(TenantBookOptions options, Ports ports)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(ports))) {}
TenantBook::~TenantBook() = default;

Task<Result<void>> TenantBook::open() {
  auto refreshing = Impl::refresh(impl_);
  auto loaded = co_await std::move(refreshing);
  impl_->begin_rounds();
  co_return loaded;
}

Task<void> TenantBook::close() {
  co_await impl_->end_rounds();
}

Result<IdentityRef> TenantBook::admit(std::string_view key) {
  return impl_->admit(key);
}
IdentityRef TenantBook::anonymous() const {
  return impl_->stranger();
}
Result<IdentityRef> TenantBook::renew(IdentityRef who) {
  return impl_->renew(who);
}
RateDecision TenantBook::refused(std::string_view key, std::string_view address) {
  return impl_->refused(key, address);
}
TenantBook::Stats TenantBook::stats() const {
  return impl_->stats();
}

}  // namespace headrace
