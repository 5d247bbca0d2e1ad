// valkey/shared_cluster.h: one cluster for all tests of this program, each with a prefix of its
// own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "headrace/result.h"
#include "kit/valkey_cluster.h"

namespace headrace {

// The words by which ctest knows a skipped test.
inline Error skipped(Error error) {
  if (error.code == Code::source_unavailable) error.what.insert(0, "SKIPPED: ");
  return error;
}

// Three primaries that live as long as the program.
inline Result<kit::ValkeyCluster*> shared_cluster() {
  static Result<std::unique_ptr<kit::ValkeyCluster>> cluster = kit::ValkeyCluster::start();
  if (!cluster) return std::unexpected(skipped(cluster.error()));
  return cluster->get();
}

inline std::string new_prefix() {
  static int count = 0;
  return "test" + std::to_string(++count);
}

}  // namespace headrace
