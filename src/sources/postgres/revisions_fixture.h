// A database with tables whose revisions are kept, and what these are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sources/postgres/fixture.h"
#include "sql/part.h"

namespace headrace {

class PostgresRevisionsTest : public PostgresSourceTest {
 protected:
  void SetUp() override {
    PostgresSourceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("CREATE TABLE progress(user_id int REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE, "
        "course text, done int DEFAULT 0, at timestamptz DEFAULT now(), "
        "PRIMARY KEY (user_id, course)); "
        "INSERT INTO progress VALUES (7, 'a'), (7, 'b'), (8, 'a'); "
        "CREATE ROLE " +
        name_ + "_app LOGIN; CREATE ROLE " + name_ +
        "_cache LOGIN; "
        "GRANT ALL ON users, orders, progress TO " +
        name_ + "_app");
  }

  static std::vector<Part> parts_of(const std::vector<std::string>& names) {
    std::vector<Part> parts;
    for (const std::string& name : names) parts.push_back(sql::part_of(name).value_or(Part{}));
    return parts;
  }
  // Of `user`, so that `reader` can read.
  std::unique_ptr<RevisionTriggers> triggers(const std::string& reader = "postgres",
                                             const std::string& user = "postgres") {
    auto made = postgres_revision_triggers({.connection = connection_as(reader)},
                                           connection_as(user), runtime_);
    EXPECT_TRUE(made) << made.error().what;
    return std::move(made).value_or(nullptr);
  }
  std::string connection_as(const std::string& user) const {
    return "host=127.0.0.1 port=" + std::to_string(server_->port()) + " user=" + user +
           " dbname=" + name_;
  }
  void install(const std::vector<std::string>& names) {
    const auto keeper = triggers(name_ + "_cache");
    const Result<std::string> sql = keeper->install(parts_of(names));
    ASSERT_TRUE(sql) << sql.error().what;
    const Result<void> done = keeper->apply(*sql);
    ASSERT_TRUE(done) << done.error().what << "\n" << *sql;
  }

  // By the role that may read revisions, and nothing else.
  Result<PartRevisions> read(std::vector<Part> parts, Duration within = std::chrono::seconds(20)) {
    if (!revisions_) {
      revisions_ =
          revisions_of(open({.connection = connection_as(name_ + "_cache"), .sessions = 1}));
    }
    return wait(revisions_->read(std::move(parts), runtime_.now() + within));
  }
  std::string revision(const Part& part) {
    const auto all = read({part});
    if (!all) return std::string(name_of(all.error().code)) + ": " + all.error().what;
    EXPECT_EQ(all->front().text.size(), 64u);
    return all->front().text;
  }
  std::vector<bool> own_spellings(const std::vector<Part>& parts) {
    std::vector<bool> all;
    const auto read_all = read(parts);
    EXPECT_TRUE(read_all) << read_all.error().what;
    for (const PartRevision& one : read_all.value_or(PartRevisions())) {
      all.push_back(one.own_spelling);
    }
    return all;
  }
  // Whether `change` changes the revision of each of these.
  template <class Change>
  std::vector<bool> changes(const std::vector<Part>& parts, Change change) {
    const auto before = read(parts);
    EXPECT_TRUE(before) << before.error().what;
    change();
    const auto after = read(parts);
    EXPECT_TRUE(after) << after.error().what;
    std::vector<bool> all;
    for (std::size_t i = 0; before && after && i < parts.size(); ++i) {
      all.push_back((*before)[i] != (*after)[i]);
    }
    return all;
  }
  std::vector<bool> changed_by(const std::vector<Part>& parts, const std::string& sql) {
    return changes(parts, [&] { run(sql); });
  }
  // Another session, whose statements fail the test if they fail, or wait for somebody.
  class Session {
   public:
    Session(int port, const std::string& user, const std::string& database)
        : client_(*kit::PostgresClient::connect(port, {{"user", user}, {"database", database}})) {
      run("SET lock_timeout = '1s'");
    }
    void run(const std::string& sql) {
      const auto said = client_.query(sql);
      EXPECT_TRUE(said && !said->starts_with('-')) << sql << ": " << said.value_or("lost");
    }

   private:
    kit::PostgresClient client_;
  };
  Session session() { return {server_->port(), name_ + "_app", name_}; }
  Session owners_session() { return {server_->port(), "postgres", name_}; }

  static Part of_user(std::string value) {
    return {.table = "progress", .column = "user_id", .value = std::move(value)};
  }
  const Part users_{.table = "users"};
  const Part orders_{.table = "orders"};
  const Part progress_{.table = "progress"};
  std::shared_ptr<Revisions> revisions_;
};

}  // namespace headrace
