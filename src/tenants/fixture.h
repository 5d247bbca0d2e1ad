// tenants/fixture.h: for tests: books of tenants over records that are a map, in virtual time.
//
// Threads: one.  Errors: fails the test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>

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
