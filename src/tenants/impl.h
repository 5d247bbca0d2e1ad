// tenants/impl.h: what is behind a TenantBook: the picture, the rounds in which it is looked after.
//
// Threads:   any member from any thread.
// Errors:    those of TenantBook.
// Lifetimes: tasks and timers hold it; close() ends them.
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/pins.h"
#include "headrace/tenant_book.h"
#include "limits/address_rates.h"
#include "tenants/keeper.h"
#include "tenants/key_text.h"
#include "tenants/picture.h"

namespace headrace {

class TenantBook::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(TenantBookOptions options, Ports ports);
  ~Impl();

  [[nodiscard]] Result<IdentityRef> admit(std::string_view key);
  [[nodiscard]] Result<IdentityRef> renew(const IdentityRef& who);
  [[nodiscard]] RateDecision refused(std::string_view key, std::string_view address);
  [[nodiscard]] IdentityRef stranger() const;
  [[nodiscard]] bool is_sure() const;
  [[nodiscard]] Stats stats() const;

  // The picture of the moment, pinned for the call.
  template <class Look>
  auto look(Look look) const {
    Pins::Record& pins = Pins::mine();
    const Picture* picture = picture_.load(std::memory_order_acquire);
    for (;;) {
      Pins::set(pins, pins.passing, picture);
      const Picture* const again = picture_.load(std::memory_order_acquire);
      if (again == picture) break;
      picture = again;
    }
    auto seen = look(*picture);
    pins.passing.store(nullptr, std::memory_order_release);
    return seen;
  }
  [[nodiscard]] Keeper::BookRef book() const {
    return look([](const Picture& picture) { return picture.share_book(); });
  }

  void show(Keeper::BookRef book, Instant read_began);
  [[nodiscard]] static Task<Result<void>> refresh(std::shared_ptr<Impl> self);
  [[nodiscard]] static Task<Result<Keeper::Made>> change(std::shared_ptr<Impl> self,
                                                         Keeper::Plan plan, Actor actor);

  void begin_rounds();
  // Awaits the end of the round that is under way; there will be no more.
  struct Ending {
    Impl& impl;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) const { return impl.end(awaiting); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Ending end_rounds() { return Ending{*this}; }

  TenantBookOptions options_;
  Ports ports_;
  Clock& clock_;
  Keeper keeper_;
  AddressRates refusals_;

 private:
  struct Operator {
    std::string digest;
    IdentityRef who;
  };

  [[nodiscard]] IdentityRef operator_of(std::string_view digest) const;
  [[nodiscard]] IdentityRef holder_of(const KeyText& key, std::string_view digest) const;
  [[nodiscard]] static Task<void> round(std::shared_ptr<Impl> self);
  [[nodiscard]] Keeper::Uses take_uses() const;
  void note_uses(const Keeper::Uses& uses) const;
  void end_round(Instant began);
  [[nodiscard]] bool end(std::coroutine_handle<> closer);

  const bool is_shared_;
  std::vector<Operator> operators_;
  std::string nobody_;  // A digest of nothing that anybody has.
  std::atomic<const Picture*> picture_;
  std::atomic<bool> is_loaded_{false};
  // An edit may have been made that is not shown.
  std::atomic<bool> is_in_doubt_{false};
  std::atomic<Duration::rep> read_began_{0};  // Of the last read that found this generation.
  std::mutex showing_;

  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> mistyped_{0};
  std::atomic<std::uint64_t> limited_{0};

  std::mutex rounds_;
  bool is_closed_ = false;
  bool is_round_ = false;  // One is under way or about to begin.
  Executor::TimerId timer_ = Executor::TimerId::none;
  std::coroutine_handle<> closer_;
};

}  // namespace headrace
