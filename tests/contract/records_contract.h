// contract/records_contract.h: what all that keeps records must do, as tests that each is put
// through.
//
// Its own test includes this header and says
//   INSTANTIATE_TEST_SUITE_P(Embedded, RecordsContract, testing::Values(RecordsMaker{...}));
// and the same of RecordsRaces and RecordsRestarts where they apply.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "contract/records_fixture.h"
#include "contract/records_race_contract.h"

namespace headrace::contract {

// Reading and editing one.

TEST_P(RecordsContract, WhatWasNeverPutIsNotThere) {
  EXPECT_EQ(get(key("a")), nullptr);
  expect_peek(key("a"), "(none)");
  EXPECT_EQ(usage().records, 0U);
  EXPECT_EQ(usage().bytes, 0U);
}

TEST_P(RecordsContract, WhatIsPutComesBackWhole) {
  Record record{.value = std::string("\0\r\n\xff", 4),
                .content_type = "text/plain",
                .version = 99,
                .content_version = 5,
                .created = at(1),
                .updated = at(2),
                .expires = at(3),
                .idle = std::chrono::seconds(4),
                .ends = at(5),
                .accessed = at(6)};
  const RecordRef left = put(key("a"), record);
  const RecordRef found = get(key("a"));
  ASSERT_TRUE(left && found);
  EXPECT_EQ(left->version, found->version);
  EXPECT_NE(found->version, 0U);
  EXPECT_EQ(found->kind, Record::Kind::value);
  EXPECT_EQ(found->value, record.value);
  EXPECT_EQ(found->content_type, record.content_type);
  EXPECT_EQ(found->content_version, record.content_version);
  EXPECT_EQ(found->created, record.created);
  EXPECT_EQ(found->updated, record.updated);
  EXPECT_EQ(found->expires, record.expires);
  EXPECT_EQ(found->idle, record.idle);
  EXPECT_EQ(found->ends, record.ends);
  EXPECT_EQ(found->accessed, record.accessed);
}

TEST_P(RecordsContract, FieldsKeepTheirOrder) {
  const Record map{.kind = Record::Kind::map, .fields = {{"z", "1"}, {"a", ""}, {"m", "\r\n"}}};
  put(key("a"), map);
  const RecordRef found = get(key("a"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, Record::Kind::map);
  EXPECT_EQ(found->fields, map.fields);
}

TEST_P(RecordsContract, KeysAreAnyBytesAndApart) {
  const std::vector<RecordKey> keys = {key("a"),
                                       key("a "),
                                       key(std::string("a\0", 2)),
                                       key(std::string(RecordKey::key_bytes_max, '\xff')),
                                       key("{a}"),
                                       RecordKey(tenant, "space2", "a"),
                                       RecordKey(tenant, "", "a"),
                                       RecordKey(tenant + 1, "space", "a")};
  for (std::size_t i = 0; i < keys.size(); ++i) put(keys[i], std::to_string(i));
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(value(keys[i]), std::to_string(i));
}

TEST_P(RecordsContract, AReadAnswersInTheOrderOfItsKeys) {
  put(key("a"), "1");
  put(key("c"), "3");
  const Found found = ok(records().read(std::vector<RecordKey>{key("c"), key("b"), key("a")}));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0]->value, "3");
  EXPECT_EQ(found[1], nullptr);
  EXPECT_EQ(found[2]->value, "1");
}

TEST_P(RecordsContract, WhatIsAcknowledgedIsReadAtOnce) {
  for (int i = 0; i < 50; ++i) {
    const std::string wanted = std::to_string(i);
    put(key("a"), wanted);
    expect_peek(key("a"), wanted);
    EXPECT_EQ(value(key("a")), wanted);
    expect_peek(key("a"), wanted);
  }
  remove(key("a"));
  expect_peek(key("a"), "(none)");
  EXPECT_EQ(value(key("a")), "(none)");
}

