#include "tenants/book_records.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::chrono_literals;

TEST(BookRecordsTest, WhatIsWrittenIsRead) {
  const auto book = read_book(nullptr);
  ASSERT_TRUE(book);
  EXPECT_EQ(book->generation, 0U);
  EXPECT_EQ(book->last_tenant, default_tenant);
  const Record head = record_of(Book{.generation = 7, .last_tenant = 9});
  EXPECT_EQ(read_book(&head)->generation, 7U);
  EXPECT_EQ(read_book(&head)->last_tenant, 9U);

  const auto tenant =
      read_tenant("a", record_of(Tenant{.id = 5,
                                        .name = "a",
                                        .is_suspended = true,
                                        .rates = {.burst = 1, .sustained = 2, .daily = 3},
                                        .ceiling = {.records_max = 4, .bytes_max = 5},
                                        .value_bytes_max = 6}));
  ASSERT_TRUE(tenant);
  EXPECT_EQ(tenant->id, 5U);
  EXPECT_TRUE(tenant->is_suspended);
  EXPECT_EQ(tenant->rates, (Rates{.burst = 1, .sustained = 2, .daily = 3}));
  EXPECT_EQ(tenant->ceiling.records_max, 4U);
  EXPECT_EQ(tenant->ceiling.bytes_max, 5U);
  EXPECT_EQ(tenant->value_bytes_max, 6U);

  const WallTime when{123456ms};
  const auto key = read_key("id", record_of(TenantKey{.tenant = "a",
                                                      .name = "my key",
                                                      .kind = KeyKind::read_only,
                                                      .scopes = read_scopes,
                                                      .policies = {"p", "q"},
                                                      .key_prefix = "x y",
                                                      .digest = "d",
                                                      .expires = when,
                                                      .replaced = when}));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->id, "id");
  EXPECT_EQ(key->tenant, "a");
  EXPECT_EQ(key->name, "my key");
  EXPECT_EQ(key->kind, KeyKind::read_only);
  EXPECT_EQ(key->scopes, read_scopes);
  EXPECT_EQ(key->policies, (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(key->key_prefix, "x y");
  EXPECT_EQ(key->digest, "d");
  EXPECT_EQ(key->expires, when);
  EXPECT_EQ(key->replaced, when);

  const auto event = read_event(record_of(TenantEvent{.number = 3,
                                                      .at = when,
                                                      .actor = {.who = "w", .from = "f"},
                                                      .what = "key.created",
                                                      .tenant = "a",
                                                      .key_id = "k",
                                                      .detail = "d"}));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->number, 3U);
  EXPECT_EQ(event->at, when);
  EXPECT_EQ(event->actor.from, "f");
  EXPECT_EQ(event->key_id, "k");
  EXPECT_EQ(read_use(record_of_use(when)), when);
}

TEST(BookRecordsTest, FieldsOfNewerVersionsAreLeftAlone) {
  Record record = record_of(Tenant{.id = 5});
  record.fields.emplace_back("newer", "thing");
  EXPECT_TRUE(read_tenant("a", record));
}

// Whatever is wrong with a record, nobody is admitted by it.
TEST(BookRecordsTest, WhatIsDamagedIsNotGuessed) {
  const auto damaged = [](const auto& result) {
    return !result && result.error().code == Code::damaged;
  };
  const Record text{.value = "text"};
  EXPECT_TRUE(damaged(read_book(&text)));
  EXPECT_TRUE(damaged(read_event(text)));
  const Record tenant = record_of(Tenant{.id = 5});
  const Record key = record_of(TenantKey{.tenant = "a", .scopes = app_scopes, .digest = "d"});
  ASSERT_TRUE(read_key("k", key));
  for (std::size_t i = 0; i < tenant.fields.size(); ++i) {
    Record wrong = tenant;
    wrong.fields[i].second = "x1";
    EXPECT_TRUE(damaged(read_tenant("a", wrong))) << tenant.fields[i].first;
  }
  for (std::size_t i = 0; i < key.fields.size(); ++i) {
    Record wrong = key;
    wrong.fields.erase(wrong.fields.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(damaged(read_key("k", wrong))) << key.fields[i].first;
  }
  EXPECT_TRUE(damaged(read_tenant("a", record_of(Tenant{.id = default_tenant}))));
  EXPECT_TRUE(damaged(read_key("k", record_of(TenantKey{.tenant = "a", .scopes = app_scopes}))));
}

}  // namespace
}  // namespace headrace
