#include <cassert>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/sources/postgres.h"
#include "sources/postgres/array.h"
#include "sources/postgres/database.h"
#include "sources/postgres/reader.h"
#include "sources/postgres/revision_sql.h"
#include "sources/postgres/states.h"
#include "sql/part.h"

namespace headrace {

namespace {

constexpr char statement[] = "revisions";

// Of Headrace's own tables: they are not there, or are those of another version.
bool is_not_installed(std::string_view state) {
  return state == "42P01" || state == "3F000" || state == "42883" || state == "42703";
}

class PostgresRevisions final : public Revisions {
 public:
  explicit PostgresRevisions(std::shared_ptr<PostgresDatabase> database)
      : database_(std::move(database)) {}

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant deadline) override {
    assert(!parts.empty() && parts.size() <= parts_max);
    for (const Part& part : parts) {
      if (std::string fault = sql::fault_of(part); !fault.empty()) {
        co_return failure(Code::invalid_argument, std::move(fault));
      }
    }
    postgres::Revising revising(*database_, std::move(parts), deadline);
    co_await revising;
    co_return std::move(revising.outcome);
  }

 private:
  const std::shared_ptr<PostgresDatabase> database_;
};

}  // namespace

namespace postgres {

Result<PartRevisions> Reader::revisions(const std::vector<Part>& parts, Instant deadline) {
  for (bool is_first = true;; is_first = false) {
    if (server_.clock.now() >= deadline) {
      return failure(Code::timed_out, "the revisions were not read before the deadline");
    }
    if (Result<void> opened = line_.open(deadline); !opened) {
      return std::unexpected(std::move(opened.error()));
    }
    Result<PartRevisions> all = revisions_once(parts, deadline);
    // The server may have gone and come back since it was asked last.
    const bool is_lost = line_.session().is_lost();
    const bool helps = is_first && line_.was_open() && is_lost;
    if (is_lost) line_.close();
    const bool is_late = server_.clock.now() >= deadline;
    if (all || (!helps && !is_late)) return all;
  }
}

Result<PartRevisions> Reader::revisions_once(const std::vector<Part>& parts, Instant until) {
  PartRevisions revisions(parts.size());
  Result<void> done = prepare(statement, read_revisions(), until);
  if (done) {
    const std::string tables = array_of(parts, &Part::table);
    const std::string columns = array_of(parts, &Part::column);
    const std::string values = array_of(parts, &Part::value);
    done = line_.session().ask_prepared(
        statement, {tables, columns, values}, until, [&](const Row& row) {
          const std::string_view number = row.at(0).value_or("");
          std::size_t place = 0;
          std::from_chars(number.data(), number.data() + number.size(), place);
          if (place == 0 || place > parts.size()) return;
          revisions[place - 1] = {.text = std::string(row.at(1).value_or("")),
                                  .own_spelling = row.at(2) == "t"};
        });
  }
  if (!done) {
    if (is_not_installed(line_.session().refusal().state)) {
      return std::unexpected(sql::nobody_keeps(parts.front()));
    }
    return std::unexpected(fault_of(done.error()));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (revisions[i].text.empty()) return std::unexpected(sql::nobody_keeps(parts[i]));
  }
  return revisions;
}

}  // namespace postgres

std::shared_ptr<Revisions> revisions_of(std::shared_ptr<PostgresDatabase> database) {
  assert(database);
  return std::make_shared<PostgresRevisions>(std::move(database));
}

}  // namespace headrace
