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
// A stop of a round asks all primaries for what each of them claims: the slots, and whether one is
// on its way.  It is good only if all slots are claimed and none is on its way.  A key goes from
// one to another only while its slot is on its way, which the one that had it says right behind
// what it was asked, or has lost the slot by then; and of two that pass a slot to and fro one has
// another epoch.  So between two stops of the same order no key was passed over.
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