TEST_P(RecordsContract, AnEditorSeesWhatIsThere) {
  put(key("a"), "1");
  Found seen;
  const Found left = ok(edit({key("a"), key("b")}, [&](const Found& found) {
    seen = found;
    return std::nullopt;
  }));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0]->value, "1");
  EXPECT_EQ(seen[1], nullptr);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0]->value, "1");
  EXPECT_EQ(left[1], nullptr);
}

TEST_P(RecordsContract, AnEditReturnsWhatItLeaves) {
  put(key("gone"), "1");
  put(key("stays"), "2");
  const Found left = ok(edit({key("gone"), key("stays"), key("new")},
                             always({removal(), {}, put_of({.value = "3"})})));
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0], nullptr);
  EXPECT_EQ(left[1]->value, "2");
  EXPECT_EQ(left[2]->value, "3");
  EXPECT_EQ(value(key("gone")), "(none)");
  EXPECT_EQ(value(key("new")), "3");
}

TEST_P(RecordsContract, WhatIsKeptKeepsItsVersion) {
  const RecordRef before = put(key("a"), "1");
  ok(edit({key("a"), key("b")}, always({{}, put_of({.value = "2"})})));
  EXPECT_EQ(get(key("a"))->version, before->version);
}

TEST_P(RecordsContract, RemovingWhatIsNotThereIsNoChange) {
  remove(key("a"));
  EXPECT_EQ(get(key("a")), nullptr);
  EXPECT_EQ(usage().records, 0U);
}

TEST_P(RecordsContract, LargeValuesComeBack) {
  const std::string large(under_test().value_bytes(), 'x');
  put(key("a"), large);
  EXPECT_EQ(value(key("a")), large);
  EXPECT_GE(usage().bytes, large.size());
}

// Versions.

TEST_P(RecordsContract, VersionsGrowAndAreNeverUsedAgain) {
  std::uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const RecordRef left = put(key("a"), "same");
    ASSERT_TRUE(left);
    EXPECT_GT(left->version, last);
    last = left->version;
    if (i % 3 == 0) remove(key("a"));
  }
}

TEST_P(RecordsRestarts, VersionsAreNotUsedAgainAfterARestart) {
  const std::uint64_t before = put(key("a"), "1")->version;
  remove(key("a"));
  ASSERT_TRUE(under_test().restart());
  EXPECT_GT(put(key("a"), "1")->version, before);
}

// All or nothing.

TEST_P(RecordsContract, AnEditOfManyIsMadeAsOne) {
  std::vector<RecordKey> keys;
  Changes changes;
  for (std::size_t i = 0; i < Records::edit_keys_max; ++i) {
    keys.push_back(number(static_cast<int>(i)));
    changes.push_back(put_of({.value = std::to_string(i)}));
  }
  ok(edit(keys, always(changes)));
  EXPECT_EQ(usage().records, Records::edit_keys_max);
  EXPECT_EQ(value(number(1023)), "1023");
  ok(edit(keys, always(Changes(keys.size(), removal()))));
  EXPECT_EQ(usage().records, 0U);
  EXPECT_EQ(usage().bytes, 0U);
}

TEST_P(RecordsContract, WhatIsOverTheQuotaIsNotMadeAtAll) {
  put(key("a"), "1");
  const auto over =
      wait(edit({key("a"), key("b")}, always({put_of({.value = "2"}), put_of({.value = "3"})}),
                {.records_max = 1}));
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().code, Code::over_quota);
  EXPECT_EQ(value(key("a")), "1");
  EXPECT_EQ(value(key("b")), "(none)");
  EXPECT_EQ(usage().records, 1U);
}

// Usage and ceilings.

TEST_P(RecordsContract, UsageCountsEachTenantsRecordsExactly) {
  const Record record{.value = "value", .fields = {{"name", "x"}}, .content_type = "t"};
  put(key("a"), record);
  put(key("b"), "longer");
  put(RecordKey(tenant + 1, "space", "a"), "theirs");
  std::uint64_t bytes = charged_bytes("a", record) + charged_bytes("b", {.value = "longer"});
  EXPECT_EQ(usage().records, 2U);
  EXPECT_EQ(usage().bytes, bytes);
  put(key("b"), "");
  bytes -= std::string("longer").size();
  EXPECT_EQ(usage().records, 2U);
  EXPECT_EQ(usage().bytes, bytes);
  remove(key("b"));
  EXPECT_EQ(usage().records, 1U);
  EXPECT_EQ(usage().bytes, charged_bytes("a", record));
  EXPECT_EQ(usage(tenant + 1).records, 1U);
  EXPECT_EQ(usage(tenant + 2).records, 0U);
}

