// moving/stores_fixture.h: an old and a new store in a simulated world, and the steps of the tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kit/plain_store.h"
#include "kit/world.h"
#include "stores/moving/gated_fixture.h"

namespace headrace::moving {

using namespace std::chrono_literals;

class StoresTest : public testing::Test {
 protected:
  using State = Slot::State;
  using Call = GatedStore::Call;
  using When = GatedStore::When;

  static StoreKey key(std::uint64_t n = 1) { return {{n, n + 1, n + 2, n + 3}}; }

  template <class T>
  T ok(Task<Result<T>> task) {
    auto outcome = world_.run(std::move(task));
    EXPECT_TRUE(outcome.has_value()) << "has not ended";
    EXPECT_TRUE(outcome && outcome->has_value()) << (*outcome).error().what;
    if constexpr (!std::is_void_v<T>) return std::move(**outcome);
  }
  // Starts `task`; its outcome appears when it has ended.
  template <class T>
  std::shared_ptr<std::optional<T>> begin(Task<T> task) {
    auto outcome = std::make_shared<std::optional<T>>();
    start(std::move(task), [outcome](T value) { outcome->emplace(std::move(value)); });
    world_.run();
    return outcome;
  }

  // Fills an empty slot of `store` as a reader does, at its present watermarks.
  Envelope fill(Store& store, std::string payload, std::vector<WatermarkId> ids = {},
                Duration keep_for = 1h, StoreKey k = key()) {
    Envelope e{.id = world_.token(), .lease = world_.token(), .key = "key"};
    e.payload = std::move(payload);
    auto claim = ok(store.get_or_lease(k, e.lease, 10s, ids));
    EXPECT_TRUE(claim.granted);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      e.watermarks.push_back({.id = ids[i], .token = claim.slot.watermarks[i]});
    }
    EXPECT_EQ(ok(store.publish(k, e.lease, e, keep_for)), Published::stored);
    return e;
  }
  // Replaces what `store` holds, as a refresh does.
  Envelope refresh(Store& store, std::string payload, std::vector<WatermarkId> ids = {},
                   StoreKey k = key()) {
    const Slot slot = look(store, ids, k);
    Envelope e{.id = world_.token(), .key = "key"};
    e.payload = std::move(payload);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      e.watermarks.push_back({.id = ids[i], .token = slot.watermarks[i]});
    }
    EXPECT_EQ(ok(store.publish(k, slot.token, e, 1h)), Published::stored);
    return e;
  }
  Slot look(Store& store, std::vector<WatermarkId> ids = {}, StoreKey k = key()) {
    return ok(store.look(k, std::move(ids), Store::Payload::with));
  }
  // The payload of what `store` holds and would answer: built at the present watermarks.
  std::string answer(Store& store, StoreKey k = key()) {
    std::vector<WatermarkId> ids;
    for (const Watermark& mark : look(store, {}, k).envelope.watermarks) ids.push_back(mark.id);
    const Slot slot = look(store, ids, k);
    if (slot.state != State::held) return "(none)";
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (slot.envelope.watermarks[i].token != slot.watermarks[i]) return "(void)";
    }
    return slot.envelope.payload;
  }
  void invalidate(Store& store) { ok(store.invalidate(std::vector<StoreKey>{key()})); }
  void renew(Store& store, WatermarkId id) { ok(store.renew(std::vector<WatermarkId>{id})); }

  const WatermarkId a_ = WatermarkId::of("tag:a");
  const WatermarkId b_ = WatermarkId::of("tag:b");
  kit::World world_;
  kit::PlainStore plain_from_{world_};
  kit::PlainStore plain_to_{world_};
  GatedStore::Log log_;
  GatedStore from_{plain_from_, "old", log_};
  GatedStore to_{plain_to_, "new", log_};
};

}  // namespace headrace::moving
