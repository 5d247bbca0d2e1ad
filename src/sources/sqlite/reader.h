// sources/sqlite/reader.h: what one thread of a database does: answers fetches, and says revisions,
// with its connection.
//
// Threads:   a reader belongs to one thread.
// Errors:    each fetch has its own outcome.
// Lifetimes: borrows the clock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "headrace/clock.h"
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "sources/sqlite/question.h"
#include "sources/sqlite/revisions.h"
#include "sql/rows.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

class Reader {
 public:
  // Statements kept prepared; beyond that all are dropped and prepared again as they are asked.
  static constexpr std::size_t questions_max = 256;

  Reader(std::string path, Clock& clock) : path_(std::move(path)), watch_{.clock = clock} {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // One outcome per fetch.  Those that nobody wants any more do not reach the database; `was_read`
  // says whether any did.
  [[nodiscard]] std::vector<Result<Fetched>> answer(const Question& question,
                                                    const std::vector<Fetch>& fetches,
                                                    bool& was_read);

  // The revision of each part, all at one moment.
  [[nodiscard]] Result<PartRevisions> revisions(const std::vector<Part>& parts, Instant deadline);

 private:
  struct Prepared {
    Statement statement{};
    std::vector<int> columns{};
    int compilations = 0;  // By SQLite's own count; it compiles again when the schema changed.
  };
  struct Statements {
    Prepared single{};
    std::array<Prepared, chunk_sizes.size()> batches{};
  };
  // Who still waits for the running statement.
  struct Watch {
    Clock& clock;
    std::vector<const Fetch*> waiting{};

    [[nodiscard]] bool is_wanted() const noexcept;
  };
  [[nodiscard]] Result<void> connect();
  // If the last fault was the file's.
  void reconnect_if_broken();
  [[nodiscard]] Statements& statements_of(const Question& question);
  [[nodiscard]] Result<void> prepare(const Question& question, const std::string& sql,
                                     Prepared& into);
  // Reads the entities of `watch_.waiting` into `rows`, in their order.
  [[nodiscard]] Result<void> read(const Question& question, std::vector<sql::Rows>& rows);
  [[nodiscard]] Result<void> read_each(const Question& question, std::vector<sql::Rows>& rows);
  [[nodiscard]] Result<void> read_batch(const Question& question, std::vector<sql::Rows>& rows);
  // Runs `prepared` to its end; `offset` columns stand before the fields.
  [[nodiscard]] Result<void> run(const Question& question, Prepared& prepared, int offset,
                                 std::vector<sql::Rows>& rows, std::size_t first);
  void take_row(const Question& question, const Prepared& prepared, int offset, sql::Rows& rows);
  [[nodiscard]] Error fault_of(const Error& error, const Fetch& fetch) const;

  std::string path_;
  Watch watch_;
  std::optional<Connection> connection_;
  std::unordered_map<std::uint64_t, Statements> statements_;  // Gone before their connection.
  RevisionReader revisions_;                                  // As they are.
};

}  // namespace headrace::sqlite
