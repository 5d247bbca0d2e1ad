// A database file with tables whose revisions are kept, and what these are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sources/sqlite/fixture.h"
#include "sql/part.h"

namespace headrace {

class SqliteRevisionsTest : public SqliteSourceTest {
 protected:
  SqliteRevisionsTest() {
    writer_.run(R"(
      PRAGMA foreign_keys = 1;
      CREATE TABLE progress(user_id INTEGER REFERENCES users ON DELETE CASCADE, course TEXT,
                            done INTEGER, PRIMARY KEY (user_id, course));
      INSERT INTO progress VALUES (7, 'a', 0), (7, 'b', 0), (8, 'a', 0);)");
  }

  static std::vector<Part> parts_of(const std::vector<std::string>& names) {
    std::vector<Part> parts;
    for (const std::string& name : names) parts.push_back(sql::part_of(name).value_or(Part{}));
    return parts;
  }
  void install(const std::vector<std::string>& names) {
    const Result<std::string> sql = triggers_->install(parts_of(names));
    ASSERT_TRUE(sql) << sql.error().what;
    const Result<void> done = triggers_->apply(*sql);
    ASSERT_TRUE(done) << done.error().what << "\n" << *sql;
  }

  Result<PartRevisions> read(std::vector<Part> parts, Duration within = std::chrono::seconds(10)) {
    if (!revisions_) revisions_ = revisions_of(open({.threads = 1}));
    auto all = pump_.wait_for(revisions_->read(std::move(parts), pump_.now() + within));
    return all ? std::move(*all) : failure(Code::closed, "no answer came");
  }
  std::string revision(const Part& part) {
    const auto all = read({part});
    if (!all) return std::string(name_of(all.error().code)) + ": " + all.error().what;
    EXPECT_FALSE(all->front().text.empty());
    return all->front().text;
  }
  std::vector<bool> changed_by(const std::vector<Part>& parts, const std::string& sql) {
    const auto before = read(parts);
    EXPECT_TRUE(before) << before.error().what;
    writer_.run(sql);
    const auto after = read(parts);
    EXPECT_TRUE(after) << after.error().what;
    std::vector<bool> all;
    for (std::size_t i = 0; before && after && i < parts.size(); ++i) {
      all.push_back((*before)[i] != (*after)[i]);
    }
    return all;
  }

  static Part of_user(std::string value) {
    return {.table = "progress", .column = "user_id", .value = std::move(value)};
  }
  const Part orders_{.table = "orders"};
  const std::unique_ptr<RevisionTriggers> triggers_ = sqlite_revision_triggers(path_);
  std::shared_ptr<Revisions> revisions_;
};

}  // namespace headrace
