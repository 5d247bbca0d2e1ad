#include "kit/sentinel.h"

#include <gtest/gtest.h>

#include <string>

#include "kit/eventually.h"
#include "kit/start_or_skip.h"

namespace headrace::kit {
namespace {

class Sentinels : public testing::TestWithParam<ValkeyProgram> {};

INSTANTIATE_TEST_SUITE_P(Every, Sentinels, testing::ValuesIn(every_valkey_program),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(Sentinels, TellTheMasterAndMakeAnother) {
  const ValkeyOptions options{
      .program = GetParam(), .password = "shared", .master_password = "shared"};
  KIT_START(master, ValkeyServer::start(options));
  ValkeyOptions follower = options;
  follower.replica_of = master->port();
  KIT_START(replica, ValkeyServer::start(follower));
  ASSERT_TRUE(eventually([&] { return replica->info("master_link_status") == "up"; }));
  KIT_START(sentinel, Sentinel::start(*master));
  EXPECT_EQ(sentinel->master_port(), master->port());
  ASSERT_TRUE(sentinel->knows_replicas(1));
  EXPECT_EQ(master->command({"SET", "a", "b"}), "OK");
  EXPECT_EQ(master->command({"WAIT", "1", "5000"}), "1");

  Result<RespClient> news = RespClient::connect(sentinel->port());
  ASSERT_TRUE(news);
  news->set_patience(std::chrono::seconds(20));
  ASSERT_TRUE(news->command({"SUBSCRIBE", "+switch-master"}));
  master->kill();
  EXPECT_EQ(news->receive().value_or("nothing"),
            "[message, +switch-master, main 127.0.0.1 " + std::to_string(master->port()) +
                " 127.0.0.1 " + std::to_string(replica->port()) + "]");
  EXPECT_EQ(sentinel->master_port(), replica->port());
  EXPECT_EQ(replica->info("role"), "master");
  EXPECT_EQ(replica->command({"GET", "a"}), "b");
  ASSERT_TRUE(sentinel->restart());
  EXPECT_EQ(sentinel->master_port(), replica->port()) << "it forgot whom it has chosen";
}

}  // namespace
}  // namespace headrace::kit