TEST_P(RecordsContract, ACeilingIsReachedAndNotPassed) {
  const Records::Ceiling two{.records_max = 2};
  ok(edit({key("a")}, always({put_of({})}), two));
  ok(edit({key("b")}, always({put_of({})}), two));
  const auto third = wait(edit({key("c")}, always({put_of({})}), two));
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, Code::over_quota);
  EXPECT_NE(third.error().what.find("records_max"), std::string::npos) << third.error().what;
  const Records::Ceiling bytes{.bytes_max = usage().bytes + 5};
  ok(edit({key("a")}, always({put_of({.value = "12345"})}), bytes));
  const auto sixth = wait(edit({key("a")}, always({put_of({.value = "123456"})}), bytes));
  ASSERT_FALSE(sixth.has_value());
  EXPECT_EQ(sixth.error().code, Code::over_quota);
  EXPECT_NE(sixth.error().what.find("bytes_max"), std::string::npos) << sixth.error().what;
  EXPECT_EQ(value(key("a")), "12345");
}

TEST_P(RecordsContract, WhoIsOverTheCeilingMayShrink) {
  put(key("a"), std::string(1000, 'x'));
  put(key("b"), std::string(1000, 'x'));
  const Records::Ceiling low{.records_max = 1, .bytes_max = 100};
  ok(edit({key("a")}, always({put_of({.value = std::string(999, 'x')})}), low));
  EXPECT_EQ(value(key("a")).size(), 999U);
  ok(edit({key("a")}, always({put_of({.value = std::string(999, 'y')})}), low));
  EXPECT_EQ(value(key("a")), std::string(999, 'y'));
  ok(edit({key("a")}, always({removal()}), low));
  EXPECT_EQ(usage().records, 1U);
}

// Ends.

TEST_P(RecordsContract, WhatHasExpiredIsFoundAndStaysUntilRemoved) {
  put(key("first"), {.value = "1", .expires = at(1)});
  put(key("second"), {.value = "2", .expires = at(2)});
  put(key("third"), {.value = "3", .expires = at(3)});
  put(key("never"), "4");
  EXPECT_TRUE(expired(at(0)).empty());
  EXPECT_EQ(expired(at(2)), (std::set<std::string>{"first", "second"}));
  EXPECT_EQ(expired(at(9), 1), (std::set<std::string>{"first"}));
  EXPECT_EQ(value(key("first")), "1");
  EXPECT_EQ(usage().records, 4U);
  remove(key("first"));
  EXPECT_EQ(expired(at(2)), (std::set<std::string>{"second"}));
}

TEST_P(RecordsContract, AnEndCanBeMovedAndTakenAway) {
  put(key("a"), {.expires = at(1)});
  put(key("b"), {.expires = at(1)});
  put(key("a"), {.expires = at(5)});
  put(key("b"), Record{});
  EXPECT_TRUE(expired(at(4)).empty());
  EXPECT_EQ(expired(at(5)), (std::set<std::string>{"a"}));
}

// Lists.

TEST_P(RecordsContract, ListsWhatBeginsWithThePrefix) {
  const std::vector<std::string> wanted = {"user", "user:1", "user:2", "user:\xff"};
  for (const std::string& name : wanted) put(key(name), "v");
  put(key("use"), "v");
  put(key("uses"), "v");
  put(RecordKey(tenant, "spac", "user:3"), "v");
  put(RecordKey(tenant, "space2", "user:4"), "v");
  put(RecordKey(tenant + 1, "space", "user:5"), "v");
  for (const std::size_t keys_max : {1U, 2U, 3U, 100U}) {
    auto found = listed(key("user"), keys_max);
    std::ranges::sort(found);
    EXPECT_EQ(found, wanted) << keys_max;
  }
  EXPECT_EQ(listed(RecordKey(tenant, "space", ""), 100).size(), 6U);
  EXPECT_TRUE(listed(RecordKey(tenant, "other", ""), 100).empty());
}

