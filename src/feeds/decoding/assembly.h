// feeds/decoding/assembly.h: makes transactions of changes out of a stream's messages.
//
// Threads:   belongs to one thread.
// Errors:    damaged: the messages do not fit together; the stream is of no use any more.
// Lifetimes: borrows nothing after a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "feeds/decoding/pgoutput.h"
#include "headrace/feed.h"
#include "headrace/result.h"

namespace headrace::postgres::decoding {

// How changes of a table are told.
struct Table {
  std::vector<std::uint32_t> oids{};  // Its own, and those of its partitions.
  std::string collection{};           // As Dependency::collection.
  std::string key{};                  // A column; empty: each change is one of any member.
  std::vector<std::string> values{};  // Columns whose values are told.
  bool tells_fields = true;           // The stream has all of its columns.
};

struct Transaction {
  std::uint32_t number = 0;       // The lower half of it.
  LogPlace commit = 0;            // Where the record of its commit begins.
  std::int64_t committed_at = 0;  // As Begin::committed_at.
  std::vector<SourceChange> changes{};
};

class Assembly {
 public:
  // Of a table of which a transaction changes more rows than `rows_max` it says so once.
  Assembly(std::string database, std::size_t rows_max)
      : database_(std::move(database)), rows_max_(rows_max) {}

  // From now on.  What is not among them is told as of any member of what the server calls it.
  void watch(std::vector<Table> tables) { tables_ = std::move(tables); }

  // A transaction, when it is complete; it may have no changes.
  [[nodiscard]] Result<std::optional<Transaction>> take(const Message& message);
  // A transaction has begun, and is not complete.
  [[nodiscard]] bool is_open() const noexcept { return open_.has_value(); }

 private:
  struct Known {
    std::string collection{};
    std::vector<std::string> columns{};
    std::vector<bool> identity{};  // Of each column, whether it is a part of it.
  };
  // What an open transaction has changed in one table.
  struct Part {
    std::string collection{};
    bool is_any = false;  // It is told as a change of any member.
    std::size_t rows = 0;
    std::vector<SourceChange> changes{};
  };

  [[nodiscard]] std::optional<Error> on(const Begin& begin);
  [[nodiscard]] std::optional<Error> on(const Relation& relation);
  [[nodiscard]] std::optional<Error> on(const RowChange& change);
  [[nodiscard]] std::optional<Error> on(const Truncate& truncate);
  [[nodiscard]] Transaction complete();
  [[nodiscard]] const Table* table_of(std::uint32_t relation) const;
  Part& part_of(std::uint32_t relation);

  const std::string database_;
  const std::size_t rows_max_;
  std::vector<Table> tables_;
  std::map<std::uint32_t, Known> known_;
  std::optional<Transaction> open_;
  std::vector<Part> parts_;
  LogPlace last_commit_ = 0;
};

}  // namespace headrace::postgres::decoding
