// tenants/keeper.h: brings the book from the records, and changes to it into them.
//
// Each edit names the book's own record and looks whether it still has the generation on which the
// change was thought out; if not, the change is thought out anew.  So the rules hold however many
// change the book at once, and each change has its event.
//
// Threads:   any.
// Errors:    those of Records, and of plans.
// Lifetimes: borrows the keyspace; tasks must end before it is destroyed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/task.h"
#include "tenants/book.h"

namespace headrace {

class Keeper {
 public:
  Keeper(Keyspace& keyspace, std::size_t events_max)
      : keyspace_(keyspace), events_max_(events_max) {}

  using BookRef = std::shared_ptr<const Book>;
  // The book as it was at one moment of the call.
  [[nodiscard]] Task<Result<BookRef>> load();
  // Its generation alone.
  [[nodiscard]] Task<Result<std::uint64_t>> generation();

  // Thinks a change out on the book as it is; may be called several times.  None: nothing is to be
  // done.
  using Plan = std::function<Result<std::optional<BookChange>>(const Book&)>;
  struct Made {
    BookRef book{};    // As it is afterwards.
    bool did = false;  // Something was changed.
  };
  // `known` is where to begin; null: the book is loaded.
  [[nodiscard]] Task<Result<Made>> change(BookRef known, Plan plan, Actor actor);

  [[nodiscard]] Task<Result<std::vector<TenantEvent>>> events();

  using Uses = std::map<std::string, WallTime>;  // By the keys' ids.
  static constexpr std::size_t uses_max = 256;
  // Writes down when keys were used, unless something later is written.
  // REQUIRES: at most uses_max.
  [[nodiscard]] Task<Result<void>> write_uses(Uses uses);
  [[nodiscard]] Task<Result<Uses>> uses(std::vector<std::string> ids);

 private:
  static constexpr int attempts_max = 16;  // Each fails because another's change succeeded.

  using Found = std::vector<std::pair<std::string, RecordRef>>;
  [[nodiscard]] Task<Result<Found>> all_in(std::string_view space);
  [[nodiscard]] Task<Result<Book>> load_head();
  [[nodiscard]] Task<Result<std::optional<Book>>> load_body(Book book);
  [[nodiscard]] Task<Result<bool>> write(Book after, BookChange change);

  Keyspace& keyspace_;
  const std::size_t events_max_;
};

}  // namespace headrace
