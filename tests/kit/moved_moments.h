// kit/moved_moments.h: a server's moments as they would be if time had been let pass by hand.
//
// Each step moves all moments after the last that was seen; those before stay, so that what was
// written then is as much older as the step is long.
//
// Threads: belongs to one thread.  Errors: none.  Lifetimes: values.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ranges>
#include <vector>

namespace headrace::kit {

class MovedMoments {
 public:
  void advance(std::chrono::microseconds time) {
    const std::int64_t before = steps_.empty() ? 0 : steps_.back().moved;
    steps_.push_back({.after = last_, .moved = before + time.count()});
  }
  // What the server says, as it is to be shown.
  void show(google::protobuf::Timestamp& moment) {
    const std::int64_t real = micros(moment);
    last_ = std::max(last_, real);
    set(moment, real + moved_at(real));
  }
  // What was shown, as the server has said it.
  void hide(google::protobuf::Timestamp& moment) const {
    const std::int64_t shown = micros(moment);
    for (const Step& step : steps_ | std::views::reverse) {
      if (shown - step.moved > step.after) return set(moment, shown - step.moved);
    }
  }

 private:
  struct Step {
    std::int64_t after = 0;
    std::int64_t moved = 0;  // In all.
  };
  [[nodiscard]] std::int64_t moved_at(std::int64_t real) const {
    for (const Step& step : steps_ | std::views::reverse) {
      if (real > step.after) return step.moved;
    }
    return 0;
  }
  static std::int64_t micros(const google::protobuf::Timestamp& moment) {
    return moment.seconds() * 1'000'000 + moment.nanos() / 1000;
  }
  static void set(google::protobuf::Timestamp& moment, std::int64_t micros) {
    moment.set_seconds(micros / 1'000'000);
    moment.set_nanos(static_cast<std::int32_t>(micros % 1'000'000 * 1000));
  }

  std::vector<Step> steps_;
  std::int64_t last_ = 0;
};

}  // namespace headrace::kit
