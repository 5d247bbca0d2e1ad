#include "serve/firestore_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view begin = R"([sources.s]
kind = "firestore"
project = "p"
writable = true
[policies.a]
source = "s"
)";

// All faults of a policy with these lines, the first of which is the seventh of the file.
std::string faults(std::string_view lines) {
  const auto config =
      config::read_config(std::string(begin) + std::string(lines), "h.toml", {}, {}, faults_in);
  std::string all;
  if (config) return all;
  for (const config::ConfigError& error : config.error()) all += config::to_string(error) + "\n";
  return all;
}

TEST(ConfigFirestoreTexts, AreToldWithTheirPlaces) {
  EXPECT_THAT(faults("fields = [\"f\"]\ncollection = \"c\"\n"
                     "where = [\"n == 1\", \"owner = {entity}\", \"n in 5\"]\n"
                     "order = [\"n\", \"updated down\"]"),
              AllOf(HasSubstr("h.toml:9:20: policies.a.where: \"owner = {entity}\": \"=\" is no"),
                    HasSubstr("h.toml:9:40: policies.a.where: filter on \"n\": \"in\" wants an"),
                    HasSubstr("h.toml:10:15: policies.a.order: \"updated down\": an order is")));
  EXPECT_THAT(
      faults("fields = [\"f\", \"`a\"]\ncollection = \"users/7\"\nwritable = [\"b..c\"]"),
      AllOf(HasSubstr("h.toml:7:16: policies.a.fields: field \"`a\": a backtick is not"),
            HasSubstr("h.toml:8:14: policies.a.collection: collection \"users/7\": this is"),
            HasSubstr("h.toml:9:13: policies.a.writable: ")));
}

TEST(ConfigFirestoreTexts, OneFaultIsToldOnce) {
  const std::string one = faults("fields = [\"f\"]\ncollection = \"users/7\"\nlimit = 5");
  EXPECT_EQ(std::ranges::count(one, '\n'), 1) << one;
  const std::string missing = faults("fields = [\"f\", \"\"]");
  EXPECT_EQ(std::ranges::count(missing, '\n'), 2) << missing;
}

TEST(ConfigFirestoreTexts, SoundOnesAreTakenAsTheyAre) {
  EXPECT_THAT(faults("fields = [\"f\", \"`a-b`.c\"]\ncollection = \"users/{entity}/items\"\n"
                     "where = [\"owner == {entity}\", \"n in [1]\"]\norder = [\"n desc\"]"),
              IsEmpty());
  EXPECT_THAT(faults("fields = [\"f\"]\ncollection = \"c\"\nwritable = [\"f\", \"g.h\"]"),
              IsEmpty());
  const config::FirestoreTexts texts{
      .question = {.collection = "c", .fields = {"f"}}, .where = {"n > 1"}, .order = {"n desc"}};
  const auto question = question_of(texts);
  ASSERT_TRUE(question.has_value()) << question.error().what;
  ASSERT_EQ(question->where.size(), 1u);
  EXPECT_EQ(question->where[0], (FirestoreFilter{.field = "n", .op = ">", .value = "1"}));
  EXPECT_EQ(question->order, (std::vector<FirestoreOrder>{{.field = "n", .descending = true}}));
}

}  // namespace
}  // namespace headrace::app
