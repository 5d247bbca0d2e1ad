// tenants/fixture.h: for tests: books of tenants over records that are a map, in virtual time.
//
// Threads: one.  Errors: fails the test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "headrace/tenant_book.h"
#include "kit/plain_records.h"
#include "kit/world.h"

namespace headrace {

// Good enough to tell the keys of a test from each other.
inline std::string digest_of(std::string_view text) {
  const Hash128 hash = hash128(text);
  return std::to_string(hash.high) + "." + std::to_string(hash.low);
}

// Records whose reads are true when they begin and answered later.
class SlowRecords final : public Records {
 public:
  SlowRecords(kit::PlainRecords& of, kit::World& world) : of_(of), world_(world) {}
  Duration takes{0};
  std::function<void()> on_list{};  // Called once, when a list has been read.

  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override {
    auto reading = of_.read(std::move(keys));
    auto found = co_await std::move(reading);
    Rest rest{*this};
    co_await rest;
    co_return found;
  }
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override {
    return of_.edit(std::move(keys), std::move(editor), ceiling);
  }
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override {
    auto listing = of_.list(std::move(prefix), std::move(from), keys_max);
    auto page = co_await std::move(listing);
    if (const auto call = std::exchange(on_list, nullptr)) call();
    co_return page;
  }
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override {
    return of_.expired(at, keys_max);
  }
  Task<Result<Usage>> usage(TenantId tenant) override { return of_.usage(tenant); }
  bool is_shared() const noexcept override { return true; }
  Health health() const override { return of_.health(); }
  void close() override {}

 private:
  struct Rest {
    SlowRecords& records;
    [[nodiscard]] bool await_ready() const noexcept { return records.takes == Duration(0); }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      records.world_.post_at(records.world_.now() + records.takes,
                             [awaiting] { awaiting.resume(); });
    }
    void await_resume() const noexcept {}
  };

  kit::PlainRecords& of_;
  kit::World& world_;
};

class TenantBookFixture : public testing::Test {
 protected:
  // Several may be over the same records.
  std::unique_ptr<TenantBook> make_book(TenantBookOptions options = {}) {
    auto book = std::make_unique<TenantBook>(
        std::move(options),
        TenantBook::Ports{
            .keyspace = keyspace, .executor = world, .random = world, .digest = digest_of});
    (void)world.run(book->open());
    return book;
  }
  void close(TenantBook& book) { run(book.close()); }

  template <class T>
  T run(Task<T> task) {
    auto outcome = world.run(std::move(task));
    EXPECT_TRUE(outcome.has_value()) << "it waits";
    return *std::move(outcome);
  }
  void run(Task<void> task) {
    bool ended = false;
    start(std::move(task), [&ended] { ended = true; });
    world.run();
    EXPECT_TRUE(ended) << "it waits";
  }

  Tenant create(TenantBook& book, const std::string& name, TenantChange with = {}) {
    const auto made = run(book.create_tenant(name, with, root));
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    return made.value_or(Tenant{});
  }
  MadeKey key(TenantBook& book, NewKey wanted) {
    const auto made = run(book.create_key(std::move(wanted), root));
    EXPECT_TRUE(made && *made) << (made ? "no such tenant" : made.error().what);
    return made && *made ? **made : MadeKey{};
  }
  MadeKey rotate(TenantBook& book, const std::string& id, Duration grace) {
    const auto made = run(book.rotate_key(id, grace, root));
    EXPECT_TRUE(made && *made) << (made ? "no such key" : made.error().what);
    return made && *made ? **made : MadeKey{};
  }
  // Who is admitted; null: nobody.
  static IdentityRef who(TenantBook& book, const std::string& text) {
    const auto admitted = book.admit(text);
    return admitted ? *admitted : nullptr;
  }
  static Code refusal(TenantBook& book, const std::string& text) {
    const auto admitted = book.admit(text);
    EXPECT_FALSE(admitted);
    return admitted ? Code::closed : admitted.error().code;
  }

  static inline const Actor root{.who = "operator", .from = "10.0.0.1"};
  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
};

}  // namespace headrace
