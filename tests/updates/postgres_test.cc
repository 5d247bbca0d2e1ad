// Updates of a PostgreSQL source; and the race that only locks can force there.
#include "kit/eventually.h"
#include "sources/postgres/fixture.h"
#include "updates/update_contract.h"

namespace headrace {
namespace {

class PostgresPlace : public PostgresSourceTest {
 protected:
  std::shared_ptr<Source> updatable() {
    run("CREATE TABLE counts(id text PRIMARY KEY, a int, b int, n int)");
    return ask({.table = "counts", .fields = {"a"}, .writable = {"a", "b", "n"}},
               {.writable = true});
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, UpdateContract, PostgresPlace);

// The row is locked by a transaction that changes it, and commits while the update waits for it.
class PostgresUpdateTest : public PostgresPlace {};

TEST_F(PostgresUpdateTest, WhoWaitsForARowLooksAtItAgain) {
  const auto source = updatable();
  run("INSERT INTO counts VALUES ('1', 1, 1, 1)");
  const Instant until = runtime_.now() + std::chrono::seconds(20);
  const auto now = wait(source->fetch_for_update({.entity = "1", .deadline = until}));
  ASSERT_TRUE(now) << now.error().what;
  run("BEGIN; UPDATE counts SET b = 2");
  std::atomic<bool> ended{false};
  Result<Written> outcome;
  std::thread waiting([&] {
    outcome = wait(source->write(
        {.entity = "1", .fields = {{"a", "2"}}, .deadline = until, .expected = now->revision}));
    ended = true;
  });
  const bool waits = kit::eventually(
      [&] { return run("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; });
  EXPECT_TRUE(waits);
  EXPECT_FALSE(ended);
  run("COMMIT");
  waiting.join();
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->conflict);
  EXPECT_EQ(run("SELECT a, b FROM counts"), "1|2");
}

}  // namespace
}  // namespace headrace
