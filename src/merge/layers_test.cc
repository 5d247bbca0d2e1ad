// Which scopes apply to whom, and in which order.
#include "merge/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::merge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LayersTest : public testing::Test {
 protected:
  // The entities of "n" for the caller.
  std::vector<std::string> entities(const Caller& caller, const Attributes& attributes) const {
    std::vector<std::string> all;
    const auto layers = layers_of(definition, caller, attributes);
    if (!layers) return {"error: " + layers.error().what};
    for (const Layer& layer : *layers) all.push_back(layer.entity_of("n"));
    return all;
  }

  const Definition definition = Definition::make(
      {.name = "v",
       .scopes = {{.name = "public", .rank = 3, .policy = "p", .entity = "{name}"},
                  {.name = "team",
                   .rank = 2,
                   .policy = "p",
                   .entity = "t/{domain}/{team}/{name}",
                   .settings = "s",
                   .settings_entity = "of {team}"},
                  {.name = "user", .rank = 1, .policy = "p", .entity = "u/{user}/{domain}/{name}"}},
       .membership = "m"});
};

TEST_F(LayersTest, ADefinitionKnowsWhichAttributesItNeeds) {
  EXPECT_THAT(definition.attributes, ElementsAre("domain", "team"));
}

TEST_F(LayersTest, ScopesThatNeedWhatTheCallerLacksAreLeftOut) {
  EXPECT_THAT(entities({}, {}), ElementsAre("n"));
  EXPECT_THAT(entities({.user = "ann"}, {}), ElementsAre("n"));
  EXPECT_THAT(entities({.user = "ann"}, {{"domain", {}}, {"team", {"t"}}}), ElementsAre("n"));
  EXPECT_THAT(entities({.user = "ann"}, {{"domain", {"d"}}}), ElementsAre("n", "u/ann/d/n"));
  EXPECT_THAT(entities({}, {{"domain", {"d"}}, {"team", {"t"}}}), ElementsAre("n", "t/d/t/n"));
}

TEST_F(LayersTest, SeveralValuesAreALayerEach) {
  EXPECT_THAT(
      entities({.user = "ann"}, {{"domain", {"d2", "d1"}}, {"team", {"a", "b"}}}),
      ElementsAre("n", "t/d2/a/n", "t/d2/b/n", "t/d1/a/n", "t/d1/b/n", "u/ann/d2/n", "u/ann/d1/n"));
}

TEST_F(LayersTest, LayersHaveALimit) {
  const std::vector<std::string> seven(7, "x"), eight(8, "x"), many(100'000, "x");
  EXPECT_EQ(entities({}, {{"domain", seven}, {"team", std::vector<std::string>(9, "x")}}).size(),
            merged_layers_max);
  for (const auto& [domain, team] :
       {std::pair(&eight, &eight), std::pair(&many, &many), std::pair(&many, &seven)}) {
    EXPECT_THAT(entities({}, {{"domain", *domain}, {"team", *team}}),
                ElementsAre(testing::HasSubstr("merged_layers_max = 64")));
  }
  EXPECT_THAT(entities({.user = "ann"}, {{"domain", std::vector<std::string>(64, "x")}}),
              ElementsAre(testing::HasSubstr("scope \"user\"")));
}

TEST_F(LayersTest, SettingsReplaceTheRank) {
  auto layers = *layers_of(definition, {}, {{"domain", {"d"}}, {"team", {"t"}}});
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[1].settings_entity(), "of t");
  layers[1].set({.rank = std::nullopt, .allow = {}});
  EXPECT_EQ(layers[1].rank, 2);
  layers[1].set({.rank = 9, .allow = {}});
  EXPECT_EQ(layers[1].rank, 9);
}

TEST_F(LayersTest, OrderIsByRankAndThenAsDeclared) {
  std::vector<Layer> layers;
  const std::vector<std::int64_t> ranks = {5, -1, 5, 0, 5, -1};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    layers.push_back({.bound = {{"at", "012345"}}, .rank = ranks[i]});
    layers.back().bound[0].second = std::string_view("012345").substr(i, 1);
  }
  put_in_order(layers);
  std::string order;
  for (const Layer& layer : layers) order += layer.bound[0].second;
  EXPECT_EQ(order, "153024");
  std::vector<Layer> none;
  put_in_order(none);
  EXPECT_THAT(none, IsEmpty());
}

}  // namespace
}  // namespace headrace::merge
