// sources/postgres/writer.h: makes changes with one session, each by one statement.
//
// The server turns the values into its columns' types, and ends a statement by itself that is still
// at work at the deadline, as far as it can know that: the network may have held it up.
//
// Threads:   a writer belongs to one thread; only the bell is rung by others.
// Errors:    as Source::write().
// Lifetimes: borrows the server and the bell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/source.h"
#include "sources/postgres/line.h"
#include "sources/postgres/question.h"

namespace headrace::postgres {

struct Values;

class Writer {
 public:
  Writer(Server& server, const Bell& bell) : server_(server), line_(server, bell, Use::writing) {}

  [[nodiscard]] Result<Written> apply(const Question& question, const Write& write);

 private:
  struct Statement {
    std::string sql{};
    std::vector<std::string> parameters{};
  };

  [[nodiscard]] static Statement statement_of(const Question& question, const Write& write,
                                              const Values& values);
  [[nodiscard]] Result<void> begin(Instant deadline);
  [[nodiscard]] Result<Written> change(const Question& question, const Write& write,
                                       const Statement& statement);
  // The first column of each row; none if the entity is no value of the key's type.
  [[nodiscard]] Result<std::vector<std::string>> ask(const std::string& sql,
                                                     const std::string& entity, Instant until);
  [[nodiscard]] Result<Written> found_nothing(const Question& question, const Write& write);
  [[nodiscard]] Result<Written> refused(const Question& question, const Write& write,
                                        const Error& error);
  [[nodiscard]] Error lost_at(const Write& write, const Error& error) const;

  Server& server_;
  Line line_;
};

}  // namespace headrace::postgres
