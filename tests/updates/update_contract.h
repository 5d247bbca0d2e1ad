// What every source that can be written to keeps for an update: its state is exact, a change of
// anybody's is a conflict, and two who update at once both succeed.
//
// A Place is a fixture with runtime_ and updatable(): a source of an empty table or collection
// whose entities have the numbers a, b and n, of which only `a` is kept and all may be written.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"

namespace headrace {

template <class Place>
class UpdateContract : public Place {
 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  using Mode = Write::Mode;

  void SetUp() override {
    Place::SetUp();
    if (this->IsSkipped() || this->HasFatalFailure()) return;
    source_ = this->updatable();
    ASSERT_NE(source_, nullptr);
  }
  [[nodiscard]] Instant soon() const { return this->runtime_.now() + std::chrono::seconds(20); }
  Fetched now(const std::string& entity) {
    const auto fetched =
        wait(source_->fetch_for_update({.entity = entity, .deadline = this->soon()}));
    EXPECT_TRUE(fetched) << fetched.error().what;
    return fetched.value_or(Fetched{});
  }
  Result<Written> write(std::string entity, Fields fields, Mode mode,
                        std::optional<std::string> expected = {}) {
    return wait(source_->write({.entity = std::move(entity),
                                .mode = mode,
                                .fields = std::move(fields),
                                .deadline = this->soon(),
                                .expected = std::move(expected)}));
  }
  // "done", "conflict", "not found", or the error.
  std::string told(std::string entity, Fields fields, Mode mode,
                   std::optional<std::string> expected = {}) {
    const auto outcome =
        this->write(std::move(entity), std::move(fields), mode, std::move(expected));
    if (!outcome) return outcome.error().what;
    if (outcome->conflict) {
      EXPECT_EQ(outcome->writes + outcome->deletes, 0u);
      return "conflict";
    }
    return outcome->found ? "done" : "not found";
  }
  static std::int64_t number_in(const std::string& json, const std::string& field) {
    const boost::json::value value = boost::json::parse(json);
    const boost::json::value* const one = value.as_object().if_contains(field);
    return one == nullptr ? -1 : one->to_number<std::int64_t>();
  }

