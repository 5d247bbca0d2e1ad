#include "headrace/sources/function.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "headrace/sync.h"
#include "kit/world.h"

namespace headrace {
namespace {

Task<Result<Fetched>> echo(Fetch fetch) {
  Fetched answer;
  answer.payload = "\"" + fetch.entity + "\"";
  co_return answer;
}
Task<Result<Fetched>> throw_later(Fetch fetch) {
  throw std::runtime_error("no " + fetch.entity);
  co_return Fetched{};
}
Task<Result<Fetched>> throw_at_once(Fetch fetch) {
  throw std::runtime_error("no " + fetch.entity);
}
Result<Fetched> fail(Fetch) {
  return failure(Code::source_failed, "garbage");
}

std::vector<Fetch> ask_for(std::string entity) {
  std::vector<Fetch> fetches(1);
  fetches[0].entity = std::move(entity);
  return fetches;
}

TEST(FunctionSource, PassesTheAnswerOn) {
  const auto source = function_source(echo);
  EXPECT_EQ(source->batch_max(), 1u);
  EXPECT_EQ(wait(source->fetch(Fetch{.entity = "a"}))->payload, "\"a\"");
  const auto answers = wait(source->fetch_many(ask_for("b")));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0]->payload, "\"b\"");
}

TEST(FunctionSource, WhatIsThrownIsAnError) {
  for (const auto& source : {function_source(throw_later), function_source(throw_at_once)}) {
    const Result<Fetched> answer = wait(source->fetch(Fetch{.entity = "a"}));
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, Code::loader_threw);
    EXPECT_EQ(answer.error().what, "no a");
  }
}

TEST(FunctionSource, AnEmptyFunctionIsAnError) {
  const auto source = function_source({});
  EXPECT_EQ(wait(source->fetch(Fetch{})).error().code, Code::loader_threw);
}

TEST(FunctionSource, AThrownNumberIsAnError) {
  kit::World world;
  const auto source = blocking_source([](Fetch) -> Result<Fetched> { throw 7; }, world);
  const auto answer = world.run(source->fetch(Fetch{}));
  EXPECT_EQ(answer->error().code, Code::loader_threw);
}

TEST(BlockingSource, RunsOnTheExecutorAlone) {
  kit::World world;
  int calls = 0;
  const auto source = blocking_source(
      [&calls](Fetch fetch) -> Result<Fetched> {
        ++calls;
        return Fetched{.payload = fetch.entity};
      },
      world);
  std::optional<Result<Fetched>> answer;
  start(source->fetch(Fetch{.entity = "a"}), [&answer](Result<Fetched> a) { answer = a; });
  EXPECT_EQ(calls, 0);
  world.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ((*answer)->payload, "a");
}

TEST(BlockingSource, ErrorsAndExceptionsComeBack) {
  kit::World world;
  const auto failing = blocking_source(fail, world);
  EXPECT_EQ(world.run(failing->fetch(Fetch{}))->error().what, "garbage");
  const auto throwing =
      blocking_source([](Fetch) -> Result<Fetched> { throw std::runtime_error("broken"); }, world);
  const auto answer = world.run(throwing->fetch_many(ask_for("a")));
  EXPECT_EQ((*answer)[0].error().code, Code::loader_threw);
  EXPECT_EQ((*answer)[0].error().what, "broken");
}

TEST(BlockingSource, AStoppedFetchIsNotMade) {
  kit::World world;
  int calls = 0;
  const auto source = blocking_source(
      [&calls](Fetch) -> Result<Fetched> {
        ++calls;
        return Fetched{};
      },
      world);
  std::stop_source stop;
  stop.request_stop();
  const auto answer = world.run(source->fetch(Fetch{.stop = stop.get_token()}));
  EXPECT_EQ(answer->error().code, Code::cancelled);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace headrace
