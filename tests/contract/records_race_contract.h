// contract/records_race_contract.h: what records must do when several threads use them.
//
// Part of contract/records_contract.h.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "contract/records_fixture.h"

namespace headrace::contract {

inline constexpr int editors = 8;

// Runs it on so many threads at once, each with its number.
template <class F>
void at_once(int threads, F work) {
  std::latch begin(threads);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      begin.arrive_and_wait();
      work(i);
    });
  }
  for (std::thread& one : running) one.join();
}

TEST_P(RecordsRaces, NoAdditionIsLost) {
  const int additions = under_test().additions();
  std::atomic<int> refused = 0;
  at_once(editors, [&](int) {
    for (int i = 0; i < additions; ++i) {
      auto done = wait(edit({key("counter")}, add_one));
      // Where editors must try again, they give up in the end: nothing was done.
      while (!done && done.error().code == Code::refused) {
        ++refused;
        done = wait(edit({key("counter")}, add_one));
      }
      ASSERT_TRUE(done.has_value()) << done.error().what;
    }
  });
  EXPECT_EQ(value(key("counter")), std::to_string(editors * additions)) << refused << " refused";
  EXPECT_EQ(usage().records, 1U);
}

// Two keys that always have the same value, and one edit that moves both.
TEST_P(RecordsRaces, NoEditorSeesHalfAnEdit) {
  const int rounds = under_test().additions() / 5;
  std::atomic<int> torn = 0;
  at_once(4, [&](int) {
    for (int i = 0; i < rounds; ++i) {
      bool is_torn = false;  // What the editor saw last, which is what counts.
      const auto done = wait(edit({key("x"), key("y")}, [&](const Found& found) {
        is_torn = (found[0] == nullptr) != (found[1] == nullptr) ||
                  (found[0] && found[0]->value != found[1]->value);
        Changes changes = *add_one(found);
        changes.push_back(changes[0]);
        return changes;
      }));
      if (!done) EXPECT_EQ(done.error().code, Code::refused) << done.error().what;
      if (done && is_torn) ++torn;
    }
  });
  EXPECT_EQ(value(key("x")), value(key("y")));
  EXPECT_EQ(torn, 0);
}

// Readers beside an editor never see the value go back.
TEST_P(RecordsRaces, NobodySeesAnOlderRecordAfterANewerOne) {
  const int rounds = under_test().additions();
  std::atomic<bool> done = false;
  std::atomic<int> back = 0;
  put(key("n"), "0");
  at_once(4, [&](int i) {
    if (i == 0) {
      for (int round = 0; round < rounds; ++round) ok(edit({key("n")}, add_one));
      done = true;
      return;
    }
    std::uint64_t last = 0;
    while (!done) {
      const auto peeked = records().peek(key("n").bytes());
      const RecordRef found = peeked ? *peeked : get(key("n"));
      if (!found || found->version < last) ++back;
      if (found) last = found->version;
    }
  });
  EXPECT_EQ(back, 0);
}

TEST_P(RecordsRaces, ACeilingHoldsForAllTogether) {
  const Records::Ceiling ceiling{.records_max = 10};
  std::atomic<int> made = 0;
  at_once(editors, [&](int thread) {
    for (int i = 0; i < 10; ++i) {
      const RecordKey own = key(std::to_string(thread) + ":" + std::to_string(i));
      const auto done = wait(edit({own}, always({put_of({.value = "v"})}), ceiling));
      if (done) ++made;
      if (!done) EXPECT_EQ(done.error().code, Code::over_quota) << done.error().what;
    }
  });
  EXPECT_EQ(made, 10);
  EXPECT_EQ(usage().records, 10U);
}

}  // namespace headrace::contract