  std::shared_ptr<Source> source_;
};

TYPED_TEST_SUITE_P(UpdateContract);

TYPED_TEST_P(UpdateContract, AnUpdateStartsFromWhatIsKeptAndWhatMayBeWritten) {
  using Mode = Write::Mode;
  EXPECT_EQ(this->now("1").kind, Kind::absent);
  EXPECT_EQ(this->now("1").revision, "");
  ASSERT_EQ(this->told("1", {{"a", "1"}, {"b", "2"}, {"n", "3"}}, Mode::upsert), "done");
  const Fetched now = this->now("1");
  EXPECT_EQ(now.kind, Kind::value);
  EXPECT_EQ(this->number_in(now.payload, "a"), 1);
  EXPECT_EQ(this->number_in(now.payload, "b"), 2);
  EXPECT_EQ(this->number_in(now.payload, "n"), 3);
  EXPECT_EQ(now.billed, 1u);
  EXPECT_EQ(this->now("1").revision, now.revision) << "nobody has changed it";
}

TYPED_TEST_P(UpdateContract, AnotherStateIsAConflictAndNothingChanges) {
  using Mode = Write::Mode;
  ASSERT_EQ(this->told("1", {{"a", "1"}, {"b", "1"}, {"n", "1"}}, Mode::upsert), "done");
  for (const Mode mode : {Mode::update, Mode::upsert, Mode::remove}) {
    const std::string old = this->now("1").revision;
    const std::string next = std::to_string(this->number_in(this->now("1").payload, "b") + 1);
    ASSERT_EQ(this->told("1", {{"b", next}}, Mode::update), "done");
    const typename UpdateContract<TypeParam>::Fields fields =
        mode == Mode::remove ? typename UpdateContract<TypeParam>::Fields{}
                             : typename UpdateContract<TypeParam>::Fields{{"a", "9"}};
    EXPECT_EQ(this->told("1", fields, mode, old), "conflict");
    EXPECT_EQ(this->number_in(this->now("1").payload, "a"), 1);
    EXPECT_EQ(std::to_string(this->number_in(this->now("1").payload, "b")), next);
  }
  EXPECT_EQ(this->told("1", {{"a", "5"}}, Mode::upsert, this->now("1").revision), "done");
  EXPECT_EQ(this->told("1", {{"a", "6"}}, Mode::update, this->now("1").revision), "done");
  EXPECT_EQ(this->number_in(this->now("1").payload, "a"), 6);
}

TYPED_TEST_P(UpdateContract, WhoComesOrGoesIsAConflictToo) {
  using Mode = Write::Mode;
  EXPECT_EQ(this->told("1", {{"a", "1"}, {"b", "1"}, {"n", "1"}}, Mode::upsert, ""), "done");
  EXPECT_EQ(this->told("1", {{"a", "2"}}, Mode::upsert, ""), "conflict") << "it is there now";
  const std::string old = this->now("1").revision;
  EXPECT_EQ(this->told("1", {}, Mode::remove, old), "done");
  for (const Mode mode : {Mode::update, Mode::upsert}) {
    EXPECT_EQ(this->told("1", {{"a", "3"}}, mode, old), "conflict") << "it is gone";
  }
  EXPECT_EQ(this->told("1", {}, Mode::remove, old), "conflict");
  EXPECT_EQ(this->now("1").kind, Kind::absent);
  ASSERT_EQ(this->told("1", {{"a", "4"}, {"b", "1"}, {"n", "1"}}, Mode::upsert), "done");
  EXPECT_EQ(this->told("1", {{"a", "3"}}, Mode::update, old), "conflict") << "another one";
}

// Two engines, so that nothing in between orders them; each updates a field of its own and one that
// is of both.
TYPED_TEST_P(UpdateContract, OfTwoAtOnceNoneIsLost) {
  using Mode = Write::Mode;
  constexpr int times = 1000;
  ASSERT_EQ(this->told("1", {{"a", "0"}, {"b", "0"}, {"n", "0"}}, Mode::upsert), "done");
  std::atomic<std::uint64_t> tries{0};
  const auto run = [&](const std::string& own) {
    Engine engine({.bytes_max = 1 << 20},
                  Engine::Ports{this->runtime_, this->runtime_, this->runtime_, nullptr});
    const auto policy = engine.define({.name = "counts",
                                       .fields = {"a"},
                                       .writable = {"a", "b", "n"},
                                       .load_within = std::chrono::seconds(20)},
                                      std::make_shared<ValueCodec>(bytes_codec()), this->source_);
    ASSERT_TRUE(policy) << policy.error().what;
    const auto one_more = [&own](const Current& current) -> Result<std::optional<Edit>> {
      const auto next = [&current](const std::string& field) {
        return std::to_string(UpdateContract<TypeParam>::number_in(current.payload, field) + 1);
      };
      return Edit{.fields = {{own, next(own)}, {"n", next("n")}}};
    };
    for (int i = 0; i < times; ++i) {
      const auto outcome = wait(engine.update(*policy, "1", one_more));
      ASSERT_TRUE(outcome) << own << " " << i << ": " << outcome.error().what;
      tries += outcome->tries;
    }
    wait(engine.close());
  };
  std::thread other([&] { run("b"); });
  run("a");
  other.join();
  const std::string json = this->now("1").payload;
  EXPECT_EQ(this->number_in(json, "a"), times);
  EXPECT_EQ(this->number_in(json, "b"), times);
  EXPECT_EQ(this->number_in(json, "n"), 2 * times);
  this->RecordProperty("tries", std::to_string(tries.load()));
  std::printf("%d updates, %d tries\n", 2 * times, static_cast<int>(tries.load()));
  EXPECT_GT(tries.load(), 2u * times) << "they have never met: nothing was tested";
}

REGISTER_TYPED_TEST_SUITE_P(UpdateContract, AnUpdateStartsFromWhatIsKeptAndWhatMayBeWritten,
                            AnotherStateIsAConflictAndNothingChanges, WhoComesOrGoesIsAConflictToo,
                            OfTwoAtOnceNoneIsLost);

}  // namespace headrace