// Whatever a client makes up to go on from.
TEST_P(RecordsContract, AListingShowsNothingButItsOwn) {
  for (const std::string_view name : {"a", "b", "b1", "c"}) put(key(name), "v");
  put(RecordKey(tenant + 1, "space", "b"), "theirs");
  for (const RecordKey& from : {key("a"), key("c"), RecordKey(tenant, "other", "b"),
                                RecordKey(tenant + 1, "space", "a"), RecordKey(1, "z", "z")}) {
    const auto page = wait(records().list(key("b"), std::string(from.bytes()), 10));
    if (!page) EXPECT_EQ(page.error().code, Code::invalid_argument) << page.error().what;
    if (!page) continue;
    for (const RecordKey& k : page->keys) EXPECT_TRUE(k.bytes().starts_with(key("b").bytes()));
  }
}

TEST_P(RecordsContract, AListingSeesAllThatStaysWhileOthersComeAndGo) {
  std::vector<std::string> stays;
  for (int i = 0; i < 100; ++i) {
    put(number(i), "v");
    if (i % 2 == 0) stays.emplace_back(number(i).key());
  }
  std::vector<std::string> seen;
  std::string from;
  int step = 0;
  do {
    const Records::Page page = ok(records().list(key(""), from, 7));
    for (const RecordKey& k : page.keys) seen.emplace_back(k.key());
    from = page.next;
    // Before, at and behind where the listing is.
    remove(number((step * 26 + 1) % 100));
    put(number(step * 31 % 100 / 2 * 2), "again");
    put(key("new" + std::to_string(step)), "v");
    ++step;
  } while (!from.empty() && step < 100);
  EXPECT_LT(step, 100) << "it does not end";
  for (const std::string& name : stays) EXPECT_TRUE(std::ranges::count(seen, name) >= 1) << name;
}

// Ends of the records' own.

TEST_P(RecordsRestarts, ARestartKeepsAll) {
  put(key("a"), {.value = "1", .content_type = "t", .expires = at(1)});
  put(key("b"), {.kind = Record::Kind::map, .fields = {{"n", "v"}}});
  put(key("gone"), "x");
  remove(key("gone"));
  const Records::Usage before = usage();
  const std::uint64_t version = get(key("a"))->version;
  ASSERT_TRUE(under_test().restart());
  EXPECT_EQ(usage().records, before.records);
  EXPECT_EQ(usage().bytes, before.bytes);
  ASSERT_TRUE(get(key("a")));
  EXPECT_EQ(get(key("a"))->value, "1");
  EXPECT_EQ(get(key("a"))->version, version);
  EXPECT_EQ(get(key("b"))->fields.at(0).second, "v");
  EXPECT_EQ(get(key("gone")), nullptr);
  EXPECT_EQ(expired(at(1)), (std::set<std::string>{"a"}));
  EXPECT_EQ(listed(key(""), 10).size(), 2U);
}

TEST_P(RecordsRaces, AfterTheEndThereAreErrors) {
  put(key("a"), "1");
  records().close();
  records().close();
  EXPECT_FALSE(records().peek(key("a").bytes()).has_value());
  EXPECT_EQ(wait(records().read(std::vector<RecordKey>{key("a")})).error().code, Code::closed);
  EXPECT_EQ(wait(edit({key("a")}, always({removal()}))).error().code, Code::closed);
  EXPECT_EQ(wait(records().list(key(""), "", 10)).error().code, Code::closed);
  EXPECT_EQ(wait(records().expired(at(1), 10)).error().code, Code::closed);
  EXPECT_EQ(wait(records().usage(tenant)).error().code, Code::closed);
}

}  // namespace headrace::contract
