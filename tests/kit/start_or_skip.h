// kit/start_or_skip.h: a server for the test at hand, which is skipped where there can be none.
//
//   KIT_START(server, ValkeyServer::start({.append_only = true}));
//   EXPECT_EQ(server->command({"PING"}), "PONG");
//
// One that is there and does not start is a failure.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "headrace/result.h"

#define KIT_START(name, ...)                                                                  \
  auto name##_or_not = (__VA_ARGS__);                                                         \
  if (!name##_or_not && name##_or_not.error().code == ::headrace::Code::source_unavailable) { \
    GTEST_SKIP() << name##_or_not.error().what;                                               \
  }                                                                                           \
  ASSERT_TRUE(name##_or_not) << name##_or_not.error().what;                                   \
  const auto name = std::move(*name##_or_not)
