// valkey/cluster.h: a router over the primaries of a cluster.
//
// What is asked goes to the nodes that have the slots, side by side.  A node that has not got what
// it was asked for says so and has done nothing: then it is asked again, where the cluster says
// that it is.  While a slot moves its keys are in two places: each command goes to the old one
// first, and to the new one if it is sent there.
//
// The incarnation is that of all: who has which slots, and each node's own.  So it changes when a
// slot moves, too.
//
// Threads, Errors, Lifetimes: as Router.
#pragma once

#include <memory>

#include "headrace/runtime.h"
#include "valkey/router.h"
#include "valkey/topology.h"

namespace headrace::valkey {

[[nodiscard]] std::unique_ptr<Router> open_cluster(ClusterOptions options, Runtime& runtime);

}  // namespace headrace::valkey
