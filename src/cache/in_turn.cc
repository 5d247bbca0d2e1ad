#include "cache/in_turn.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace headrace {

Task<Result<Fetched>> fetch_in_turn(std::shared_ptr<Source> source,
                                    std::shared_ptr<Admission> budget, Fetch fetch) {
  auto turn = budget->turn(fetch.deadline, fetch.stop);
  const Result<Admission::Permit> permit = co_await turn;
  if (!permit) co_return std::unexpected(permit.error());
  auto task = source->fetch(std::move(fetch));
  co_return co_await std::move(task);
}

Task<std::vector<Result<Fetched>>> fetch_many_in_turn(std::shared_ptr<Source> source,
                                                      std::shared_ptr<Admission> budget,
                                                      std::vector<Fetch> fetches) {
  Instant deadline = fetches.front().deadline;
  for (const Fetch& fetch : fetches) deadline = std::max(deadline, fetch.deadline);
  auto turn = budget->turn(deadline, {});
  const Result<Admission::Permit> permit = co_await turn;
  if (!permit) {
    co_return std::vector<Result<Fetched>>(fetches.size(), std::unexpected(permit.error()));
  }
  auto task = source->fetch_many(std::move(fetches));
  co_return co_await std::move(task);
}

Task<Result<Loaded>> load_in_turn(std::shared_ptr<Loader> loader, std::shared_ptr<Admission> budget,
                                  Fetch fetch) {
  auto turn = budget->turn(fetch.deadline, fetch.stop);
  const Result<Admission::Permit> permit = co_await turn;
  if (!permit) co_return std::unexpected(permit.error());
  // What a caller's own fetch throws is caught at this line.
  std::string thrown;
  try {
    auto task = (*loader)(std::move(fetch));
    co_return co_await std::move(task);
  } catch (const std::exception& error) {
    thrown = error.what();
  } catch (...) {
    thrown = "something that is no std::exception";
  }
  co_return failure(Code::loader_threw, std::move(thrown));
}

}  // namespace headrace
