// merge/view_fixture.h: for tests: a view over an engine on the bench, with a source for each kind.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/merge.h"
#include "kit/bench_top.h"

namespace headrace {

// Fragments of three scopes in one policy, their settings in another, memberships in a third.
class ViewTest : public kit::BenchTop {
 protected:
  using Names = std::vector<std::string>;
  using Read = Result<std::vector<Result<MergedAnswer>>>;

  ViewTest() {
    define_all(*engine);
    make_view(
        {.name = "config",
         .scopes =
             {{.name = "public",
               .rank = 0,
               .policy = "fragments",
               .entity = "public/{name}",
               .settings = "scopes",
               .settings_entity = "public"},
              {.name = "domain",
               .rank = 10,
               .policy = "fragments",
               .entity = "domain/{domain}/{name}",
               .settings = "scopes",
               .settings_entity = "domain/{domain}"},
              {.name = "user", .rank = 20, .policy = "fragments", .entity = "user/{user}/{name}"}},
         .membership = "members"});
  }

  void define_all(Engine& on, Duration gather_within = Duration::zero()) const {
    for (const auto& [name, kept_in] :
         {std::pair("fragments", fragments), std::pair("scopes", scopes),
          std::pair("members", members)}) {
      Policy policy = plain_policy();
      policy.name = name;
      policy.tags = {};
      policy.level = Level::strict;
      policy.gather_within = gather_within;
      policy.fresh_for = policy.absent_for = std::chrono::minutes(5);
      const auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
      ASSERT_TRUE(on.define(policy, codec, kept_in));
    }
  }
  void make_view(MergedViewOptions options) {
    auto made = MergedView::make(*engine, std::move(options));
    ASSERT_TRUE(made) << made.error().what;
    view = *std::move(made);
  }

  void TearDown() override {
    for (const auto& each : {fragments, scopes, members}) each->hold = false;
    for (int i = 0; i < 3; ++i) let_all_go();
    BenchTop::TearDown();
  }
  void let_all_go() {
    for (const auto& each : {members, scopes, fragments}) {
      each->release();
      world.run();
    }
  }

  static Caller user(std::string name) { return {.user = std::move(name)}; }

  Read read_from(const MergedView& from, Caller caller, Names names, ReadOptions options = {}) {
    auto read = world.run(from.read(std::move(caller), std::move(names), options));
    if (read) return *std::move(read);
    return failure(Code::timed_out, "the read has not ended");
  }
  Read read_all(Caller caller, Names names, ReadOptions options = {}) {
    return read_from(*view, std::move(caller), std::move(names), options);
  }
  Result<MergedAnswer> read_one(Caller caller, std::string name, ReadOptions options = {}) {
    Read read = read_all(std::move(caller), {std::move(name)}, options);
    if (!read) return std::unexpected(read.error());
    return std::move(read->front());
  }
  // The JSON, "unknown", or the error.
  static std::string text_of(const Result<MergedAnswer>& answer) {
    if (!answer) return "error: " + answer.error().what;
    return answer->json.value_or("unknown");
  }
  std::string text_for(Caller caller, std::string name) {
    return text_of(read_one(std::move(caller), std::move(name)));
  }
  static Names scopes_of(const Result<MergedAnswer>& answer) {
    Names names;
    for (const Contribution& one : answer->contributions) names.push_back(one.scope);
    return names;
  }

  // A change of the source with the one invalidation that it needs.
  void edit(const std::string& policy, const std::string& entity, const std::string& value) {
    (policy == "fragments" ? fragments
     : policy == "scopes"  ? scopes
                           : members)
        ->rows[entity] = value;
    Invalidation what;
    what.keys.push_back({policy, entity});
    const auto held = invalidate(std::move(what));
    ASSERT_TRUE(held && *held);
  }
  // The entities that a source was asked for, in their order.
  static Names asked(const kit::HeldSource& of) {
    Names entities;
    for (const Fetch& fetch : of.asked) entities.push_back(fetch.entity);
    return entities;
  }

  std::shared_ptr<kit::HeldSource> fragments = std::make_shared<kit::HeldSource>();
  std::shared_ptr<kit::HeldSource> scopes = std::make_shared<kit::HeldSource>();
  std::shared_ptr<kit::HeldSource> members = std::make_shared<kit::HeldSource>();
  std::shared_ptr<const MergedView> view;
};

}  // namespace headrace
