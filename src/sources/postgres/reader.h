// sources/postgres/reader.h: answers fetches with one session.
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

#include "headrace/source.h"
#include "sources/postgres/line.h"
#include "sources/postgres/question.h"

namespace headrace::postgres {

class Reader {
 public:
  // Statements kept prepared; beyond that all are dropped and prepared again as they are asked.
  static constexpr std::size_t statements_max = 512;
  static constexpr std::size_t value_bytes_max = 64 << 20;  // Of one value.

  Reader(Server& server, Bell& bell)
      : server_(server), bell_(bell), line_(server, bell, Use::reading) {}

  // One outcome per fetch.  Those that nobody wants any more do not reach the server.
  [[nodiscard]] std::vector<Result<Fetched>> answer(const Question& question,
                                                    const std::vector<Fetch>& fetches);

 private:
  // The rows of one entity, as far as they have been read.
  struct Rows {
    const Fetch* fetch = nullptr;
    std::string json{};
    std::size_t count = 0;
    std::optional<Error> fault{};
  };
  enum class How : std::uint8_t { single, batch };

  [[nodiscard]] std::vector<Rows> wanted(const std::vector<Fetch>& fetches,
                                         std::vector<Result<Fetched>>& answers) const;
  // A second time if the session turns out to be of no use any more.
  [[nodiscard]] Result<void> read(const Question& question, std::vector<Rows>& all);
  [[nodiscard]] Result<void> read_once(const Question& question, std::vector<Rows>& all,
                                       Instant until);
  [[nodiscard]] Result<void> read_each(const Question& question, std::vector<Rows>& all,
                                       Instant until);
  [[nodiscard]] Result<void> read_batch(const Question& question, std::vector<Rows>& all,
                                        Instant until);
  [[nodiscard]] Result<std::string> prepare(const Question& question, How how, Instant until);
  [[nodiscard]] Error fault_of(const Error& error);
  [[nodiscard]] std::optional<Error> unwanted(const Fetch& fetch) const;
  static void take_row(const Question& question, std::string_view json, Rows& rows);
  [[nodiscard]] static Result<Fetched> finish(const Question& question, Rows& rows);

  Server& server_;
  Bell& bell_;
  Line line_;
  std::uint64_t prepared_on_ = 0;  // The line's number.
  std::set<std::string> prepared_;
  bool was_prepared_ = false;  // What was asked last had been before.
};

}  // namespace headrace::postgres
