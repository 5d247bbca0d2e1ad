// sources/postgres/reader.h: answers fetches, and says revisions, with one session.
//
// Threads:   a reader belongs to one thread; only the bell is rung by others.
// Errors:    each fetch has its own outcome.
// Lifetimes: borrows the server and the bell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/revisions.h"
#include "headrace/source.h"
#include "sources/postgres/line.h"
#include "sources/postgres/question.h"
#include "sql/rows.h"

namespace headrace::postgres {

class Reader {
 public:
  // Statements kept prepared; beyond that all are dropped and prepared again as they are asked.
  static constexpr std::size_t statements_max = 512;

  Reader(Server& server, Bell& bell)
      : server_(server), bell_(bell), line_(server, bell, Use::reading) {}

  // One outcome per fetch.  Those that nobody wants any more do not reach the server.
  [[nodiscard]] std::vector<Result<Fetched>> answer(const Question& question,
                                                    const std::vector<Fetch>& fetches);

  // The fields that a change may start from, and the state that they are of.
  [[nodiscard]] Result<Fetched> fetch_for_update(const Question& question, const Fetch& fetch);

  // The revision of each part, all at one moment.
  [[nodiscard]] Result<PartRevisions> revisions(const std::vector<Part>& parts, Instant deadline);

 private:
  struct Wanted {
    const Fetch* fetch = nullptr;
    sql::Rows rows{};     // As far as they have been read.
    std::string state{};  // For an update.
  };
  enum class How : std::uint8_t { single, batch, for_update };

  [[nodiscard]] std::vector<Wanted> wanted(const std::vector<Fetch>& fetches,
                                           std::vector<Result<Fetched>>& answers) const;
  // A second time if the session turns out to be of no use any more.
  [[nodiscard]] Result<void> read(const Question& question, std::vector<Wanted>& all, How how);
  [[nodiscard]] Result<void> read_once(const Question& question, std::vector<Wanted>& all, How how,
                                       Instant until);
  [[nodiscard]] Result<void> read_each(const Question& question, std::vector<Wanted>& all, How how,
                                       Instant until);
  [[nodiscard]] Result<void> read_batch(const Question& question, std::vector<Wanted>& all,
                                        Instant until);
  [[nodiscard]] Result<std::string> prepare(const Question& question, How how, Instant until);
  // Unless it is prepared already.
  [[nodiscard]] Result<void> prepare(const std::string& name, const std::string& sql,
                                     Instant until);
  [[nodiscard]] Result<PartRevisions> revisions_once(const std::vector<Part>& parts, Instant until);
  [[nodiscard]] Error fault_of(const Error& error);
  [[nodiscard]] std::optional<Error> unwanted(const Fetch& fetch) const;
  static void take_row(const Question& question, std::string_view json, sql::Rows& rows);

  Server& server_;
  Bell& bell_;
  Line line_;
  std::uint64_t prepared_on_ = 0;  // The line's number.
  std::set<std::string> prepared_;
};

}  // namespace headrace::postgres
